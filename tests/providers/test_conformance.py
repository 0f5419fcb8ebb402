"""What every supplier must pass, whoever wrote it: parametrised over the registry."""

from __future__ import annotations

import json
import logging
import os
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pricing.holding import Holding, HoldingState
from pricing.money import USD
from pricing.offer import Offer, Terms
from pricing.plausibility import UNIT_FACTORS, factor_moved, is_plausible
from providers import registry
from providers.access import Access
from providers.errors import AnswerChanged, ErrorKind, kind_of_status
from providers.offer_book import SPOT_ABOVE_ON_DEMAND
from providers.reading import Reading, ReadingState, read
from providers.supplier import Ask, Capability, Page, Paging, Profile, SkipReason, Supplier
from tests.providers.counterpart import MARK, NOW, Counterpart, counterpart
from tests.providers.faults import (
    Asked,
    Fault,
    Plan,
    Proxy,
    always,
    cut_short,
    first,
    never,
    page_of_html,
    proxied,
    throttled,
)

EVERYTHING = Ask()
ATTEMPTS = 4

ERRORS = {
    "rate_limit": ErrorKind.THROTTLED,
    "forbidden": ErrorKind.PERMISSION,
    "capacity": ErrorKind.CAPACITY_UNAVAILABLE,
    "invalid": ErrorKind.INVALID_REQUEST,
}
"""The recordings' names of errors where they are not ours."""

every_supplier = pytest.mark.parametrize("key", list(registry.SUPPLIERS))


def suppliers_but(check: str) -> pytest.MarkDecorator:
    """Parametrise over the suppliers to which a check applies; the others say why it does not."""
    keys = [key for key in registry.SUPPLIERS if check not in counterpart(key).exempt]
    return pytest.mark.parametrize("key", keys)


@pytest.fixture
def supplier(key: str) -> Supplier:
    return registry.supplier(key)


@pytest.fixture
def profile(supplier: Supplier) -> Profile:
    return supplier.profile


@pytest.fixture
def against(key: str) -> Counterpart:
    return counterpart(key)


@cache  # a reading is a value, and some counterparts take a second to give it
def _reading_of(key: str) -> Reading:
    with asking(counterpart(key)) as (_, access):
        return read(registry.supplier(key), EVERYTHING, access)


@pytest.fixture
def reading(key: str) -> Reading:
    return _reading_of(key)


@contextmanager
def asking(against: Counterpart, plan: Plan = never, **more: Any) -> Iterator[tuple[Proxy, Access]]:
    with against.serve() as upstream, proxied(upstream, plan) as proxy:
        yield proxy, against.access(proxy.url, **more)


@every_supplier
def test_it_declares_what_a_reviewer_needs_to_know(key: str, profile: Profile) -> None:
    assert profile.key == key
    assert profile.licence
    assert profile.hosts or key == "price_sheet"
    assert profile.poll_every > profile.time_out
    prefix = f"TONNAGE_{key.upper()}_"
    assert all(name.startswith(prefix) for name in (*profile.secrets, *profile.options))
    assert profile.public <= profile.capabilities


@every_supplier
def test_each_unit_is_declared_and_proven_by_a_figure(profile: Profile) -> None:
    assert {golden.unit for golden in profile.golden} == set(profile.units)
    for golden in profile.golden:
        whole = golden.unit.per_instance(golden.raw, gpu_count=golden.gpu_count)
        assert whole == golden.per_gpu_hour * golden.gpu_count


@every_supplier
def test_the_recorded_answers_give_the_expected_offers(
    reading: Reading, against: Counterpart
) -> None:
    assert reading.state is ReadingState.OK, reading.message
    told = sorted((_told(offer) for offer in reading.answer.offers), key=_by_name)
    expected = sorted((_expected(each) for each in against.recording.expected_offers), key=_by_name)
    shown = [
        {field: offer[field] for field in wanted}
        for offer, wanted in zip(told, expected, strict=True)
    ]
    assert shown == expected


@every_supplier
def test_what_becomes_no_offer_says_why(reading: Reading, against: Counterpart) -> None:
    found = {(skip.native_id, skip.reason.value) for skip in reading.answer.skips}
    expected = {(each["native_id"], each["reason"]) for each in against.recording.expected_skips}
    assert found == expected


@every_supplier
def test_the_recorded_answers_give_the_expected_holdings(
    reading: Reading, against: Counterpart
) -> None:
    told = [_held(holding) for holding in reading.answer.holdings]
    expected = [dict(each) for each in against.recording.expected_holdings]
    shown = [
        {field: holding[field] for field in wanted}
        for holding, wanted in zip(told, expected, strict=True)
    ]
    assert shown == [{**each, **_instants(each)} for each in expected]


