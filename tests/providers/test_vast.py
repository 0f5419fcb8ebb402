"""Vast.ai: two cards of one name, bids beside asks, a limit without pages, refusals in plain text."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from pricing.money import USD, Money
from pricing.offer import Offer, OfferClass, StockState, StockUnit, Terms
from providers import vast
from providers.errors import ErrorKind
from providers.reading import ReadingState
from providers.supplier import Answer, Capability, Sharing, SkipReason
from tests.providers.asked import asked, parsed, recorded_page
from tests.providers.faults import Asked, Fault, always, throttled

SEARCH = "search A100 SXM4"


def answer_with(**changes: Any) -> Answer:
    """Return what a search says that found one machine of four A100, with fields changed."""

    def edit(content: Any) -> None:
        content["offers"] = [content["offers"][0] | changes]

    return parsed("vast", recorded_page("vast", SEARCH, call=SEARCH, edit=edit))


def the_offer(terms: Terms = Terms.ON_DEMAND, **changes: Any) -> Offer:
    (offer,) = (each for each in answer_with(**changes).offers if each.terms is terms)
    return offer


@pytest.mark.parametrize(
    ("mib", "part"),
    [
        (40960, "A100-SXM-40"),
        (40536, "A100-SXM-40"),
        (81920, "A100-SXM-80"),
        (81251, "A100-SXM-80"),
    ],
)
def test_one_name_is_two_cards_and_the_memory_of_one_gpu_decides(mib: int, part: str) -> None:
    assert the_offer(gpu_ram=mib).gpu.part == part


def test_a_price_is_for_all_gpus_of_the_machine_and_the_least_disk_comes_on_top() -> None:
    offer = the_offer(dph_base=2.8, dph_total=2.802083)

    assert offer.price is not None
    assert offer.price.per_instance == Money(Decimal("2.8"), USD)
    assert offer.price.per_gpu == Money(Decimal("0.7"), USD)
    assert offer.executable_price == Money(Decimal("2.802083"), USD)


def test_the_bid_that_gets_a_machine_is_its_spot_price_and_says_what_it_is() -> None:
    offer = the_offer(Terms.SPOT, min_bid=1.6)

    assert offer.price is not None
    assert offer.price.per_instance == Money(Decimal("1.6"), USD)
    assert offer.price_kind == "minimum_bid"
    assert offer.executable_price is None


@pytest.mark.parametrize("nothing", [None, 0])
def test_a_host_that_takes_no_bids_sells_on_demand_only(nothing: int | None) -> None:
    answer = answer_with(min_bid=nothing)

    assert [offer.terms for offer in answer.offers] == [Terms.ON_DEMAND]
    assert answer.skips == ()


def test_an_offer_is_one_machine() -> None:
    stock = the_offer().stock

    assert (stock.state, stock.count) == (StockState.IN_STOCK, 1)
    assert stock.count_unit is StockUnit.INSTANCE


@pytest.mark.parametrize("taken", [{"rented": True}, {"rentable": False}])
def test_a_machine_that_is_taken_is_sold_out_on_all_terms(taken: dict[str, bool]) -> None:
    states = {offer.stock.state for offer in answer_with(**taken).offers}

    assert states == {StockState.OUT_OF_STOCK}


@pytest.mark.parametrize(
    ("location", "country"),
    [
        ("Texas, US", "US"),
        ("Sweden, SE", "SE"),
        ("Seoul, Seoul, KR", "KR"),
        (", ", None),
        ("", None),
        (None, None),
        ("Somewhere", None),
        ("the UK", None),
    ],
)
def test_the_place_is_the_country_at_the_end_or_unknown(
    location: str | None, country: str | None
) -> None:
    assert the_offer(geolocation=location).region == country


@pytest.mark.parametrize(
    ("hosting", "who"), [(1, OfferClass.SECURE), (0, OfferClass.COMMUNITY), (7, None), (None, None)]
)
def test_who_stands_behind_a_machine_is_what_the_host_is_registered_as(
    hosting: int | None, who: OfferClass | None
) -> None:
    assert the_offer(hosting_type=hosting).offer_class is who


def test_each_name_is_asked_for_alone_cheapest_first_and_within_the_limit() -> None:
    _, questions = asked("vast")
    bodies = [json.loads(question.body) for question in questions]

    assert [body["gpu_name"]["eq"] for body in bodies] == list(vast.GPU_NAMES)
    assert {body["limit"] for body in bodies} == {vast.MOST_ROWS}
    assert all(body["order"] == [["dph_base", "asc"]] for body in bodies)
    assert all(body["verified"] == body["datacenter"] == {"eq": True} for body in bodies)


def test_a_poll_fits_in_its_time_at_the_pace_that_the_supplier_allows() -> None:
    profile = vast.PROFILE

    assert len(vast.GPU_NAMES) * profile.least_interval < profile.time_out


@pytest.mark.parametrize(("rows", "is_warned"), [(vast.MOST_ROWS, True), (1, False)])
def test_an_answer_as_long_as_the_limit_is_warned_of(rows: int, is_warned: bool) -> None:
    def edit(content: Any) -> None:
        machine = content["offers"][0]
        content["offers"] = [machine | {"id": number} for number in range(rows)]

    answer = parsed("vast", recorded_page("vast", SEARCH, call=SEARCH, edit=edit))

    assert [warning.startswith(f"{SEARCH}: ") for warning in answer.warnings] == [True] * is_warned
    assert len({offer.native_id for offer in answer.offers}) == rows


def test_a_name_that_fails_leaves_the_others_and_makes_the_reading_partial() -> None:
    def plan(question: Asked) -> Fault | None:
        return Fault(status=500, body=b"oops") if b'"B200"' in question.body else None

    reading, _ = asked("vast", plan)

    assert reading.state is ReadingState.PARTIAL
    assert {offer.gpu.model for offer in reading.answer.offers} == {"H100"}


def test_a_plain_text_429_is_throttling_and_is_asked_again_a_few_times() -> None:
    reading, questions = asked("vast", always(throttled()))

    assert (reading.state, reading.kind) == (ReadingState.FAILED, ErrorKind.THROTTLED)
    assert len(questions) == 4


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"success": False, "error": "invalid_user", "msg": "Invalid user key"}, ErrorKind.AUTH),
        ({"success": False, "error": "no_such_thing"}, None),
        ("Not Found", None),
        (None, None),
        ({"error": 7}, None),
    ],
)
def test_a_404_is_a_bad_key_only_where_it_says_so(content: Any, kind: ErrorKind | None) -> None:
    assert vast.classify(404, content)[0] is kind


def test_a_row_without_a_price_is_left_out_and_said() -> None:
    (skip,) = answer_with(dph_base=0, min_bid=None).skips

    assert (skip.native_id, skip.reason) == ("31003", SkipReason.UNPRICED)


def test_the_search_is_public_and_its_answers_are_for_our_own_purchases() -> None:
    profile = vast.PROFILE

    assert profile.secrets == ()
    assert profile.public == {Capability.OFFERS, Capability.STOCK}
    assert profile.sharing is Sharing.OWN_USE
    assert "index" in profile.licence
