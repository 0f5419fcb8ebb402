"""What is special to Azure: the traps of its price list, and clients that must be kept on a leash."""

import csv
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from importlib import resources
from typing import Any

import pytest
from azure.core.rest import HttpRequest
from hypothesis import given
from hypothesis import strategies as st

from pricing.holding import Holding, HoldingKind, HoldingState
from pricing.offer import Offer, StockState, Terms
from providers.access import Access
from providers.azure import EXTRA, SUBSCRIPTION, SUPPLIER
from providers.azure_holdings import GROUP, RESERVATIONS
from providers.azure_prices import PRICES, per_hour_of_term
from providers.azure_sizes import SIZES, region_name, size_name
from providers.azure_skus import SKUS
from providers.azure_wire import Leash
from providers.errors import AnswerChanged, ErrorKind, NotAllowed
from providers.reading import Reading, ReadingState, read
from providers.supplier import (
    Answer,
    Ask,
    Capability,
    Page,
    PlaceState,
    QuotaUnit,
    SkipReason,
)
from tests.providers.counterpart import NOW
from tests.providers.counterparts.azure import COUNTERPART
from tests.providers.faults import Asked, Fault, Plan, Proxy, never, proxied

H100 = "Standard_ND96isr_H100_v5"
OURS = Ask(regions=frozenset({"eastus", "westus", "swedencentral"}))


def a_row(**changes: Any) -> dict[str, Any]:
    return {
        "type": "Consumption",
        "currencyCode": "USD",
        "unitOfMeasure": "1 Hour",
        "retailPrice": 98.32,
        "armRegionName": "eastus",
        "armSkuName": H100,
        "skuName": "ND96isr H100 v5",
        "meterName": "ND96isr H100 v5",
        "productName": "Virtual Machines NDsr H100 v5 Series",
        "isPrimaryMeterRegion": True,
        "effectiveStartDate": "2024-06-01T00:00:00Z",
    } | changes


def a_page(call: str, content: Any, location: str | None = None) -> Page:
    body = json.dumps(content).encode()
    return Page(call=call, location=location, url="https://example.com", body=body, fetched_at=NOW)


def priced(*rows: Mapping[str, Any]) -> Answer:
    return SUPPLIER.parse([a_page(PRICES, {"Items": rows}, "eastus")])


def a_sku(*, restrictions: tuple[Any, ...] = (), **capabilities: str) -> dict[str, Any]:
    return {
        "resourceType": "virtualMachines",
        "name": H100,
        "capabilities": [{"name": name, "value": value} for name, value in capabilities.items()],
        "restrictions": restrictions,
    }


def listed(*skus: Mapping[str, Any], more: bool = False) -> Answer:
    return SUPPLIER.parse(
        [
            a_page(PRICES, {"Items": [a_row(), a_row(skuName="ND96isr H100 v5 Spot")]}, "eastus"),
            a_page(SKUS, {"value": skus, "more": more}, "eastus"),
        ]
    )


def on_demand(answer: Answer) -> Offer:
    (found,) = (offer for offer in answer.offers if offer.terms is Terms.ON_DEMAND)
    return found


@contextmanager
def asked_of(
    plan: Plan = never, ask: Ask = OURS, **more: Any
) -> Iterator[tuple[Callable[[], Reading], Proxy]]:
    with COUNTERPART.serve() as upstream, proxied(upstream, plan) as proxy:
        access = COUNTERPART.access(proxy.url, **more)
        yield (lambda: read(SUPPLIER, ask, access)), proxy


def reading_of(plan: Plan = never, ask: Ask = OURS, **more: Any) -> Reading:
    with asked_of(plan, ask, **more) as (ask_now, _):
        return ask_now()


def where(part: str, fault: Fault) -> Plan:
    return lambda asked: fault if part in asked.target else None


def refused(status: int, code: str, **headers: str) -> Fault:
    body = json.dumps({"error": {"code": code, "message": "provider 'Microsoft.Compute'"}})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(
        status=status, headers={"content-type": "application/json", **named}, body=body.encode()
    )