@every_supplier
def test_every_price_is_in_a_declared_unit_and_adds_up(reading: Reading, profile: Profile) -> None:
    priced = [offer for offer in reading.answer.offers if offer.price is not None]
    assert priced or profile.key == "coreweave" or not reading.answer.offers
    for offer in priced:
        assert offer.price is not None
        assert offer.price.unit in profile.units
        assert offer.price.currency in profile.currencies
        assert offer.price.amount > 0
        gap = abs(offer.price.per_gpu.amount * offer.gpu_count - offer.price.per_instance.amount)
        assert gap <= Decimal("0.0000005") * offer.gpu_count


@every_supplier
def test_every_offer_says_what_it_is_whose_and_where_it_was_read(
    reading: Reading, profile: Profile
) -> None:
    calls = {page.call for page in reading.pages}
    for offer in reading.answer.offers:
        assert offer.supplier == profile.key
        assert offer.native_id.strip()
        assert offer.gpu.model
        assert offer.gpu_as_quoted
        assert profile.key == "price_sheet" or offer.source in calls


@every_supplier
def test_every_region_is_a_place_that_was_read(reading: Reading) -> None:
    """A region is new by being a place that is not on record; one of no place would be nowhere."""
    read_places = {place.region for place in reading.places}
    named = {offer.region for offer in reading.answer.offers}
    named |= {price.region for price in reading.answer.spot_prices}
    assert all(region is None or (region and region == region.strip()) for region in named)
    assert None in read_places or named <= read_places


@every_supplier
def test_a_reseller_names_the_cloud_behind_each_offer(reading: Reading, profile: Profile) -> None:
    if profile.is_reseller:
        assert all(offer.upstream for offer in reading.answer.offers)


@every_supplier
def test_a_price_lies_between_what_its_gpu_can_cost(reading: Reading) -> None:
    for offer in reading.answer.offers:
        if offer.price is not None and offer.price.currency == USD:
            assert is_plausible(offer.gpu.model, offer.price.per_gpu.amount), offer.native_id


@every_supplier
def test_its_own_prices_in_another_unit_are_seen_and_a_market_that_rises_is_not(
    reading: Reading, profile: Profile
) -> None:
    prices = {
        offer.key: offer.price.per_instance.amount
        for offer in reading.answer.offers
        if offer.price is not None
    }
    assert prices, profile.key
    for factor in UNIT_FACTORS:
        moved = {key: price * factor for key, price in prices.items()}
        assert factor_moved(prices, moved) == factor
    for change in (Decimal("1.7"), Decimal("0.5"), Decimal(1)):
        risen = {key: price * change for key, price in prices.items()}
        assert factor_moved(prices, risen) is None


@every_supplier
def test_spot_is_no_dearer_than_on_demand_or_flagged(reading: Reading) -> None:
    priced = [offer for offer in reading.answer.offers if offer.price is not None]
    machines = [offer for offer in priced if offer.terms is Terms.ON_DEMAND]
    for spot in (offer for offer in priced if offer.terms is Terms.SPOT):
        beside = [
            offer.price.per_instance.amount
            for offer in machines
            if offer.price and replace(spot, terms=Terms.ON_DEMAND).key == offer.key
        ]
        assert spot.price is not None
        is_dearer = bool(beside) and spot.price.per_instance.amount > max(beside)
        assert is_dearer <= (SPOT_ABOVE_ON_DEMAND in spot.flags)


@every_supplier
def test_what_cannot_be_left_out_is_never_cheaper_than_the_price(reading: Reading) -> None:
    for offer in reading.answer.offers:
        if offer.price is not None and offer.executable_price is not None:
            assert offer.executable_price >= offer.price.per_instance


@every_supplier
def test_no_more_is_used_than_is_held_and_nothing_ends_before_it_starts(reading: Reading) -> None:
    for held in reading.answer.holdings:
        assert held.supplier == reading.supplier
        assert held.resource_id
        assert held.provider_state
        if held.used is not None and held.quantity is not None:
            assert held.used <= held.quantity
        if held.start_at is not None and held.end_at is not None:
            assert held.start_at < held.end_at


@every_supplier
def test_what_is_over_is_neither_offered_nor_held(reading: Reading) -> None:
    for offer in reading.answer.offers:
        assert offer.window is None or offer.window.end > offer.observed_at, offer.native_id
    for held in reading.answer.holdings:
        is_over = held.end_at is not None and held.end_at <= held.observed_at
        assert not (is_over and held.state is HoldingState.ACTIVE), held.resource_id


