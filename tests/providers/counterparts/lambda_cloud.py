"""Lambda's recorded exchanges."""

from providers.lambda_cloud import API_KEY, classify
from tests.providers.counterpart import MARK, recorded

COUNTERPART = recorded("lambda", credentials={API_KEY: MARK}, classify=classify)