def states(reading: Reading) -> dict[str | None, PlaceState]:
    return {place.region: place.state for place in reading.places}


@pytest.mark.parametrize(
    "change",
    [
        {"productName": "Virtual Machines NDsr H100 v5 Series Windows"},
        {"productName": "Virtual Machines NDsr H100 v5 Series Win"},
        {"productName": "NDsr H100 v5 Series Cloud Services"},
        {"productName": "Virtual Machines NDsr H100 v5 Series CloudServices"},
        {"productName": "NDsr H100 v5 Series Dedicated Host"},
        {"skuName": "ND96isr H100 v5 Low Priority"},
        {"meterName": "ND96isr H100 v5 Low Priority"},
        {"type": "DevTestConsumption"},
        {"effectiveStartDate": "2027-01-01T00:00:00Z"},
        {"effectiveEndDate": "2026-01-01T00:00:00Z"},
    ],
    ids=str,
)
def test_only_the_bare_linux_machine_is_priced(change: Mapping[str, Any]) -> None:
    answer = priced(a_row(), a_row(retailPrice=1.0, **change))

    assert [offer.price and offer.price.amount for offer in answer.offers] == [Decimal("98.32")]


@pytest.mark.parametrize("field", ["skuName", "meterName"])
def test_a_spot_price_is_told_by_a_suffix_of_sku_or_meter(field: str) -> None:
    answer = priced(a_row(), a_row(retailPrice=40, **{field: "ND96isr H100 v5 Spot"}))

    assert [offer.terms for offer in answer.offers] == [Terms.ON_DEMAND, Terms.SPOT]
    assert [offer.flags for offer in answer.offers] == [(), ()]


@pytest.mark.parametrize("spot", [98.32, 120.0])
def test_a_spot_price_no_lower_than_on_demand_says_so(spot: float) -> None:
    answer = priced(a_row(), a_row(retailPrice=spot, skuName="ND96isr H100 v5 Spot"))

    assert "no_discount" in answer.offers[1].flags


def test_a_spot_price_alone_claims_no_discount_and_no_lack_of_one() -> None:
    assert priced(a_row(skuName="ND96isr H100 v5 Spot")).offers[0].flags == ()


@pytest.mark.parametrize(("term", "months"), [("1 Year", 12), ("3 Years", 36), ("5 Years", 60)])
def test_a_reservation_is_priced_for_its_whole_term(term: str, months: int) -> None:
    whole = 50 * 8760 * months // 12

    answer = priced(a_row(type="Reservation", reservationTerm=term, retailPrice=whole))

    (offer,) = answer.offers
    assert (offer.terms, offer.term_months) == (Terms.RESERVED, months)
    assert offer.price is not None
    assert offer.price.per_instance.amount == 50
    assert offer.price_kind == "reservation"


def test_a_published_term_price_is_read_as_published() -> None:
    assert per_hour_of_term(Decimal(25007), months=12) == Decimal("2.854680")


@given(
    cents=st.integers(min_value=1, max_value=10**10), years=st.integers(min_value=1, max_value=5)
)
def test_all_hours_of_a_term_cost_the_term(cents: int, years: int) -> None:
    whole = Decimal(cents) / 100

    hourly = per_hour_of_term(whole, months=12 * years)

    assert abs(hourly * 8760 * years - whole) <= Decimal("0.0000005") * 8760 * years


def test_a_savings_plan_stands_beside_the_reservation_of_the_same_term() -> None:
    answer = priced(
        a_row(savingsPlan=[{"term": "1 Year", "retailPrice": 78.656, "unitPrice": 78.656}]),
        a_row(type="Reservation", reservationTerm="1 Year", retailPrice=555384),
    )

    terms = {(each.price_kind, each.price and each.price.amount) for each in answer.offers}
    assert terms == {
        (None, Decimal("98.32")),
        ("reservation", Decimal("63.4")),
        ("savings-plan", Decimal("78.656")),
    }
    assert len({offer.key for offer in answer.offers}) == 3


