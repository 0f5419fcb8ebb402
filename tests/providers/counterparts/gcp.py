"""Google's REST services, as written down by hand, behind the real clients of its SDK."""

from providers.gcp import PROJECT
from providers.gcp_calls import classify
from tests.providers.counterpart import recorded
from tests.providers.faults import Asked

TEST_PROJECT = "tonnage-test"
_REGIONS = f"/compute/v1/projects/{TEST_PROJECT}/regions"


def is_second_page(asked: Asked) -> bool:
    return "pageToken=" in asked.target


COUNTERPART = recorded(
    "gcp",
    credentials={PROJECT: TEST_PROJECT},
    classify=classify,
    second_page=is_second_page,
    searches=tuple(
        f"{_REGIONS}/{region}/advice/{question}"
        for region in ("asia-northeast3", "us-central1", "us-east4")
        for question in ("calendarMode", "capacity", "capacityHistory")
    ),
)
