"""Nebius over real gRPC: prices that are none, stock that is ours to blame, faults and retries."""

import json
import logging
import time
from decimal import Decimal
from threading import Event
from typing import Any

import grpc
import pytest

from pricing.holding import HoldingState
from pricing.offer import StockState, Terms
from providers import nebius, nebius_pages, nebius_sdk
from providers.access import Access
from providers.errors import ErrorKind
from providers.http import ATTEMPTS
from providers.offer_book import OfferBook
from providers.reading import Reading, ReadingState, read
from providers.supplier import Answer, Ask, Capability, Page, PlaceState, SkipReason
from tests.providers.counterpart import MARK, NOW
from tests.providers.counterparts.nebius import (
    ESTIMATES,
    MESSAGES,
    Call,
    GrpcFault,
    Plan,
    environment,
    listening,
)

EVERYTHING = Ask()
PLATFORMS = "nebius.compute.v1.PlatformService/List"
ADVICE = "nebius.capacity.v1.ResourceAdviceService/List"
PROJECTS = "nebius.iam.v2.ProjectService/List"
H200 = "gpu-h200-sxm", "8gpu-128vcpu-1600gb"


def access_to(address: str, **more: Any) -> Access:
    settings = {**environment(address), nebius_sdk.IAM_ACCESS: MARK, **more.pop("set", {})}
    more.setdefault("sleep", lambda _seconds: None)
    return Access(environment=settings, now=lambda: NOW, **more)


def asked(plan: Plan, ask: Ask = EVERYTHING, **more: Any) -> tuple[Reading, list[Call]]:
    with listening(plan) as server:
        return read(nebius.SUPPLIER, ask, access_to(server.address, **more)), server.calls


def on(method: str, fault: GrpcFault, *, times: int = 10**6, **said: str) -> Plan:
    """Return a plan that answers so the first times that a method is asked with these words."""
    left = [times]

    def plan(call: Call) -> GrpcFault | None:
        fits = all(call.content.get(name) == value for name, value in said.items())
        if call.method != method or not fits or left[0] == 0:
            return None
        left[0] -= 1
        return fault

    return plan


def on_all(fault: GrpcFault) -> Plan:
    return lambda _call: fault


def a_page(call: str, content: Any, location: str | None = None) -> Page:
    body = json.dumps(content).encode()
    return Page(call=call, location=location, url="https://x", body=body, fetched_at=NOW)


def platforms() -> Page:
    resources = {"vcpu_count": 128, "memory_gibibytes": 1600, "gpu_count": 8}
    platform = {
        "metadata": {"id": "p", "name": H200[0]},
        "spec": {
            "gpu_memory_gigabytes": 141,
            "presets": [{"name": H200[1], "resources": resources}],
        },
    }
    return a_page(nebius_sdk.PLATFORMS, {"items": [platform]}, "eu-north1")


def an_estimate(*costs: str, market: str = "on_demand", currency: str = "usd") -> Page:
    totals = [
        {"aggregation_unit": {"unit": "hour"}, "general": {"total": {"cost": cost}}}
        for cost in costs
    ]
    answer = {"total_costs": totals, "currency": currency}
    about = {"platform": H200[0], "preset": H200[1], "market": market}
    return a_page(nebius_sdk.ESTIMATE, {**about, "answer": answer}, "eu-north1")


def advice(*rows: tuple[str, str, int, int]) -> Page:
    machine = {"platform": H200[0], "preset": {"name": H200[1]}}
    items = [
        {
            "spec": {"region": "eu-north1", "compute_instance": machine},
            "status": {
                "on_demand": {
                    "data_state": f"DATA_STATE_{state}",
                    "availability_level": f"AVAILABILITY_LEVEL_{level}",
                    "available": available,
                    "limit": limit,
                }
            },
        }
        for state, level, available, limit in rows
    ]
    return a_page(nebius_sdk.ADVICE_LIST, {"items": items})


def a_block(state: str, interval: str = "", **more: Any) -> Page:
    status = {
        "region": "eu-north1",
        "resource_affinity": {"compute_v1": {"fabric": "f", "platform": "gpu-b200-sxm"}},
        "state": state,
        "current_limit": 64,
        "usage": 0,
        "current_continuous_interval": {"state": interval},
        **more,
    }
    block = {"metadata": {"id": "b", "name": "b"}, "status": status}
    return a_page(nebius_sdk.BLOCKS, {"items": [block]})


def answer_of(*pages: Page) -> Answer:
    return nebius_pages.read_answer(pages, OfferBook(profile=nebius.PROFILE))


@pytest.mark.parametrize(
    "estimate",
    [
        an_estimate("0"),
        an_estimate(),
        an_estimate("36.00", "25000"),
        an_estimate("36.00", currency="eur"),
    ],
    ids=["zero", "none", "two hourly totals", "another currency"],
)
def test_what_is_not_one_hourly_price_in_dollars_is_no_price(estimate: Page) -> None:
    answer = answer_of(platforms(), estimate)

    assert answer.offers == ()
    assert [skip.reason for skip in answer.skips] == [SkipReason.UNPRICED]


