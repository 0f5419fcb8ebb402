"""Prime Intellect: whole configurations, a disk that cannot be left out, totals that change."""

import json
from decimal import Decimal
from typing import Any

import pytest

from pricing.offer import Offer, OfferClass, StockState, Terms
from providers.errors import ErrorKind
from providers.http import no_codes
from providers.primeintellect import CLUSTERS, SINGLE, SUPPLIER, classify
from providers.reading import ReadingState, read
from providers.supplier import Answer, Ask, Page, SkipReason
from tests.providers.counterpart import NOW
from tests.providers.counterparts.primeintellect import COUNTERPART
from tests.providers.faults import Asked, Fault, as_json, proxied

DISK = {"minCount": 100, "pricePerUnit": 0.00014, "defaultIncludedInPrice": False}


def a_row(**changes: Any) -> dict[str, Any]:
    prices = {"onDemand": 6.98, "communityPrice": None, "isVariable": None, "currency": "USD"}
    return {
        "cloudId": "NVIDIA H100 80GB HBM3",
        "gpuType": "H100_80GB",
        "socket": "SXM5",
        "provider": "runpod",
        "region": "united_states",
        "dataCenter": "US-KS-2",
        "gpuCount": 2,
        "disk": None,
        "stockStatus": "High",
        "security": "secure_cloud",
        "prices": prices | changes.pop("prices", {}),
        "isSpot": False,
        "prepaidTime": None,
    } | changes


def parsed(*rows: dict[str, Any], call: str = SINGLE) -> Answer:
    body = json.dumps({"items": rows, "totalCount": len(rows)}).encode()
    return SUPPLIER.parse([Page(call=call, url="u", body=body, fetched_at=NOW)])


def the_offer(*, call: str = SINGLE, **changes: Any) -> Offer:
    (offer,) = parsed(a_row(**changes), call=call).offers
    return offer


def test_a_price_is_for_the_whole_configuration() -> None:
    offer = the_offer()

    assert offer.price is not None
    assert offer.price.per_instance.amount == Decimal("6.98")
    assert offer.price.per_gpu.amount == Decimal("3.49")
    assert offer.executable_price is None


def test_a_disk_that_is_not_included_makes_the_executable_price() -> None:
    offer = the_offer(disk=DISK)

    assert offer.price is not None
    assert offer.price.per_instance.amount == Decimal("6.98")
    assert offer.executable_price is not None
    assert offer.executable_price.amount == Decimal("6.994")
    assert offer.flags == ("disk_extra",)


@pytest.mark.parametrize(
    "disk",
    [
        DISK | {"defaultIncludedInPrice": True},
        DISK | {"minCount": 0},
        DISK | {"pricePerUnit": None},
    ],
    ids=["included", "none needed", "free"],
)
def test_a_disk_that_costs_nothing_more_leaves_the_price_as_it_is(disk: dict[str, Any]) -> None:
    offer = the_offer(disk=disk)

    assert offer.executable_price is None
    assert offer.flags == ()


def test_one_name_for_one_two_and_eight_gpus_is_three_offers() -> None:
    answer = parsed(*[a_row(gpuCount=count) for count in (1, 2, 8)])

    assert [offer.gpu_count for offer in answer.offers] == [1, 2, 8]
    assert answer.warnings == ()


@pytest.mark.parametrize(
    ("level", "state"),
    [
        ("Available", StockState.IN_STOCK),
        ("Low", StockState.IN_STOCK),
        ("Unavailable", StockState.OUT_OF_STOCK),
        ("Out of Stock", StockState.OUT_OF_STOCK),
        ("Somewhat", StockState.UNKNOWN),
        (None, StockState.UNKNOWN),
    ],
)
def test_a_level_stays_a_word_and_never_becomes_a_number(
    level: str | None, state: StockState
) -> None:
    stock = the_offer(stockStatus=level).stock

    assert (stock.state, stock.count, stock.raw) == (state, None, level)


