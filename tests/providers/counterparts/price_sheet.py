"""A directory of price sheets: files on a disk stand in for exchanges."""

from collections.abc import Iterator
from contextlib import contextmanager

from providers.price_sheet import DIRECTORY
from tests.providers.counterpart import Counterpart
from tests.providers.exchanges import FIXTURES, Recording

SHEETS = FIXTURES / "price_sheet" / "sheets"

NO_NETWORK = "files are read from a disk; nothing is asked over a network"
NO_JSON = "sheets are CSV; test_price_sheet.py breaks them in ways that CSV breaks"


@contextmanager
def directory() -> Iterator[str]:
    """Yield where the sheets lie."""
    yield str(SHEETS)


COUNTERPART = Counterpart(
    key="price_sheet",
    recording=Recording.of("price_sheet"),
    serve=directory,
    environment=lambda _url: {DIRECTORY: str(SHEETS)},
    exempt={
        "rate limit": NO_NETWORK,
        "refusal": NO_NETWORK,
        "time out": NO_NETWORK,
        "redirect": NO_NETWORK,
        "malformed": NO_JSON,
        "renamed field": NO_JSON,
    },
)
