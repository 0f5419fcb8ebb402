"""SF Compute's recorded exchanges."""

from providers.sfcompute import API_KEY, classify
from tests.providers.counterpart import MARK, recorded

COUNTERPART = recorded(
    "sfcompute",
    credentials={API_KEY: MARK},
    classify=classify,
    second_page=lambda asked: "starting_after=" in asked.target,
    exempt={"unknown gpu": "the GPU is the end of the SKU's alias, no text of its own"},
)
