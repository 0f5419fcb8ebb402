"""Shadeform: the form factor beside the name, the cloud behind, sold-out rows kept."""

import json
from decimal import Decimal
from typing import Any

import pytest

from pricing.offer import Offer, StockState
from providers.errors import ErrorKind
from providers.reading import read
from providers.shadeform import PROFILE, SUPPLIER, classify
from providers.supplier import Answer, Ask, Page, Sharing, SkipReason
from tests.providers.counterpart import NOW
from tests.providers.counterparts.shadeform import COUNTERPART
from tests.providers.faults import proxied


def a_type(**changes: Any) -> dict[str, Any]:
    configuration = {
        "gpu_type": changes.pop("gpu_type", "H100"),
        "interconnect": changes.pop("interconnect", "sxm5"),
        "num_gpus": changes.pop("num_gpus", 8),
        "vcpus": 192,
        "vram_per_gpu_in_gb": 80,
    }
    return {
        "cloud": "hyperstack",
        "region": "canada-1",
        "shade_instance_type": "H100_sxm5x8",
        "configuration": configuration,
        "hourly_price": 2560,
        "deployment_type": "vm",
        "availability": [{"region": "canada-1", "available": True}],
    } | changes


def parsed(*types: dict[str, Any]) -> Answer:
    body = json.dumps({"instance_types": types}).encode()
    return SUPPLIER.parse([Page(call="instance-types", url="u", body=body, fetched_at=NOW)])


def the_offer(**changes: Any) -> Offer:
    (offer,) = parsed(a_type(**changes)).offers
    return offer


def test_a_price_is_cents_for_the_whole_instance() -> None:
    offer = the_offer(hourly_price=2561)

    assert offer.price is not None
    assert offer.price.per_instance.amount == Decimal("25.61")
    assert offer.price.per_gpu.amount == Decimal("3.201250")


@pytest.mark.parametrize(
    ("interconnect", "part"), [("sxm5", "H100-SXM"), ("pcie", "H100-PCIE"), (None, None)]
)
def test_the_form_factor_is_the_interconnect_and_never_guessed(
    interconnect: str | None, part: str | None
) -> None:
    offer = the_offer(interconnect=interconnect)

    assert offer.gpu.part == part
    assert offer.gpu_as_quoted == "H100"


def test_two_clouds_with_regions_of_one_name_are_two_places() -> None:
    offers = parsed(a_type(), a_type(cloud="nebius")).offers

    assert [offer.region for offer in offers] == ["hyperstack/canada-1", "nebius/canada-1"]
    assert [offer.upstream for offer in offers] == ["hyperstack", "nebius"]


def test_a_hidden_owner_is_undisclosed() -> None:
    assert the_offer(cloud="excesssupply").upstream == "undisclosed"


def test_a_type_that_no_region_lists_is_sold_out_where_its_cloud_has_it() -> None:
    offer = the_offer(availability=[])

    assert (offer.region, offer.stock.state) == ("hyperstack/canada-1", StockState.OUT_OF_STOCK)


def test_a_container_is_not_taken_for_a_machine() -> None:
    assert the_offer(deployment_type="container").flags == ("container",)
    assert the_offer().flags == ()


def test_a_type_without_a_price_is_left_out_as_unpriced() -> None:
    answer = parsed(a_type(hourly_price=0), a_type(hourly_price=None))

    assert answer.offers == ()
    assert {skip.reason for skip in answer.skips} == {SkipReason.UNPRICED}


def test_sold_out_rows_are_asked_for_too() -> None:
    with COUNTERPART.serve() as upstream, proxied(upstream) as proxy:
        read(SUPPLIER, Ask(), COUNTERPART.access(proxy.url))

    assert [asked.target for asked in proxy.asked] == ["/instances/types?sort=price"]


def test_its_answers_are_for_our_own_use_and_name_a_reseller() -> None:
    assert PROFILE.sharing is Sharing.OWN_USE
    assert PROFILE.is_reseller


def test_an_unknown_code_is_left_to_the_status() -> None:
    assert classify(409, {"code": "OUT_OF_STOCK"})[0] is ErrorKind.CAPACITY_UNAVAILABLE
    assert classify(400, {"code": "NEW_CODE"}) == (None, "NEW_CODE")
    assert classify(400, "plain") == (None, None)
