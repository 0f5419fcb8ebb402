"""Prime Intellect's recorded exchanges."""

from providers.primeintellect import API_KEY, classify
from tests.providers.counterpart import MARK, recorded

COUNTERPART = recorded(
    "primeintellect",
    credentials={API_KEY: MARK},
    classify=classify,
    second_page=lambda asked: "page=2" in asked.target.split("?")[-1].split("&"),
)
