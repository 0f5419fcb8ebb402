"""DigitalOcean's recorded exchanges."""

from providers.digitalocean import API_KEY, classify
from tests.providers.counterpart import MARK, recorded

COUNTERPART = recorded(
    "digitalocean",
    credentials={API_KEY: MARK},
    classify=classify,
    second_page=lambda asked: "page=2" in asked.target.split("?")[-1].split("&"),
)
