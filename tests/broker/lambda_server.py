"""Lambda's recorded answers at a local address, for tests of what a poll comes to."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.providers.exchanges import Recording, serving

SECRET = "tng-test-key-of-lambda"


@contextmanager
def lambda_answers() -> Iterator[dict[str, str]]:
    """Serve them; return the environment that a poll needs."""
    with serving(Recording.of("lambda")) as url:
        yield {"TONNAGE_LAMBDA_URL": url, "TONNAGE_LAMBDA_API_KEY": SECRET}