def test_the_primary_meter_counts_and_another_only_where_there_is_none() -> None:
    other = a_row(retailPrice=90, isPrimaryMeterRegion=False)

    assert on_demand(priced(a_row(), other)).price == on_demand(priced(a_row())).price
    assert on_demand(priced(other)).price != on_demand(priced(a_row())).price


def test_of_two_prices_in_force_the_later_counts() -> None:
    later = a_row(retailPrice=88, effectiveStartDate="2026-11-01T00:00:00Z")

    for rows in ([a_row(), later], [later, a_row()]):
        price = on_demand(priced(*rows)).price
        assert price is not None
        assert price.amount == 88


@pytest.mark.parametrize("name", ["ND96isr_H100_v5", "standard_nd96isr_h100_V5", "", H100])
def test_odd_spellings_of_size_and_region_are_one_offer(name: str) -> None:
    answer = priced(a_row(), a_row(armSkuName=name, armRegionName="EastUS"))

    assert [(each.native_id, each.region) for each in answer.offers] == [(H100, "eastus")]


@pytest.mark.parametrize(
    ("field", "value"), [("unitOfMeasure", "100 Hours"), ("currencyCode", "EUR")]
)
def test_another_unit_or_currency_is_never_taken_for_dollars_an_hour(
    field: str, value: str
) -> None:
    answer = priced(*(a_row() for _ in range(5)), a_row(**{field: value, "armSkuName": "other"}))

    assert {(skip.native_id, skip.reason) for skip in answer.skips} == {
        ("other", SkipReason.MALFORMED)
    }
    with pytest.raises(AnswerChanged, match=field):
        priced(a_row(**{field: value}))


def test_our_table_counts_where_azure_counts_wrongly() -> None:
    answer = listed(a_sku(GPUs="12"))

    assert on_demand(answer).gpu_count == 8
    assert answer.warnings == (f"{H100}: Azure says 12 GPUs, our table 8; the table counts",)
    assert listed(a_sku(GPUs="8")).warnings == ()


def test_the_table_of_sizes_and_the_alias_table_agree() -> None:
    text = resources.files("pricing").joinpath("gpu_aliases.csv").read_text(encoding="utf-8")
    rows = [row for row in csv.DictReader(text.splitlines()) if row["provider"] == "azure"]
    whole = {row["alias"]: int(row["gpus_in_alias"]) for row in rows if row["action"] == "map"}

    assert whole == {name: size.gpus for name, size in SIZES.items()}


def test_a_listed_size_is_not_said_to_be_in_stock() -> None:
    offer = on_demand(listed(a_sku()))

    assert offer.is_listed
    assert offer.stock.is_obtainable is None


@pytest.mark.parametrize("reason", ["NotAvailableForSubscription", "QuotaId", "Something new"])
def test_a_size_closed_to_the_subscription_is_restricted(reason: str) -> None:
    closed = {"type": "Location", "reasonCode": reason}

    stock = on_demand(listed(a_sku(restrictions=(closed,)))).stock

    assert (stock.state, stock.raw) == (StockState.RESTRICTED, reason)


def test_a_restriction_of_some_zones_leaves_the_region_open() -> None:
    closed = {
        "type": "Zone",
        "reasonCode": "NotAvailableForSubscription",
        "restrictionInfo": {"zones": ["3", "1"]},
    }

    stock = on_demand(listed(a_sku(restrictions=(closed,)))).stock

    assert stock.state is StockState.UNKNOWN
    assert stock.raw == "NotAvailableForSubscription in zones 1, 3"


def test_a_size_that_may_not_be_spot_is_not_offered_as_spot() -> None:
    offers = listed(a_sku(LowPriorityCapable="False")).offers

    assert [offer.stock.state for offer in offers] == [StockState.UNKNOWN, StockState.NOT_OFFERED]


def test_what_a_region_does_not_list_is_not_sold_there_once_the_list_is_whole() -> None:
    assert on_demand(listed()).stock.state is StockState.NOT_OFFERED
    assert not on_demand(listed()).is_listed
    assert on_demand(listed(more=True)).stock.state is StockState.UNKNOWN


