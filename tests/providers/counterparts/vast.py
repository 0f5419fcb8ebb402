"""Vast.ai's recorded exchanges."""

from providers.vast import classify
from tests.providers.counterpart import recorded

COUNTERPART = recorded("vast", credentials={}, classify=classify, searches=("/bundles/",))