def test_our_contracts_price_is_an_offer_of_its_own_where_it_differs_from_the_list() -> None:
    listed, ours = an_estimate("36.00"), an_estimate("28.80", market="contract")

    both = answer_of(platforms(), listed, ours).offers
    same = answer_of(platforms(), listed, an_estimate("36.0", market="contract")).offers

    told = {(o.terms, o.price_kind, o.price.per_gpu.amount) for o in both if o.price}
    assert told == {
        (Terms.ON_DEMAND, None, Decimal("4.5")),
        (Terms.RESERVED, "contract", Decimal("3.6")),
    }
    assert [offer.terms for offer in same] == [Terms.ON_DEMAND]


@pytest.mark.parametrize(
    ("rows", "state", "count"),
    [
        ([("FRESH", "HIGH", 9, 32)], StockState.IN_STOCK, 9),
        ([("FRESH", "MEDIUM", 0, 32)], StockState.OUT_OF_STOCK, 0),
        ([("FRESH", "LIMIT_REACHED", 0, 16)], StockState.RESTRICTED, None),
        ([("FRESH", "HIGH", 0, 0)], StockState.RESTRICTED, None),
        ([("FRESH", "UNKNOWN", 0, 0)], StockState.UNKNOWN, None),
        ([("STALE", "HIGH", 9, 32)], StockState.UNKNOWN, None),
        ([("UNKNOWN", "HIGH", 9, 32)], StockState.UNKNOWN, None),
        ([("FRESH", "LOW", 1, 32), ("FRESH", "HIGH", 5, 32)], StockState.IN_STOCK, 5),
        ([("FRESH", "LOW", 1, 32), ("STALE", "HIGH", 5, 32)], StockState.IN_STOCK, 1),
    ],
)
def test_our_quota_is_not_their_stock_and_what_is_not_fresh_is_unknown(
    rows: list[tuple[str, str, int, int]], state: StockState, count: int | None
) -> None:
    (offer,) = answer_of(platforms(), an_estimate("36.00"), advice(*rows)).offers

    assert (offer.stock.state, offer.stock.count) == (state, count)
    assert offer.stock.raw is not None


@pytest.mark.parametrize(
    ("block", "state"),
    [
        (a_block("STATE_ALLOCATING"), HoldingState.SCHEDULED),
        (a_block("STATE_SHUTTING"), HoldingState.EXPIRED),
        (a_block("STATE_INACTIVE", "STATE_SCHEDULED"), HoldingState.SCHEDULED),
        (a_block("STATE_INACTIVE", "STATE_EXPIRED"), HoldingState.EXPIRED),
        (a_block("STATE_NEW"), HoldingState.UNKNOWN),
    ],
)
def test_a_block_that_is_inactive_begins_later_or_is_over(block: Page, state: HoldingState) -> None:
    (holding,) = answer_of(block).holdings

    assert holding.state is state
    assert holding.next_change is None


def test_a_block_of_another_service_is_no_machine() -> None:
    answer = answer_of(a_block("STATE_ACTIVE", resource_affinity={}))

    assert answer.holdings == ()
    assert [skip.reason for skip in answer.skips] == [SkipReason.NO_SHAPE]


def test_only_the_five_questions_are_asked_and_lists_are_read_to_their_end() -> None:
    reading, calls = asked(lambda _call: None)

    assert reading.state is ReadingState.OK
    assert {call.method for call in calls} == set(MESSAGES)
    tokens = [(call.method, call.content["page_token"]) for call in calls if _is_next(call)]
    assert tokens == [(PROJECTS, "projects-2"), (ADVICE, "advice-2")]


def test_a_second_page_that_fails_makes_the_answer_partial() -> None:
    fault = GrpcFault(code=grpc.StatusCode.INTERNAL)
    reading, _ = asked(on(PROJECTS, fault, page_token="projects-2"))

    assert reading.state is ReadingState.PARTIAL
    assert reading.kind is ErrorKind.TRANSIENT
    assert {offer.region for offer in reading.answer.offers} == {"eu-north1"}


def test_a_region_that_is_down_leaves_the_others_alone() -> None:
    fault = GrpcFault(code=grpc.StatusCode.NOT_FOUND)
    reading, _ = asked(on(PLATFORMS, fault, parent_id="project-e00aa"))

    states = {place.region: place.state for place in reading.places}
    assert reading.state is ReadingState.PARTIAL
    assert states["eu-north1"] is PlaceState.FAILED
    assert states["us-central1"] is PlaceState.OK
    assert {offer.region for offer in reading.answer.offers} == {"us-central1"}


def test_prices_without_advice_are_offers_of_unknown_stock() -> None:
    reading, _ = asked(on(ADVICE, GrpcFault(code=grpc.StatusCode.PERMISSION_DENIED)))

    assert reading.state is ReadingState.PARTIAL
    assert reading.kind is ErrorKind.PERMISSION
    assert len(reading.answer.offers) == 7
    assert {offer.stock.state for offer in reading.answer.offers} == {StockState.UNKNOWN}


