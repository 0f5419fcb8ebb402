"""DigitalOcean: terms in the slug, sizes without region or price, memory in all or of one GPU."""

import json
from decimal import Decimal
from typing import Any

import pytest

from pricing.offer import Offer, StockState, Terms
from providers.access import Access
from providers.digitalocean import SUPPLIER, classify, terms_of
from providers.errors import ErrorKind
from providers.reading import ReadingState, read
from providers.supplier import Answer, Ask, Capability, Page, SkipReason
from tests.providers.counterpart import NOW
from tests.providers.counterparts.digitalocean import COUNTERPART
from tests.providers.faults import Fault, as_json, proxied


def a_size(slug: str = "gpu-h100x8-640gb", **changes: Any) -> dict[str, Any]:
    return {
        "slug": slug,
        "memory": 1966080,
        "vcpus": 160,
        "price_hourly": 35.28,
        "regions": ["nyc2"],
        "available": True,
        "gpu_info": {"count": 8, "vram": {"amount": 640, "unit": "gib"}, "model": "nvidia_h100"},
    } | changes


def parsed(*sizes: dict[str, Any]) -> Answer:
    body = json.dumps({"sizes": sizes, "links": {}, "meta": {"total": len(sizes)}}).encode()
    return SUPPLIER.parse([Page(call="sizes", url="u", body=body, fetched_at=NOW)])


def the_offer(**changes: Any) -> Offer:
    (offer,) = parsed(a_size(**changes)).offers
    return offer


@pytest.mark.parametrize(
    ("slug", "terms"),
    [
        ("gpu-h100x8-640gb", Terms.ON_DEMAND),
        ("gpu-b300x8-2304gb-spot", Terms.SPOT),
        ("gpu-b300x8-2304gb-lc-spot", Terms.SPOT),
        ("gpu-h100x8-640gb-contracted", Terms.RESERVED),
        ("gpu-h200x8-1128gb-fabric-contracted", Terms.RESERVED),
    ],
)
def test_the_suffix_of_the_slug_states_the_terms(slug: str, terms: Terms) -> None:
    assert terms_of(slug) is terms


def test_a_price_is_for_the_whole_droplet() -> None:
    offer = the_offer()

    assert offer.price is not None
    assert offer.price.per_instance.amount == Decimal("35.28")
    assert offer.price.per_gpu.amount == Decimal("4.41")
    assert offer.memory_gib == 1920


def test_a_contracted_size_without_a_price_is_an_offer_and_an_unpriced_one_on_demand_is_not() -> (
    None
):
    answer = parsed(
        a_size("gpu-h100x8-640gb-contracted", price_hourly=0.0),
        a_size("gpu-h200x8-1128gb-contracted", price_hourly=None),
        a_size("gpu-h100x8-640gb", price_hourly=0.0),
    )

    assert [(offer.price, offer.flags) for offer in answer.offers] == [
        (None, ("price_on_contract",))
    ] * 2
    assert [(skip.native_id, skip.reason) for skip in answer.skips] == [
        ("gpu-h100x8-640gb", SkipReason.UNPRICED)
    ]


def test_a_contracted_size_with_a_price_keeps_it_and_says_nothing_of_a_contract() -> None:
    offer = the_offer(slug="gpu-h100x8-640gb-contracted", price_hourly=20.0)

    assert offer.price is not None
    assert offer.terms is Terms.RESERVED
    assert offer.flags == ()


def test_a_fabric_size_says_that_its_machines_are_joined() -> None:
    assert the_offer(slug="gpu-h100x8-640gb-fabric-contracted").interconnect == "fabric"


def test_a_size_listed_for_a_region_and_not_available_is_sold_out_there() -> None:
    offer = the_offer(available=False)

    assert offer.region == "nyc2"
    assert offer.stock.state is StockState.OUT_OF_STOCK


@pytest.mark.parametrize("amount", [640, 80, 640.0], ids=["of all", "of each", "fraction"])
def test_memory_may_be_of_all_gpus_or_of_each(amount: float) -> None:
    info = {"count": 8, "vram": {"amount": amount, "unit": "gib"}, "model": "nvidia_h100"}

    assert the_offer(gpu_info=info).gpu_count == 8


@pytest.mark.parametrize(
    ("count", "amount"), [(1, 20), (0.5, 40), (1, 39.5)], ids=["memory", "count", "both"]
)
def test_a_fraction_of_a_gpu_is_no_offer(count: float, amount: float) -> None:
    info = {"count": count, "vram": {"amount": amount, "unit": "gib"}, "model": "nvidia_h100"}
    answer = parsed(a_size(gpu_info=info), *[a_size(f"other-{number}") for number in range(5)])

    assert SkipReason.GPU_SLICE in {skip.reason for skip in answer.skips}
    assert "gpu-h100x8-640gb" not in {offer.native_id for offer in answer.offers}


def test_a_link_to_the_next_page_is_asked_where_the_first_page_came_from() -> None:
    def elsewhere(content: Any) -> Any:
        link = "https://elsewhere.example/v2/sizes?page=2&per_page=200"
        return {**content, "links": {"pages": {"next": link}}}

    with (
        COUNTERPART.serve() as upstream,
        proxied(
            upstream, lambda asked: Fault(edit=as_json(elsewhere)) if asked.number == 1 else None
        ) as proxy,
    ):
        reading = read(SUPPLIER, Ask(), COUNTERPART.access(proxy.url))

    assert reading.state is ReadingState.OK
    assert [asked.target for asked in proxy.asked] == [
        "/sizes?per_page=200&page=1",
        "/sizes?page=2&per_page=200",
    ]


def test_a_page_that_follows_itself_ends_the_reading_as_partial() -> None:
    def itself(content: Any) -> Any:
        return {**content, "links": {"pages": {"next": "https://x/v2/sizes?page=2&per_page=200"}}}

    with (
        COUNTERPART.serve() as upstream,
        proxied(upstream, lambda _: Fault(edit=as_json(itself))) as proxy,
    ):
        reading = read(SUPPLIER, Ask(), COUNTERPART.access(proxy.url))

    assert reading.state is ReadingState.PARTIAL
    assert reading.kind is ErrorKind.CONTRACT
    assert len(proxy.asked) == 2


def test_nothing_is_asked_when_no_offers_are_wanted() -> None:
    fetched = SUPPLIER.fetch(Ask(wanted=frozenset({Capability.HOLDINGS})), Access())

    assert (fetched.pages, fetched.places) == ((), ())


def test_a_size_that_is_gone_is_no_invalid_request() -> None:
    gone = {"id": "unprocessable_entity", "message": "Size is not available in this region."}
    wrong = {"id": "unprocessable_entity", "message": "Name is invalid."}

    assert classify(422, gone)[0] is ErrorKind.CAPACITY_UNAVAILABLE
    assert classify(422, wrong)[0] is ErrorKind.INVALID_REQUEST
    assert classify(500, ["no object"]) == (None, None)
