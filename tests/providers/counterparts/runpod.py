"""RunPod's recorded exchanges."""

from providers.runpod import API_KEY, classify
from tests.providers.counterpart import MARK, recorded

COUNTERPART = recorded("runpod", credentials={API_KEY: MARK}, classify=classify)
