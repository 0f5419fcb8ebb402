"""CoreWeave's recorded exchanges, one cluster at the same address, and the sample's price sheet."""

from functools import partial

from providers import coreweave
from tests.providers.counterpart import MARK, Counterpart
from tests.providers.exchanges import FIXTURES, Recording, serving

SHEET = FIXTURES / coreweave.KEY / "price_sheet.csv"
RECORDING = Recording.of(coreweave.KEY)


def environment(url: str) -> dict[str, str]:
    return {
        "TONNAGE_COREWEAVE_URL": url,
        coreweave.CLUSTERS: f"US-EAST-13A={url}",
        coreweave.PRICE_SHEET: str(SHEET),
    }


COUNTERPART = Counterpart(
    key=coreweave.KEY,
    recording=RECORDING,
    serve=partial(serving, RECORDING),
    credentials={coreweave.API_ACCESS: MARK},
    environment=environment,
    classify=coreweave.classify,
    second_page=lambda asked: "continue=page-2" in asked.target,
    exempt={
        "renamed field": "its prices come from a sheet in CSV, not from a JSON page; "
        "test_coreweave.py breaks the sheet and the pools instead",
    },
)
