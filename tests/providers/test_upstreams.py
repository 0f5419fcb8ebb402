"""The clouds behind a reseller, by the names that our own suppliers have."""

import pytest

from providers.upstreams import UNDISCLOSED, upstream


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("datacrunch", "verda"),
        ("lambdalabs", "lambda"),
        ("Hyperstack", "hyperstack"),
        ("excesssupply", UNDISCLOSED),
        (" ", UNDISCLOSED),
    ],
)
def test_a_cloud_has_one_name_whoever_resells_it(name: str, ours: str) -> None:
    assert upstream(name) == ours
