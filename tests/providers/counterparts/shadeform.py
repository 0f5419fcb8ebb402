"""Shadeform's recorded exchanges."""

from providers.shadeform import API_KEY, classify
from tests.providers.counterpart import MARK, recorded

COUNTERPART = recorded("shadeform", credentials={API_KEY: MARK}, classify=classify)