def test_a_size_without_a_price_is_told_once_with_all_its_regions() -> None:
    pages = [
        a_page(SKUS, {"value": [a_sku()], "more": False}, region) for region in ("westus", "eastus")
    ]

    (skip,) = SUPPLIER.parse(pages).skips

    assert (skip.reason, skip.detail) == (
        SkipReason.UNPRICED,
        "no retail price in eastus, westus",
    )


def a_reservation(**changes: Any) -> Holding:
    """Return a reservation of 4 machines: `group`, `view` and `properties` may be added to."""
    path = "/subscriptions/s/resourceGroups/r/providers/Microsoft.Compute"
    group = f"{path}/capacityReservationGroups/g"
    view = {"name": "h100", **changes.get("view", {})}
    pages = [
        a_page(
            RESERVATIONS,
            {
                "value": [
                    {
                        "id": f"{group}/CapacityReservations/h100",
                        "name": "h100",
                        "location": "East US",
                        "sku": {"name": H100, "capacity": 4},
                        "properties": {
                            "provisioningState": "Succeeded",
                            "timeCreated": "2026-06-01T00:00:00+00:00",
                            **changes.get("properties", {}),
                        },
                    }
                ]
            },
        ),
        a_page(
            GROUP,
            {
                "id": group.upper(),
                "properties": {
                    "instanceView": {"capacityReservations": [view]},
                    **changes.get("group", {}),
                },
            },
        ),
    ]
    (held,) = SUPPLIER.parse(pages).holdings
    return held


def kept(capacity: int, *machines: str, **more: Any) -> dict[str, Any]:
    allocated = [{"id": machine} for machine in machines]
    return {
        "utilizationInfo": {
            "currentCapacity": capacity,
            "virtualMachinesAllocated": allocated,
            **more,
        }
    }


def test_what_is_kept_and_billed_counts_not_what_was_asked_for() -> None:
    held = a_reservation(view=kept(5, "a", "b"))

    assert (held.gpus, held.gpus_used, held.region) == (40, 16, "eastus")


def test_machines_of_other_subscriptions_use_a_shared_reservation_too() -> None:
    shared = {"usedReservedCountBySubscription": {"ours": 1, "theirs": 2}}

    assert a_reservation(view=kept(4, "a", **shared)).used == 3


def test_without_the_groups_view_nobody_knows_what_is_used() -> None:
    assert a_reservation().used is None


@pytest.mark.parametrize(
    ("word", "state", "kind"),
    [
        ("Pending", HoldingState.REQUESTED, HoldingKind.FUTURE_RESERVATION),
        ("Approved", HoldingState.SCHEDULED, HoldingKind.FUTURE_RESERVATION),
        ("Committed", HoldingState.SCHEDULED, HoldingKind.FUTURE_RESERVATION),
        ("Declined", HoldingState.FAILED, HoldingKind.FUTURE_RESERVATION),
        ("Live", HoldingState.ACTIVE, HoldingKind.RESERVATION),
        ("PartiallyFulfilled", HoldingState.ACTIVE, HoldingKind.RESERVATION),
        ("Something new", HoldingState.UNKNOWN, HoldingKind.FUTURE_RESERVATION),
    ],
)
def test_a_reservation_ahead_of_its_start_stands_as_azure_says(
    word: str, state: HoldingState, kind: HoldingKind
) -> None:
    held = a_reservation(
        view={"reservationStateInfo": {"reservationState": word}},
        properties={"scheduleProfile": {"start": "2026-11-01"}},
    )

    assert (held.state, held.kind, held.provider_state) == (state, kind, word)


@pytest.mark.parametrize(
    ("start", "end", "state"),
    [
        ("2026-12-01", "2026-12-15", HoldingState.SCHEDULED),
        ("2026-11-15", "2026-11-25", HoldingState.ACTIVE),
        ("2026-11-01", "2026-11-15", HoldingState.EXPIRED),
    ],
)
def test_a_block_is_ours_between_its_dates(start: str, end: str, state: HoldingState) -> None:
    held = a_reservation(
        group={"reservationType": "Block"},
        view=kept(0),
        properties={"scheduleProfile": {"start": start, "end": end}},
    )

    assert (held.kind, held.state) == (HoldingKind.CAPACITY_BLOCK, state)
    assert held.start_at == datetime.fromisoformat(start).replace(tzinfo=UTC)


