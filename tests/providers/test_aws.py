"""What AWS lists and at what price: against a moto server over HTTP, and on pages of our own."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.offer import StockState, Terms
from providers.aws_market import BLOCKS, NO_DISCOUNT
from providers.aws_prices import PRICES
from providers.aws_types import TYPES
from providers.reading import Reading
from providers.supplier import (
    Ask,
    Capability,
    SkipReason,
)
from tests.providers.aws_asked import (
    OHIO,
    STOCKHOLM,
    a_block,
    a_page,
    a_type,
    asked_of_aws,
    offers_of,
    parsed,
)
from tests.providers.moto_aws import RACK_TYPE


@pytest.fixture(scope="module")
def reading() -> Reading:
    return asked_of_aws()


@pytest.fixture(scope="module")
def rack() -> Reading:
    return asked_of_aws(TONNAGE_AWS_REGIONS="us-east-1", TONNAGE_AWS_TYPES="p6e*")


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