def test_what_is_unavailable_once_is_asked_again_after_a_pause_by_one_owner() -> None:
    slept: list[float] = []
    unavailable = GrpcFault(code=grpc.StatusCode.UNAVAILABLE)
    reading, calls = asked(on(PLATFORMS, unavailable, times=1), sleep=slept.append)

    assert reading.state is ReadingState.OK
    assert len(slept) == 1
    assert len([call for call in calls if call.method == PLATFORMS]) == 3  # in two regions


@pytest.mark.parametrize(
    ("code", "message", "kind", "attempts"),
    [
        (grpc.StatusCode.UNAVAILABLE, "connection reset", ErrorKind.TRANSIENT, ATTEMPTS),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "slow down", ErrorKind.THROTTLED, ATTEMPTS),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "Quota exceeded", ErrorKind.QUOTA, 1),
        (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "not enough resources",
            ErrorKind.CAPACITY_UNAVAILABLE,
            1,
        ),
    ],
)
def test_what_is_exhausted_is_told_by_the_message_and_only_patience_is_tried_again(
    code: grpc.StatusCode, message: str, kind: ErrorKind, attempts: int
) -> None:
    reading, calls = asked(on_all(GrpcFault(code=code, message=message)), _offers_only())

    assert reading.state is ReadingState.FAILED
    assert reading.kind is kind
    assert len(calls) == attempts


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, ErrorKind.AUTH),
        (grpc.StatusCode.PERMISSION_DENIED, ErrorKind.PERMISSION),
        (grpc.StatusCode.INVALID_ARGUMENT, ErrorKind.INVALID_REQUEST),
        (grpc.StatusCode.FAILED_PRECONDITION, ErrorKind.CONFLICT),
    ],
)
def test_a_refusal_is_not_asked_again(code: grpc.StatusCode, kind: ErrorKind) -> None:
    reading, calls = asked(on_all(GrpcFault(code=code)), _offers_only())

    assert reading.state is ReadingState.FAILED
    assert reading.kind is kind
    assert len(calls) == 1


def test_a_service_that_hangs_is_given_up_at_the_deadline() -> None:
    over = Event()
    try:
        reading, _ = asked(
            on_all(GrpcFault(hang=lambda: over.wait(0.6))), deadline=time.monotonic() + 0.3
        )
    finally:
        over.set()

    assert reading.state is ReadingState.FAILED
    assert reading.kind is ErrorKind.TRANSIENT


def test_bytes_that_are_no_message_are_reported_as_changed() -> None:
    cut_short = GrpcFault(body=b"\x0a\x7fno 127 bytes follow")
    reading, _ = asked(on_all(cut_short), _offers_only())

    assert reading.state is ReadingState.FAILED
    assert reading.kind is ErrorKind.CONTRACT


def test_a_preset_that_is_not_sold_is_left_out_alone() -> None:
    reading, _ = asked(
        on(ESTIMATES, GrpcFault(code=grpc.StatusCode.INVALID_ARGUMENT), preset=H200[1])
    )

    assert reading.state is ReadingState.OK
    unpriced = {s.native_id for s in reading.answer.skips if s.reason is SkipReason.UNPRICED}
    assert "/".join(H200) in unpriced
    assert {offer.gpu.part for offer in reading.answer.offers} == {"B200-SXM"}


def test_only_the_gpus_and_regions_that_are_wanted_are_priced() -> None:
    ask = Ask(regions=frozenset({"eu-north1"}), gpu_models=frozenset({"H200"}))
    _, calls = asked(lambda _call: None, ask)

    priced = {(c.content["project"], c.content["platform"]) for c in calls if c.method == ESTIMATES}
    assert priced == {("project-e00aa", "gpu-h200-sxm")}


def test_an_address_elsewhere_never_gets_the_credential() -> None:
    reading = read(nebius.SUPPLIER, EVERYTHING, access_to("https://elsewhere.example"))

    assert reading.state is ReadingState.FAILED
    assert reading.kind is ErrorKind.CONTRACT


def test_a_wrong_credential_is_told_without_showing_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = {nebius_sdk.IAM_ACCESS: f"not-{MARK}"}
    reading, calls = asked(lambda _call: None, set=wrong)

    assert reading.kind is ErrorKind.AUTH
    assert calls == []
    assert MARK not in caplog.text
    assert MARK not in repr(reading)


def test_a_file_of_credentials_that_cannot_be_read_is_an_auth_error() -> None:
    gone = {nebius_sdk.IAM_ACCESS: "", nebius_sdk.CREDENTIALS_FILE: "/nowhere/credentials.json"}
    reading, _ = asked(lambda _call: None, set=gone)

    assert reading.kind is ErrorKind.AUTH
    assert reading.message is not None
    assert nebius_sdk.CREDENTIALS_FILE in reading.message


def _is_next(call: Call) -> bool:
    return bool(call.content.get("page_token"))


def _offers_only() -> Ask:
    return Ask(wanted=frozenset({Capability.OFFERS}))