def test_without_an_account_the_public_prices_are_read_and_what_is_missing_is_said() -> None:
    with COUNTERPART.serve() as upstream, proxied(upstream) as proxy:
        environment = COUNTERPART.environment(proxy.url)
        reading = read(
            SUPPLIER, OURS, Access(environment=environment, now=lambda: NOW, sleep=lambda _: None)
        )

    assert reading.state is ReadingState.OK
    assert {offer.stock.state for offer in reading.answer.offers} == {StockState.UNKNOWN}
    assert all(asked.target.startswith("/api/retail/prices?") for asked in proxy.asked)
    (account,) = (place for place in reading.places if place.region is None)
    assert account.state is PlaceState.SKIPPED
    assert account.message == f"holdings, quotas, stock not configured; set {SUBSCRIPTION}"


def test_the_sdk_is_only_missed_when_there_is_an_account_to_ask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "azure.mgmt.reservations", None)

    assert SUPPLIER.missing(Access()) == ()
    assert SUPPLIER.missing(Access(environment={SUBSCRIPTION: "s"})) == (EXTRA,)


def test_what_the_recording_limits_is_counted_in_vcpus() -> None:
    quotas = {(each.region, each.name): each for each in reading_of().answer.quotas}

    assert len(quotas) == 9
    ours = quotas["eastus", "standardNDSH100v5Family"]
    assert (ours.unit, ours.limit, ours.used) == (QuotaUnit.VCPU, Decimal(384), Decimal(192))


def test_only_what_is_wanted_is_asked() -> None:
    quotas = Ask(wanted=frozenset({Capability.QUOTAS}), regions=frozenset({"East US"}))

    with asked_of(ask=quotas) as (ask_now, proxy):
        reading = ask_now()

    assert reading.state is ReadingState.OK
    assert ["/usages?" in asked.target for asked in proxy.asked] == [True]


def test_one_region_of_three_that_fails_leaves_the_others() -> None:
    reading = reading_of(where("swedencentral", refused(500, "InternalServerError")))

    assert states(reading) == {
        "eastus": PlaceState.OK,
        "westus": PlaceState.OK,
        "swedencentral": PlaceState.FAILED,
        None: PlaceState.OK,
    }
    assert {offer.region for offer in reading.answer.offers} == {"eastus", "westus"}


def test_prices_stay_where_only_the_account_fails() -> None:
    reading = reading_of(where("/subscriptions/", refused(403, "AuthorizationFailed")))

    assert set(states(reading).values()) == {PlaceState.PARTIAL}
    assert (reading.kind, reading.code) == (ErrorKind.PERMISSION, "AuthorizationFailed")
    assert "tonnage providers policy" in (reading.message or "")
    assert len(reading.answer.offers) == 13


def test_a_reader_of_the_subscription_still_sees_its_capacity_reservations() -> None:
    tenant = where("/providers/Microsoft.Capacity/", refused(403, "AuthorizationFailed"))

    reading = reading_of(tenant)

    assert states(reading)[None] is PlaceState.PARTIAL
    assert {each.kind for each in reading.answer.holdings} == {
        HoldingKind.RESERVATION,
        HoldingKind.FUTURE_RESERVATION,
        HoldingKind.CAPACITY_BLOCK,
    }