@every_supplier
def test_stored_pages_read_later_and_elsewhere_give_the_same_answer(
    supplier: Supplier, reading: Reading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parsing needs the pages and nothing else: no folder, no variable, no network."""
    stored = tmp_path / "pages.jsonl"
    stored.write_text("\n".join(map(_stored, reading.pages)), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("TONNAGE_", "AWS_"))]:
        monkeypatch.delenv(name)

    pages = [_unstored(line) for line in stored.read_text(encoding="utf-8").splitlines()]

    assert supplier.parse(pages) == reading.answer


@every_supplier
def test_no_offer_comes_twice(reading: Reading) -> None:
    keys = [offer.key for offer in reading.answer.offers]
    assert len(keys) == len(set(keys))
    assert not [warning for warning in reading.answer.warnings if "listed twice" in warning]


@every_supplier
def test_the_same_pages_give_the_same_answer_in_the_same_order(
    supplier: Supplier, reading: Reading
) -> None:
    assert supplier.parse(reading.pages) == reading.answer
    assert supplier.parse(tuple(reversed(reading.pages))) == reading.answer
    assert supplier.parse((*reading.pages, *reading.pages)).offers == reading.answer.offers


@every_supplier
def test_asking_twice_gives_the_same_keys(supplier: Supplier, against: Counterpart) -> None:
    with asking(against) as (_, access):
        one, other = (read(supplier, EVERYTHING, access) for _ in range(2))
    assert [each.key for each in one.answer.offers] == [each.key for each in other.answer.offers]


@every_supplier
def test_every_time_is_aware_and_is_when_the_page_came(reading: Reading) -> None:
    assert all(page.fetched_at.tzinfo is not None for page in reading.pages)
    assert {offer.observed_at for offer in reading.answer.offers} <= {NOW}
    assert all(price.at.tzinfo is not None for price in reading.answer.spot_prices)


@every_supplier
def test_it_only_says_what_it_declares(reading: Reading, profile: Profile) -> None:
    answer, has = reading.answer, profile.capabilities
    assert bool(answer.holdings) <= (Capability.HOLDINGS in has)
    assert bool(answer.quotas) <= (Capability.QUOTAS in has)
    assert bool(answer.spot_prices) <= (Capability.SPOT_HISTORY in has)
    if Capability.STOCK not in has:
        assert all(offer.stock.is_obtainable is None for offer in answer.offers)


@suppliers_but("unknown gpu")
def test_a_gpu_that_nobody_knows_is_reported_and_never_guessed(
    supplier: Supplier, reading: Reading
) -> None:
    spelling = reading.answer.offers[0].gpu_as_quoted
    renamed = [_renamed(page, spelling, "Zorblax Q9") for page in reading.pages]
    answer = supplier.parse(renamed)
    assert spelling not in {offer.gpu_as_quoted for offer in answer.offers}
    assert SkipReason.UNKNOWN_GPU in {skip.reason for skip in answer.skips}


@suppliers_but("second page")
def test_a_list_is_read_to_its_end(profile: Profile, against: Counterpart, key: str) -> None:
    if profile.paging is Paging.NONE:
        assert against.second_page is None
        return
    assert against.second_page is not None
    with asking(against) as (proxy, access):
        read(registry.supplier(key), EVERYTHING, access)
    assert [asked for asked in proxy.asked if against.second_page(asked)]


@suppliers_but("second page")
def test_a_missing_page_makes_the_answer_partial(supplier: Supplier, against: Counterpart) -> None:
    second = against.second_page
    if second is None:
        return
    plan: Plan = lambda asked: Fault(status=500, body=b"{}") if second(asked) else None  # noqa: E731
    with asking(against, plan) as (_, access):
        reading = read(supplier, EVERYTHING, access)
    assert reading.state is ReadingState.PARTIAL
    assert reading.kind is ErrorKind.TRANSIENT
    assert reading.pages


@suppliers_but("rate limit")
def test_it_waits_as_long_as_it_is_told_and_then_asks_again(
    supplier: Supplier, against: Counterpart
) -> None:
    slept: list[float] = []
    with asking(against, first(1, throttled(retry_after="2")), slept=slept) as (_, access):
        reading = read(supplier, EVERYTHING, access)
    assert reading.state is ReadingState.OK, reading.message
    assert against.sleeps_itself or 2.0 in slept


@suppliers_but("rate limit")
def test_it_gives_up_on_a_supplier_that_keeps_refusing(
    supplier: Supplier, against: Counterpart
) -> None:
    with asking(against, always(throttled())) as (proxy, access):
        reading = read(supplier, EVERYTHING, access)
    assert reading.state is ReadingState.FAILED
    assert reading.kind is ErrorKind.THROTTLED
    assert _most_alike(proxy.asked) <= ATTEMPTS


@suppliers_but("refusal")
def test_a_refusal_is_not_asked_again(supplier: Supplier, against: Counterpart) -> None:
    refusal = Fault(status=400, headers={"content-type": "application/json"}, body=b"{}")
    with asking(against, always(refusal)) as (proxy, access):
        reading = read(supplier, EVERYTHING, access)
    assert reading.state is ReadingState.FAILED
    assert _most_alike(proxy.asked) == 1


@suppliers_but("time out")
def test_a_supplier_that_hangs_is_given_up_at_the_deadline(
    supplier: Supplier, against: Counterpart
) -> None:
    deadline = time.monotonic() + 0.3
    with asking(against, always(Fault(hang=True)), deadline=deadline) as (_, access):
        reading = read(supplier, EVERYTHING, access)
    assert reading.state is ReadingState.FAILED
    assert reading.kind is ErrorKind.TRANSIENT


@pytest.mark.parametrize("fault", [page_of_html(), cut_short()], ids=["html", "cut short"])
@suppliers_but("malformed")
def test_an_answer_that_cannot_be_read_is_reported_as_changed(
    supplier: Supplier, against: Counterpart, fault: Fault
) -> None:
    plan: Plan = lambda asked: fault if against.essential(asked) else None  # noqa: E731
    with asking(against, plan) as (_, access):
        reading = read(supplier, EVERYTHING, access)
    assert reading.state is ReadingState.FAILED
    assert reading.kind is ErrorKind.CONTRACT
    assert reading.message


@suppliers_but("renamed field")
def test_a_renamed_field_is_named(supplier: Supplier, reading: Reading) -> None:
    """What has changed is in the message, or in the skips when only some rows are concerned."""
    broken = [_without_numbers(page) for page in reading.pages]
    try:
        left, told = len(supplier.parse(broken).offers), None
    except AnswerChanged as changed:
        left, told = 0, str(changed)
    assert left < len(reading.answer.offers)
    assert told is None or ": " in told


@suppliers_but("redirect")
def test_a_redirect_to_another_host_is_refused(supplier: Supplier, against: Counterpart) -> None:
    away = Fault(status=302, headers={"location": "https://elsewhere.example/steal"})
    with asking(against, always(away)) as (_, access):
        reading = read(supplier, EVERYTHING, access)
    assert reading.state is ReadingState.FAILED
    assert reading.kind is ErrorKind.CONTRACT


@every_supplier
def test_credentials_never_show(
    supplier: Supplier, against: Counterpart, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    refused = Fault(status=403, headers={"content-type": "application/json"}, body=b"{}")
    with asking(against) as (_, access):
        fine = read(supplier, EVERYTHING, access)
    with asking(against, always(refused)) as (_, access):
        wrong = read(supplier, EVERYTHING, access)
    assert MARK not in caplog.text
    assert MARK not in repr(fine)
    assert MARK not in repr(wrong)
    assert MARK not in repr(access)


@every_supplier
def test_it_only_reads(supplier: Supplier, against: Counterpart) -> None:
    with asking(against) as (proxy, access):
        read(supplier, EVERYTHING, access)
    posted = [asked.target.split("?")[0] for asked in proxy.asked if asked.method != "GET"]
    assert set(posted) <= set(against.searches)


@every_supplier
def test_without_credentials_it_is_not_configured_or_public(
    supplier: Supplier, profile: Profile, against: Counterpart
) -> None:
    missing = supplier.missing(Access())
    if profile.public:
        assert not missing
    else:
        assert missing
        assert read(supplier, EVERYTHING, Access()).state is ReadingState.NOT_CONFIGURED


@every_supplier
def test_recorded_refusals_mean_what_they_should(against: Counterpart) -> None:
    """By the supplier's code first, by the status second."""
    for exchange in against.recording.errors:
        expected = exchange.content["expect_error"]
        if expected == "skip_item" or against.classify is None:
            continue
        status = exchange.response["status"]
        kind, _ = against.classify(status, exchange.response.get("json"))
        assert (kind or kind_of_status(status)) == ERRORS.get(expected, expected), exchange.name


@every_supplier
def test_an_exemption_has_a_reason(against: Counterpart) -> None:
    assert all(len(reason) > 10 for reason in against.exempt.values())


def _told(offer: Offer) -> dict[str, Any]:
    price = offer.price
    return {
        "native_id": offer.native_id,
        "region": offer.region if offer.zone is None else f"{offer.region}/{offer.zone}",
        "market": offer.terms.value,
        "gpu": offer.gpu.part,
        "gpu_count": offer.gpu_count,
        "price_per_gpu_hour": None if price is None else price.per_gpu.amount,
        "price_per_unit_hour": None if price is None else price.per_instance.amount,
        "currency": None if price is None else price.currency,
        "availability": offer.stock.state.value,
        "count": offer.stock.count,
        "upstream": offer.upstream,
        "cloud_class": offer.offer_class.value if offer.offer_class else None,
        "price_kind": offer.price_kind,
        "flags": offer.flags,
        "window": None
        if offer.window is None
        else (int(offer.window.start.timestamp()), int(offer.window.end.timestamp())),
    }


def _expected(recorded: Mapping[str, Any]) -> dict[str, Any]:
    expected = {
        name: value for name, value in recorded.items() if name not in ("unit", "availability")
    }
    for name in ("price_per_gpu_hour", "price_per_unit_hour"):
        if expected.get(name) is not None:
            expected[name] = Decimal(expected[name])
    if expected["price_per_unit_hour"] is None:
        expected["currency"] = None  # an unknown price has none
    expected["market"] = expected["market"].replace("_", "-")
    expected["availability"] = recorded["availability"]["state"].replace("_", "-")
    expected["count"] = recorded["availability"]["count"]
    if "flags" in expected:
        expected["flags"] = tuple(sorted(expected["flags"]))
    if "window" in expected:
        expected["window"] = (expected["window"]["start_at"], expected["window"]["end_at"])
    return expected


def _by_name(offer: Mapping[str, Any]) -> tuple[str, ...]:
    fields = ("native_id", "region", "market", "cloud_class", "window", "price_per_unit_hour")
    return tuple(str(offer.get(field)) for field in fields)


def _held(holding: Holding) -> dict[str, Any]:
    price, change = holding.price_per_gpu_hour, holding.next_change
    return {
        "native_id": holding.resource_id,
        "region": holding.region if holding.zone is None else f"{holding.region}/{holding.zone}",
        "gpu": holding.gpu.part if holding.gpu else None,
        "quantity": holding.gpus,
        "quantity_unit": "gpu",
        "used": holding.gpus_used,
        "starts_at": _written(holding.start_at),
        "ends_at": _written(holding.end_at),
        "delivered_at": _written(holding.delivered_at),
        "state": holding.state.value,
        "price_per_gpu_hour": None if price is None else str(price.amount),
        "next_change": None if change is None else {"at": _written(change.at), "to": change.to},
    }


def _instants(recorded: Mapping[str, Any]) -> dict[str, str]:
    """Return the recorded instants with an offset: without one they mean UTC."""
    return {
        name: value if value.endswith("Z") else f"{value}Z"
        for name, value in recorded.items()
        if name in ("starts_at", "ends_at", "delivered_at") and value is not None
    }


def _written(instant: Any) -> str | None:
    return None if instant is None else instant.isoformat().replace("+00:00", "Z")


def _stored(page: Page) -> str:
    return json.dumps(
        {
            "call": page.call,
            "location": page.location,
            "url": page.url,
            "body": b64encode(page.body).decode(),
            "fetched_at": page.fetched_at.isoformat(),
        }
    )


def _unstored(line: str) -> Page:
    fields = json.loads(line)
    fields["body"] = b64decode(fields["body"])
    fields["fetched_at"] = datetime.fromisoformat(fields["fetched_at"])
    return Page(**fields)


def _renamed(page: Page, spelling: str, other: str) -> Page:
    written = json.dumps(spelling).encode()
    return _with_body(page, page.body.replace(written, json.dumps(other).encode()))


def _without_numbers(page: Page) -> Page:
    try:
        content = json.loads(page.body)
    except ValueError:
        return page  # a price sheet of ours, no answer of the supplier's
    return _with_body(page, json.dumps(_wordy(content)).encode())


def _wordy(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _wordy(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_wordy(each) for each in value]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    digits = isinstance(value, str) and value.replace(".", "").isdecimal()
    return "not what it was" if is_number or digits else value


def _with_body(page: Page, body: bytes) -> Page:
    return Page(
        call=page.call,
        location=page.location,
        url=page.url,
        body=body,
        fetched_at=page.fetched_at,
    )


def _most_alike(asked: list[Asked]) -> int:
    """Return how often the most repeated request was made."""
    made = [(each.method, each.target, each.body) for each in asked]
    return max(made.count(each) for each in made)