def test_spot_prepaid_and_community_are_told_apart() -> None:
    assert the_offer(isSpot=True).terms is Terms.SPOT
    prepaid = the_offer(prepaidTime=720)
    assert (prepaid.terms, prepaid.flags) == (Terms.RESERVED, ("prepaid",))
    community = the_offer(
        security="community_cloud", prices={"onDemand": None, "communityPrice": 5.2}
    )
    assert community.offer_class is OfferClass.COMMUNITY
    assert community.price is not None
    assert community.price.amount == Decimal("5.2")


def test_a_price_that_moves_by_itself_says_so() -> None:
    assert the_offer(prices={"isVariable": True}).flags == ("variable_price",)


def test_a_cluster_is_one_offer_of_all_its_gpus() -> None:
    offer = the_offer(call=CLUSTERS, gpuCount=16, interconnectType="Infiniband")

    assert (offer.gpu_count, offer.interconnect) == (16, "infiniband")
    assert offer.flags == ("multi_node",)


def test_a_configuration_without_a_data_centre_is_in_the_region_of_its_cloud() -> None:
    assert the_offer(dataCenter=None).region == "runpod/united_states"
    assert the_offer(dataCenter=None, region=None).region == "runpod"


def test_another_currency_stays_and_nonsense_is_left_out() -> None:
    euro = the_offer(prices={"currency": "EUR"})
    assert euro.price is not None
    assert euro.price.currency == "EUR"
    answer = parsed(a_row(prices={"currency": "credits"}))
    assert [skip.reason for skip in answer.skips] == [SkipReason.MALFORMED]


def test_a_total_that_shrinks_between_pages_ends_the_reading() -> None:
    def fewer(content: Any) -> Any:
        return {**content, "totalCount": 1}

    def plan(asked: Asked) -> Fault | None:
        return Fault(edit=as_json(fewer)) if "page=2" in asked.target else None

    with COUNTERPART.serve() as upstream, proxied(upstream, plan) as proxy:
        reading = read(SUPPLIER, Ask(), COUNTERPART.access(proxy.url))

    assert reading.state is ReadingState.OK
    assert len(reading.answer.offers) == len(COUNTERPART.recording.expected_offers)


def test_a_total_that_is_never_reached_leaves_the_answer_partial() -> None:
    def more(content: Any) -> Any:
        return {**content, "totalCount": 9}

    def plan(asked: Asked) -> Fault | None:
        if "page=3" in asked.target:
            return Fault(
                body=b'{"items": [], "totalCount": 9}', headers={"content-type": "application/json"}
            )
        return Fault(edit=as_json(more)) if "availability/gpus" in asked.target else None

    with COUNTERPART.serve() as upstream, proxied(upstream, plan) as proxy:
        reading = read(SUPPLIER, Ask(), COUNTERPART.access(proxy.url))

    assert reading.state is ReadingState.PARTIAL
    assert "4 of 9 rows" in (reading.message or "")
    assert [asked.target for asked in proxy.asked if "page=3" in asked.target]


def test_without_the_clusters_the_machines_are_still_told() -> None:
    def plan(asked: Asked) -> Fault | None:
        return Fault(status=404, body=b"{}") if "multi-node" in asked.target else None

    with COUNTERPART.serve() as upstream, proxied(upstream, plan) as proxy:
        reading = read(SUPPLIER, Ask(), COUNTERPART.access(proxy.url))

    assert reading.state is ReadingState.PARTIAL
    assert reading.kind is ErrorKind.NOT_FOUND
    assert {offer.gpu_count for offer in reading.answer.offers} == {1, 2, 8}


def test_details_come_as_a_text_or_as_a_list() -> None:
    assert classify(402, {"detail": "Insufficient funds"}) == (None, None)
    assert classify(422, {"detail": [{"type": "greater_than_equal"}]}) == (
        None,
        "greater_than_equal",
    )
    assert classify(422, {"detail": []}) == no_codes(422, None)
