"""Models that are asked for, under the names that pools bear."""

import pytest

from broker.capacity.model_names import by_pool_names, pool_name
from tests.broker.capacity.pool_builders import a_spec


@pytest.mark.parametrize(
    ("written", "meant"),
    [("h100", "H100"), ("b200", "B200"), ("H100-PCIE", "H100-PCIE"), ("no-such", "no-such")],
)
def test_a_model_is_known_however_it_is_written_but_a_card_of_a_form_is_not_any_card(
    written: str, meant: str
) -> None:
    assert pool_name(written) == meant


def test_a_name_that_a_pool_bears_stays_whatever_it_looks_like() -> None:
    spec = a_spec(gpu_models=("b200", "h100"))

    assert by_pool_names(spec, {"b200"}).gpu_models == ("b200", "H100")
