"""Azure's recorded exchanges: Resource Manager and the price list, at one address."""

from functools import partial

from providers.azure import PRICES_URL_VARIABLE, SUBSCRIPTION, TOKEN
from providers.azure_errors import classify
from tests.providers.counterpart import MARK, Counterpart
from tests.providers.exchanges import Recording, serving

RECORDING = Recording.of("azure")

COUNTERPART = Counterpart(
    key="azure",
    recording=RECORDING,
    serve=partial(serving, RECORDING),
    credentials={TOKEN: MARK, SUBSCRIPTION: "00000000-0000-0000-0000-000000000000"},
    environment=lambda url: {
        "TONNAGE_AZURE_URL": url,
        PRICES_URL_VARIABLE: f"{url}/api/retail/prices",
    },
    classify=classify,
    second_page=lambda asked: "skip" in asked.target,
)
