"""What is special about AWS, against a moto server over HTTP and on pages of our own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler
from threading import Event
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.holding import Holding, HoldingKind, HoldingState
from pricing.offer import Offer, StockState, Terms
from providers.access import Access
from providers.aws import PROFILE, SUPPLIER
from providers.aws_holdings import QUOTAS, RESERVATIONS, RESERVED, SAVINGS
from providers.aws_market import BLOCKS, NO_DISCOUNT
from providers.aws_prices import PRICES
from providers.aws_questions import at_once
from providers.aws_types import TYPES
from providers.errors import AnswerChanged, ErrorKind
from providers.reading import Reading, ReadingState, read
from providers.supplier import (
    Answer,
    Ask,
    Capability,
    Fetched,
    Page,
    Place,
    PlaceState,
    QuotaUnit,
    SkipReason,
)
from tests.providers.counterpart import NOW
from tests.providers.counterparts.aws import COUNTERPART
from tests.providers.exchanges import Recording, listening
from tests.providers.faults import Asked, Fault, Plan, never, proxied
from tests.providers.moto_aws import RACK_TYPE, REFUSALS, serving_aws

OHIO, STOCKHOLM, HYDERABAD = "us-east-2", "eu-north-1", "ap-south-2"
SERVED: Mapping[str, Any] = Recording.of("aws").content["served"]


def asked_of_aws(
    ask: Ask | None = None,
    *,
    plan: Plan = never,
    noted: set[str] | None = None,
    **environment: str,
) -> Reading:
    with serving_aws(noted) as upstream, proxied(upstream, plan) as proxy:
        access = COUNTERPART.access(proxy.url)
        settled = Access(environment={**access.environment, **environment}, now=lambda: NOW)
        return read(SUPPLIER, ask or Ask(), settled)


@pytest.fixture(scope="module")
def reading() -> Reading:
    return asked_of_aws()


@pytest.fixture(scope="module")
def rack() -> Reading:
    return asked_of_aws(TONNAGE_AWS_REGIONS="us-east-1", TONNAGE_AWS_TYPES="p6e*")


def offers_of(reading: Reading, name: str, terms: Terms) -> list[Offer]:
    return [
        offer for offer in reading.answer.offers if offer.native_id == name and offer.terms is terms
    ]


def holding(reading: Reading, resource_id: str) -> Holding:
    (found,) = [each for each in reading.answer.holdings if each.resource_id == resource_id]
    return found


def place(reading: Reading, region: str | None) -> Place:
    (found,) = [each for each in reading.places if each.region == region]
    return found


def a_page(call: str, rows: str, *content: Any, location: str | None = OHIO) -> Page:
    return Page(
        call=call,
        location=location,
        url="https://ec2.us-east-2.amazonaws.com",
        body=json.dumps({rows: content}).encode(),
        fetched_at=NOW,
    )


def a_type(name: str, gpu: str, *, count: int = 8, mebibytes: int = 81920, share: float = 1) -> Any:
    device = {
        "Name": gpu,
        "Count": count,
        "GpuPartitionSize": share,
        "MemoryInfo": {"SizeInMiB": mebibytes},
    }
    return {
        "InstanceType": name,
        "SupportedUsageClasses": ["on-demand", "spot", "capacity-block"],
        "VCpuInfo": {"DefaultVCpus": 192},
        "MemoryInfo": {"SizeInMiB": 2097152},
        "GpuInfo": {"Gpus": [device]},
    }


def a_block(fee: str, *, hours: int = 24, minutes: int = 0, instances: int = 1) -> Any:
    start = datetime(2026, 11, 21, 11, 30, tzinfo=UTC)
    return {
        "CapacityBlockOfferingId": "cb-1",
        "InstanceType": "p5.48xlarge",
        "AvailabilityZone": "us-east-2a",
        "InstanceCount": instances,
        "StartDate": start.isoformat(),
        "EndDate": (start + timedelta(hours=hours, minutes=minutes)).isoformat(),
        "CapacityBlockDurationHours": hours,
        "CapacityBlockDurationMinutes": minutes,
        "UpfrontFee": fee,
        "CurrencyCode": "USD",
    }


def a_reservation(state: str) -> Any:
    return {
        "CapacityReservationId": "cr-1",
        "InstanceType": "p5.48xlarge",
        "TotalInstanceCount": 2,
        "AvailableInstanceCount": 0,
        "State": state,
    }


def parsed(*pages: Page) -> Answer:
    return SUPPLIER.parse(pages)


# --- prices -------------------------------------------------------------------------------------


def test_a_row_at_zero_for_capacity_blocks_is_never_a_price(reading: Reading) -> None:
    (h100, *_) = offers_of(reading, "p5.48xlarge", Terms.ON_DEMAND)

    assert any("0.0000000000" in page.body.decode() for page in reading.pages)
    assert h100.price is not None
    assert all(offer.price.amount > 0 for offer in reading.answer.offers if offer.price is not None)
    assert "p5.48xlarge" in {
        skip.native_id for skip in reading.answer.skips if skip.reason is SkipReason.UNPRICED
    }


def test_a_type_without_an_on_demand_price_is_sold_as_block_and_spot_only(reading: Reading) -> None:
    assert not offers_of(reading, "p5e.48xlarge", Terms.ON_DEMAND)
    assert offers_of(reading, "p5e.48xlarge", Terms.SPOT)
    assert offers_of(reading, "p5e.48xlarge", Terms.CAPACITY_BLOCK)


def test_a_price_in_a_region_that_was_not_asked_is_no_offer(reading: Reading) -> None:
    assert {offer.region for offer in reading.answer.offers} == {OHIO, STOCKHOLM}


def test_zones_are_kept_by_id_because_names_differ_between_accounts(reading: Reading) -> None:
    zones = {offer.zone for offer in reading.answer.offers if offer.zone is not None}

    assert zones
    assert all(re.fullmatch(r"[a-z]+\d-az\d", zone) for zone in zones)


def test_being_listed_never_reads_as_being_obtainable(reading: Reading) -> None:
    for offer in reading.answer.offers:
        sure = offer.terms is Terms.CAPACITY_BLOCK
        assert offer.is_listed
        assert offer.stock.is_obtainable is (True if sure else None)


def test_reserved_rates_spread_what_is_paid_upfront_over_the_term(reading: Reading) -> None:
    (paid_first,) = offers_of(reading, "p5.48xlarge all upfront", Terms.RESERVED)
    (paid_hourly,) = offers_of(reading, "p5.48xlarge no upfront", Terms.RESERVED)

    assert paid_first.price is not None
    assert paid_first.price.per_instance.amount == Decimal(578160) / (3 * 8760)
    assert paid_first.upfront_fee is not None
    assert paid_hourly.price is not None
    assert paid_hourly.price.per_instance.amount == Decimal("23.777")
    assert paid_hourly.upfront_fee is None
    assert paid_first.term_months == paid_hourly.term_months == 36


def test_spot_that_costs_as_much_as_on_demand_is_kept_and_says_so(reading: Reading) -> None:
    spot = {offer.zone: offer for offer in offers_of(reading, "p5.48xlarge", Terms.SPOT)}

    assert spot["use2-az2"].flags == (NO_DISCOUNT,)
    assert spot["use2-az1"].flags == ()


def test_spot_history_covers_a_week_and_the_price_that_held_before(reading: Reading) -> None:
    changes = [
        str(each.per_instance.amount)
        for each in reading.answer.spot_prices
        if each.zone == "use2-az1"
    ]

    assert changes == ["13.4000", "12.1000", "11.2500"]


def test_spot_history_goes_back_as_far_as_it_is_asked_to() -> None:
    since = datetime(2026, 10, 1, tzinfo=UTC)
    wanted = frozenset({Capability.SPOT_HISTORY})

    back = asked_of_aws(Ask(wanted=wanted, spot_since=since, regions=frozenset({OHIO})))

    assert "14.9000" in {str(each.per_instance.amount) for each in back.answer.spot_prices}
    assert not any(page.call.startswith(PRICES) for page in back.pages)


def test_only_the_price_of_now_is_asked_where_no_history_is_wanted() -> None:
    now = asked_of_aws(Ask(wanted=frozenset({Capability.OFFERS}), regions=frozenset({OHIO})))

    zones = [(each.native_id, each.zone) for each in now.answer.spot_prices]
    assert len(zones) == len(set(zones)) == 3


# --- capacity blocks ----------------------------------------------------------------------------


def test_block_offerings_are_read_over_three_pages(reading: Reading) -> None:
    pages = [
        json.loads(page.body)["CapacityBlockOfferings"]
        for page in reading.pages
        if page.call == BLOCKS and b"p5.48xlarge" in page.body
    ]

    assert [len(rows) for rows in pages] == [2, 2, 1]
    assert len(offers_of(reading, "p5.48xlarge", Terms.CAPACITY_BLOCK)) == 5


def test_a_block_of_twenty_four_and_a_half_hours_is_priced_by_its_minutes(
    reading: Reading,
) -> None:
    (longer,) = [
        offer
        for offer in offers_of(reading, "p5.48xlarge", Terms.CAPACITY_BLOCK)
        if offer.zone == "use2-az3"
    ]

    assert longer.price is not None
    assert longer.price.per_instance.amount == Decimal("34.61")
    assert longer.upfront_fee is not None
    assert longer.upfront_fee.amount == Decimal("847.945")
    assert longer.window is not None
    assert longer.window.end - longer.window.start == timedelta(hours=24, minutes=30)


@settings(max_examples=60)
@given(
    cents=st.integers(min_value=100, max_value=10**9),
    hours=st.integers(min_value=1, max_value=182 * 24),
    minutes=st.integers(min_value=0, max_value=59),
    instances=st.integers(min_value=1, max_value=64),
)
def test_price_times_hours_times_instances_gives_the_fee(
    cents: int, hours: int, minutes: int, instances: int
) -> None:
    fee = Decimal(cents) / 100
    block = a_block(str(fee), hours=hours, minutes=minutes, instances=instances)
    types = a_page(TYPES, "InstanceTypes", a_type("p5.48xlarge", "H100"))

    (offer,) = parsed(types, a_page(BLOCKS, "CapacityBlockOfferings", block)).offers

    assert offer.price is not None
    assert offer.upfront_fee is not None
    assert offer.upfront_fee.amount == fee
    assert offer.min_units == offer.unit_step == instances
    machine_hours = (hours + Decimal(minutes) / 60) * instances
    # The price is rounded to a millionth once; so far, and no further, the product may be off.
    assert abs(offer.price.per_instance.amount * machine_hours - fee) <= machine_hours / 10**6


def test_a_rack_is_sold_whole_and_priced_by_the_gpu(rack: Reading) -> None:
    (offer,) = rack.answer.offers

    assert offer.native_id == "u-p6e-gb200x72"
    assert offer.terms is Terms.CAPACITY_BLOCK
    assert (offer.gpu.part, offer.gpu_count) == ("GB200", 4)
    assert (offer.min_units, offer.unit_step) == (18, 18)
    assert offer.price is not None
    assert round(offer.price.per_gpu.amount, 2) == Decimal("10.58")
    assert offer.stock.state is StockState.IN_STOCK


def test_a_rack_type_is_no_on_demand_offer(rack: Reading) -> None:
    assert (RACK_TYPE, SkipReason.UNPRICED) in {
        (skip.native_id, skip.reason) for skip in rack.answer.skips
    }


# --- hardware -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "gpu", "count", "part"),
    [
        ("p5e.48xlarge", "NVIDIA", 8, "H200-SXM"),
        ("p5.48xlarge", "H100", 12, "H100-SXM"),
        ("p4de.24xlarge", "A100", 8, "A100-SXM-80"),
    ],
)
def test_our_table_wins_over_what_is_reported_and_the_difference_is_told(
    name: str, gpu: str, count: int, part: str
) -> None:
    reported = a_type(name, gpu, count=count, mebibytes=40960)
    block = {**a_block("830.64"), "InstanceType": name}

    answer = parsed(
        a_page(TYPES, "InstanceTypes", reported), a_page(BLOCKS, "CapacityBlockOfferings", block)
    )

    (offer,) = answer.offers
    assert (offer.gpu.part, offer.gpu_count) == (part, 8)
    assert [warning for warning in answer.warnings if warning.startswith(name)]


@pytest.mark.parametrize(
    ("name", "gpu", "mebibytes", "part"),
    [
        ("p4d.24xlarge", "A100", 40960, "A100-SXM-40"),
        ("p4de.24xlarge", "A100", 81920, "A100-SXM-80"),
        ("p5en.48xlarge", "H200", 144384, "H200-SXM"),
        ("p6-b300.48xlarge", "B300", 275040, "B300-SXM"),
        ("g6.48xlarge", "L4", 22888, "L4"),
        ("g7e.48xlarge", "RTX PRO Server 6000", 98304, "RTXPRO6000-SE"),
    ],
)
def test_each_type_holds_what_aws_says_it_holds(
    name: str, gpu: str, mebibytes: int, part: str
) -> None:
    block = {**a_block("830.64"), "InstanceType": name}

    answer = parsed(
        a_page(TYPES, "InstanceTypes", a_type(name, gpu, mebibytes=mebibytes)),
        a_page(BLOCKS, "CapacityBlockOfferings", block),
    )

    (offer,) = answer.offers
    assert offer.gpu.part == part
    assert offer.gpu_as_quoted == gpu
    assert not answer.warnings


def test_a_gpu_that_nobody_knows_is_reported() -> None:
    answer = parsed(
        a_page(TYPES, "InstanceTypes", a_type("p9.48xlarge", "Zorblax Q9")),
        a_page(BLOCKS, "CapacityBlockOfferings", {**a_block("9"), "InstanceType": "p9.48xlarge"}),
    )

    assert not answer.offers
    assert [skip.reason for skip in answer.skips] == [SkipReason.UNKNOWN_GPU]


@pytest.mark.parametrize("count", [0, 1])
def test_a_fraction_of_a_gpu_is_no_gpu(count: int) -> None:
    sliced = a_type("g6f.xlarge", "L4", count=count, mebibytes=2861, share=0.125)

    (skip,) = parsed(a_page(TYPES, "InstanceTypes", sliced)).skips

    assert skip.reason is SkipReason.GPU_SLICE


# --- what is ours -------------------------------------------------------------------------------


def test_a_reservation_states_what_is_used_once_it_is_active(reading: Reading) -> None:
    training, future = holding(reading, "cr-001"), holding(reading, "cr-003")

    assert (training.kind, training.name) == (HoldingKind.RESERVATION, "training")
    assert (training.gpus, training.gpus_used, training.zone) == (32, 24, "use2-az1")
    assert (future.kind, future.state) == (HoldingKind.FUTURE_RESERVATION, HoldingState.SCHEDULED)
    assert (future.gpus, future.used) == (128, None)


def test_a_paid_block_is_told_once_and_an_unpaid_one_by_itself(reading: Reading) -> None:
    blocks = [
        each.resource_id
        for each in reading.answer.holdings
        if each.kind is HoldingKind.CAPACITY_BLOCK
    ]

    assert blocks == ["cb-r-09", "cr-002", "cr-005"]
    assert holding(reading, "cb-r-09").state is HoldingState.REQUESTED
    assert holding(reading, "cb-r-09").quantity is None


def test_machines_without_a_gpu_are_not_our_holdings(reading: Reading) -> None:
    types = {each.native_type for each in reading.answer.holdings}

    assert not types & {"m7i.large", "c7i.large", "m7i"}


def test_a_savings_plan_is_a_promise_by_the_hour_and_keeps_no_machine(reading: Reading) -> None:
    plan = holding(reading, "sp-02")

    assert plan.kind is HoldingKind.COMMITMENT
    assert plan.hourly_commitment is not None
    assert plan.hourly_commitment.amount == Decimal("47.554")
    assert plan.quantity is None
    assert plan.upfront_fee is None


def test_a_reserved_instance_is_priced_by_the_gpu(reading: Reading) -> None:
    reserved = holding(reading, "ri-01")

    assert reserved.gpus == 16
    assert reserved.price_per_gpu_hour is not None
    assert reserved.price_per_gpu_hour.amount == Decimal("2.972125")


def _words_of(*shapes: str) -> Iterator[str]:
    from botocore.session import Session

    models = Session(profile=None).get_component("data_loader")
    ec2 = models.load_service_model("ec2", "service-2")["shapes"]
    for shape in shapes:
        yield from ec2[shape]["enum"]


def test_every_state_of_a_reservation_that_the_sdk_knows_has_a_meaning() -> None:
    for word in _words_of("CapacityReservationState", "CapacityBlockResourceState"):
        page = a_page(RESERVATIONS, "CapacityReservations", a_reservation(word))
        (held,) = parsed(page).holdings
        assert (held.state is HoldingState.UNKNOWN) == (word == "unavailable")
        assert held.provider_state == word


def test_every_state_of_a_reserved_instance_that_the_sdk_knows_has_a_meaning() -> None:
    row = {name: value for name, value in SERVED["reserved"][0].items() if name != "region"}
    for word in _words_of("ReservedInstanceState"):
        (held,) = parsed(a_page(RESERVED, "ReservedInstances", {**row, "State": word})).holdings
        assert held.state is not HoldingState.UNKNOWN


def test_quotas_count_processors_and_are_read_to_the_last_page(reading: Reading) -> None:
    limits = {quota.name: quota for quota in reading.answer.quotas}

    assert len([page for page in reading.pages if page.call == QUOTAS and page.body]) > 2
    assert limits["spot G and VT (L-3819A6DF)"].limit == 0
    assert limits["on-demand P (L-417A185B)"].limit == 1536
    assert {quota.unit for quota in limits.values()} == {QuotaUnit.VCPU}
    assert not any("Standard" in name for name in limits)


# --- regions, refusals, limits ------------------------------------------------------------------


def test_a_region_that_is_not_enabled_is_skipped_and_spoils_nothing(reading: Reading) -> None:
    assert reading.state is ReadingState.OK
    assert reading.kind is None
    assert place(reading, HYDERABAD).state is PlaceState.SKIPPED
    assert place(reading, HYDERABAD).kind is ErrorKind.REGION_NOT_ENABLED


def test_a_region_that_does_not_exist_is_told() -> None:
    wrong = asked_of_aws(Ask(regions=frozenset({OHIO, "us-esat-1"})))

    assert wrong.state is ReadingState.PARTIAL
    assert place(wrong, "us-esat-1").kind is ErrorKind.NOT_FOUND
    assert wrong.answer.offers


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AuthFailure", ErrorKind.REGION_NOT_ENABLED),
        ("OptInRequired", ErrorKind.REGION_NOT_ENABLED),
        ("UnauthorizedOperation", ErrorKind.PERMISSION),
    ],
)
def test_one_region_of_three_fails_and_the_others_go_on(code: str, kind: ErrorKind) -> None:
    with REFUSALS.of("describe_instance_types", STOCKHOLM, code):
        partly = asked_of_aws(Ask(wanted=frozenset({Capability.OFFERS})))

    assert partly.state is ReadingState.PARTIAL
    assert (place(partly, STOCKHOLM).state, place(partly, STOCKHOLM).kind) == (
        PlaceState.FAILED,
        kind,
    )
    assert place(partly, OHIO).state is PlaceState.OK
    assert {offer.region for offer in partly.answer.offers} == {OHIO}


def test_a_missing_permission_costs_only_what_it_guards() -> None:
    with REFUSALS.of("describe_capacity_reservations", OHIO, "UnauthorizedOperation"):
        partly = asked_of_aws(Ask(regions=frozenset({OHIO})))

    assert place(partly, OHIO).state is PlaceState.PARTIAL
    assert place(partly, OHIO).kind is ErrorKind.PERMISSION
    assert "tonnage providers policy" in (place(partly, OHIO).message or "")
    assert offers_of(partly, "p5.48xlarge", Terms.ON_DEMAND)
    assert holding(partly, "ri-01")


def test_two_throttles_and_then_an_answer_is_an_answer() -> None:
    throttles = ("RequestLimitExceeded", "RequestLimitExceeded")
    wanted = frozenset({Capability.BLOCK_OFFERINGS})
    with REFUSALS.of("describe_capacity_block_offerings", OHIO, *throttles):
        patient = asked_of_aws(Ask(wanted=wanted, regions=frozenset({OHIO})))

    assert patient.state is ReadingState.OK
    assert len(offers_of(patient, "p5.48xlarge", Terms.CAPACITY_BLOCK)) == 5


def test_a_shortage_that_comes_as_a_500_is_a_shortage() -> None:
    body = (
        b"<Response><Errors><Error><Code>InsufficientInstanceCapacity</Code>"
        b"<Message>There is no room.</Message></Error></Errors><RequestID>r-1</RequestID></Response>"
    )
    short = Fault(status=500, headers={"content-type": "text/xml"}, body=body)
    wanted = frozenset({Capability.BLOCK_OFFERINGS})

    plan: Plan = lambda asked: short if _is(asked, "DescribeCapacityBlockOfferings") else None  # noqa: E731
    reading = asked_of_aws(Ask(wanted=wanted, regions=frozenset({OHIO})), plan=plan)

    assert place(reading, OHIO).kind is ErrorKind.CAPACITY_UNAVAILABLE
    assert place(reading, OHIO).code == "InsufficientInstanceCapacity"


def test_a_price_list_that_fails_leaves_regions_partial_and_says_nothing_false() -> None:
    plan: Plan = lambda asked: (  # noqa: E731
        Fault(status=400, body=b'{"__type":"AccessDeniedException"}')
        if b'"AmazonEC2"' in asked.body
        else None
    )
    partly = asked_of_aws(Ask(regions=frozenset({OHIO})), plan=plan)

    assert place(partly, OHIO).state is PlaceState.PARTIAL
    assert place(partly, OHIO).kind is ErrorKind.PERMISSION
    assert {offer.terms for offer in partly.answer.offers} == {Terms.SPOT, Terms.CAPACITY_BLOCK}
    assert SkipReason.UNPRICED not in {skip.reason for skip in partly.answer.skips}


def test_only_the_gpus_that_are_asked_for_are_asked_about() -> None:
    wanted = Ask(gpu_models=frozenset({"H200"}), wanted=frozenset({Capability.OFFERS}))

    h200 = asked_of_aws(wanted)

    assert {offer.gpu.model for offer in h200.answer.offers} == {"H200"}
    assert {page.call for page in h200.pages if page.call.startswith(PRICES)} == {
        f"{PRICES} p5e.48xlarge"
    }
    assert {skip.native_id for skip in h200.answer.skips} == {"p5e.48xlarge", "g6f.xlarge"}


def test_a_region_that_the_deadline_overtakes_is_failed_and_the_others_are_kept() -> None:
    never_comes = Event()
    good = Fetched(pages=(), places=(Place(region=OHIO, state=PlaceState.OK),))

    def slow() -> Fetched:
        never_comes.wait(20)
        return good

    # The clock stands at the moment when the wait begins: a tenth of a second is left.
    access = Access(monotonic=lambda: 100.0, deadline=100.1)
    kept, lost = at_once([(OHIO, lambda: good), (STOCKHOLM, slow)], access=access)
    never_comes.set()

    assert kept is good
    assert lost.places[0].region == STOCKHOLM
    assert (lost.places[0].state, lost.places[0].kind, lost.places[0].code) == (
        PlaceState.FAILED,
        ErrorKind.TRANSIENT,
        "deadline",
    )


# --- permissions and credentials ----------------------------------------------------------------


def test_every_call_of_a_full_poll_is_among_the_declared_permissions() -> None:
    noted: set[str] = set()
    asked_of_aws(noted=noted)

    declared = {name for names in PROFILE.permissions.values() for name in names}
    assert noted == declared


@pytest.mark.parametrize("capability", sorted(Capability))
def test_the_permissions_of_a_capability_suffice_for_it(capability: Capability) -> None:
    noted: set[str] = set()
    asked_of_aws(Ask(wanted=frozenset({capability}), regions=frozenset({OHIO})), noted=noted)

    assert noted <= set(PROFILE.permissions[capability])


def test_no_permission_could_buy_start_or_change_anything() -> None:
    declared = {name for names in PROFILE.permissions.values() for name in names}

    assert set(PROFILE.permissions) == PROFILE.capabilities
    assert all(re.fullmatch(r"[a-z0-9-]+:(Describe|Get|List)[A-Za-z]+", name) for name in declared)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"AWS_ACCESS_KEY_ID": "AKIA-half-a-pair"},
        {"TONNAGE_AWS_PROFILE": "nobody-has-this-profile"},
    ],
)
def test_without_whole_credentials_it_is_not_configured(environment: dict[str, str]) -> None:
    (told,) = SUPPLIER.missing(Access(environment=environment))

    assert "AWS_ACCESS_KEY_ID" in told
    assert "TONNAGE_AWS_PROFILE" in told


def test_metadata_are_not_asked_for_credentials_where_that_is_switched_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")

    assert SUPPLIER.missing(Access(environment={"AWS_EC2_METADATA_DISABLED": "true"}))


def test_an_instance_with_a_role_is_configured_by_its_metadata(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")

    with listening(_Metadata) as url:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"{url}/")
        with_role = SUPPLIER.missing(Access())
    gone = SUPPLIER.missing(Access())  # nobody listens there any more

    assert with_role == ()
    assert gone


class _Metadata(BaseHTTPRequestHandler):
    """What an EC2 instance tells of its role."""

    def do_GET(self) -> None:
        role = {
            "Code": "Success",
            "AccessKeyId": "ASIATEST",
            "SecretAccessKey": "test",
            "Token": "test",
            "Expiration": "2099-01-01T00:00:00Z",
        }
        whole = self.path.rstrip("/").endswith("/broker")
        body = json.dumps(role).encode() if whole else b"broker"
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_GET  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: Any) -> None:
        """Say nothing: the tests speak."""


def test_the_chain_of_the_sdk_counts_as_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")

    assert SUPPLIER.missing(Access()) == ()


@pytest.mark.parametrize("url", ["https://elsewhere.example", "http://ec2.us-east-1.amazonaws.com"])
def test_no_other_host_is_asked_and_none_without_tls(url: str) -> None:
    access = COUNTERPART.access(url)

    reading = read(SUPPLIER, Ask(), access)

    assert reading.state is ReadingState.FAILED
    assert reading.kind is ErrorKind.CONTRACT
    assert "it was not asked" in (reading.message or "")


def test_a_savings_plan_page_of_another_form_is_told_by_its_field() -> None:
    plan = {**SERVED["savings_plans"][0], "commitment": "much"}

    with pytest.raises(AnswerChanged, match=r"savingsPlans\.0\.commitment"):
        parsed(a_page(SAVINGS, "savingsPlans", plan, location=None))


def _is(asked: Asked, action: str) -> bool:
    return f"Action={action}".encode() in asked.body
