"""Hyperstack's recorded exchanges; the contracts are two pages."""

from providers.hyperstack import API_KEY, classify
from tests.providers.counterpart import MARK, recorded

COUNTERPART = recorded(
    "hyperstack",
    credentials={API_KEY: MARK},
    classify=classify,
    second_page=lambda asked: "contracts?page=2" in asked.target,
)
