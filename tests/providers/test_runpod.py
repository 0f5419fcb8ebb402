"""RunPod: two clouds that are never one offer, levels that are no numbers, slices that are no GPUs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pricing.offer import Offer, OfferClass, StockState
from providers.runpod import CATALOGUE, classify
from providers.supplier import Answer, Ask, Capability, SkipReason
from tests.providers.asked import asked, offers_of, parsed, per_gpu, recorded_page


def catalogue(**changes: Any) -> Answer:
    """Return what the recorded catalogue says with fields of its first GPU, a B200, changed."""

    def edit(content: Any) -> None:
        content["gpus"][0].update(changes)

    return parsed("runpod", recorded_page("runpod", "catalogue", call=CATALOGUE, edit=edit))


def b200s(answer: Answer, offer_class: OfferClass) -> list[Offer]:
    return [offer for offer in offers_of(answer, "NVIDIA B200") if offer.offer_class is offer_class]


def test_the_secure_and_the_community_cloud_are_different_offers_at_different_prices() -> None:
    answer = catalogue()
    secure, community = (b200s(answer, each)[0] for each in OfferClass)
    assert (per_gpu(secure), per_gpu(community)) == (Decimal("6.79"), Decimal("5.98"))


def test_a_community_offer_says_nothing_of_place_or_stock() -> None:
    (community,) = b200s(catalogue(), OfferClass.COMMUNITY)
    assert community.region is None
    assert community.stock.is_obtainable is None


def test_an_offer_is_one_gpu_and_says_how_many_a_pod_may_have() -> None:
    offers = b200s(catalogue(maxCount={"secure": 6, "community": 8}), OfferClass.SECURE)
    assert {(offer.gpu_count, offer.flags) for offer in offers} == {(1, ("up-to-6-gpus",))}


@pytest.mark.parametrize("level", ["HIGH", "MEDIUM", "LOW"])
def test_a_level_is_kept_as_a_word_and_never_becomes_a_number(level: str) -> None:
    (offer,) = b200s(
        catalogue(dataCenters=[{"id": "US-KS-2", "availability": level}]), OfferClass.SECURE
    )
    assert offer.stock.state is StockState.IN_STOCK
    assert (offer.stock.count, offer.stock.raw) == (None, level)


def test_a_level_nobody_has_seen_before_is_unknown_stock() -> None:
    (offer,) = b200s(
        catalogue(dataCenters=[{"id": "US-KS-2", "availability": "SOON"}]), OfferClass.SECURE
    )
    assert (offer.stock.state, offer.stock.raw) == (StockState.UNKNOWN, "SOON")


def test_a_gpu_without_a_data_centre_is_still_listed_and_priced() -> None:
    (offer,) = b200s(catalogue(dataCenters=None, availability="NONE"), OfferClass.SECURE)
    assert offer.region is None
    assert offer.price is not None
    assert offer.stock.state is StockState.OUT_OF_STOCK


def test_a_cloud_that_does_not_offer_the_gpu_makes_no_offer_whatever_price_stands_there() -> None:
    assert not b200s(catalogue(community=False), OfferClass.COMMUNITY)


def test_a_gpu_that_neither_cloud_offers_is_told() -> None:
    answer = catalogue(secure=False, community=False)
    assert not offers_of(answer, "NVIDIA B200")
    assert ("NVIDIA B200", SkipReason.NO_SHAPE) in {
        (skip.native_id, skip.reason) for skip in answer.skips
    }


@pytest.mark.parametrize("price", [None, 0])
def test_no_price_and_a_price_of_zero_are_unpriced_and_leave_the_other_cloud_alone(
    price: int | None,
) -> None:
    answer = catalogue(price={"secure": price, "community": 5.98, "serverless": None})
    assert not b200s(answer, OfferClass.SECURE)
    assert b200s(answer, OfferClass.COMMUNITY)
    assert SkipReason.UNPRICED in {skip.reason for skip in answer.skips}


@pytest.mark.parametrize("name", ["NVIDIA H200 MIG 1g.18gb", "NVIDIA B200 MIG 3g.90gb"])
def test_a_mig_slice_is_never_priced_as_a_whole_gpu_even_one_not_seen_before(name: str) -> None:
    answer = catalogue(id=name)
    assert not offers_of(answer, name)
    assert (name, SkipReason.GPU_SLICE) in {(skip.native_id, skip.reason) for skip in answer.skips}


def test_stock_is_asked_for_a_named_product_without_which_it_is_refused() -> None:
    _, requests = asked("runpod")
    assert [request.target for request in requests] == [
        "/v2/catalog/gpus?include=AVAILABILITY&product=POD"
    ]


def test_nothing_is_asked_when_nothing_is_wanted_that_it_can_tell() -> None:
    _, requests = asked("runpod", ask=Ask(wanted=frozenset({Capability.HOLDINGS})))
    assert not requests


def test_a_problem_document_is_named_by_its_title_and_judged_by_its_status() -> None:
    problem = {"title": "Unprocessable Entity", "status": 422, "detail": "Validation failed."}
    assert classify(422, problem) == (None, "Unprocessable Entity")
    assert classify(502, None) == (None, None)