def test_a_group_that_went_away_meanwhile_hides_no_other() -> None:
    gone = where("capacityReservationGroups/inference?", refused(404, "ResourceNotFound"))

    reading = reading_of(gone)

    assert (reading.kind, states(reading)[None]) == (ErrorKind.NOT_FOUND, PlaceState.PARTIAL)
    assert len(reading.answer.holdings) == 4


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (409, "AllocationFailed", ErrorKind.CAPACITY_UNAVAILABLE),
        (409, "OperationNotAllowed", ErrorKind.QUOTA),
        (409, "SkuNotAvailable", ErrorKind.NOT_OFFERED),
        (409, "SomethingElse", ErrorKind.CONFLICT),
        (400, "NoRegisteredProviderFound", ErrorKind.REGION_NOT_ENABLED),
        (401, "ExpiredAuthenticationToken", ErrorKind.AUTH),
    ],
)
def test_the_code_decides_before_the_status(status: int, code: str, kind: ErrorKind) -> None:
    reading = reading_of(where("/skus?", refused(status, code)))

    assert (reading.kind, reading.code) == (kind, code)


def test_the_clients_wait_as_long_as_they_are_told_and_ask_again() -> None:
    slept: list[float] = []
    first: list[Asked] = []

    def plan(asked: Asked) -> Fault | None:
        if "/skus?" not in asked.target or first:
            return None
        first.append(asked)
        return refused(429, "TooManyRequests", retry_after="1")

    assert reading_of(plan, slept=slept).state is ReadingState.OK
    assert 1.0 in slept


def test_nobody_waits_longer_than_a_minute() -> None:
    slept: list[float] = []
    patience = refused(429, "TooManyRequests", retry_after="3600")

    reading = reading_of(where("/skus?", patience), slept=slept)

    assert (reading.kind, reading.state) == (ErrorKind.THROTTLED, ReadingState.PARTIAL)
    assert "3600 s" in (reading.message or "")
    assert 3600.0 not in slept


def test_a_missing_resource_provider_is_never_registered() -> None:
    missing = where("/skus?", refused(409, "MissingSubscriptionRegistration"))

    with asked_of(missing) as (ask_now, proxy):
        reading = ask_now()

    assert {asked.method for asked in proxy.asked} == {"GET"}
    assert (reading.kind, reading.code) == (
        ErrorKind.REGION_NOT_ENABLED,
        "MissingSubscriptionRegistration",
    )
    assert "not registered" in (reading.message or "")


def test_whatever_the_clients_want_to_write_is_not_sent() -> None:
    with COUNTERPART.serve() as upstream, proxied(upstream) as proxy:
        with pytest.raises(NotAllowed, match="nothing is changed"):
            Leash(Access(), "127.0.0.1").send(HttpRequest("POST", f"{proxy.url}/register"))

        assert proxy.asked == []


def test_a_link_to_another_host_is_not_followed() -> None:
    away = json.dumps({"value": [], "nextLink": "https://elsewhere.example/skus"}).encode()
    plan = where("/skus?", Fault(headers={"content-type": "application/json"}, body=away))

    reading = reading_of(plan)

    assert reading.kind is ErrorKind.CONTRACT
    assert "elsewhere.example; it was not asked" in (reading.message or "")


@pytest.mark.parametrize("url", ["http://management.azure.com", "https://management.example"])
def test_no_credential_goes_to_another_host_or_without_tls(url: str) -> None:
    holdings = Ask(wanted=frozenset({Capability.HOLDINGS}))

    reading = read(
        SUPPLIER, holdings, Access(environment={SUBSCRIPTION: "s", "TONNAGE_AZURE_URL": url})
    )

    assert (reading.state, reading.kind) == (ReadingState.FAILED, ErrorKind.CONTRACT)
    assert "it was not asked" in (reading.message or "")


def test_without_any_credential_of_the_chain_it_says_how_to_sign_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_USERNAME"):
        monkeypatch.delenv(name, raising=False)
    holdings = Ask(wanted=frozenset({Capability.HOLDINGS}))

    reading = read(SUPPLIER, holdings, Access(environment={SUBSCRIPTION: "s"}))

    assert (reading.state, reading.kind) == (ReadingState.FAILED, ErrorKind.AUTH)
    assert "az login" in (reading.message or "")


@given(text=st.text(max_size=20))
def test_a_name_that_was_read_reads_the_same_again(text: str) -> None:
    assert region_name(region_name(text)) == region_name(text)
    assert size_name(size_name(text)) == size_name(text)
