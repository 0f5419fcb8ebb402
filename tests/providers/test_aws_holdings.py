"""What AWS says is ours, and how much of it we may have."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from pricing.holding import HoldingKind, HoldingState
from providers.aws_holdings import QUOTAS, RESERVATIONS, RESERVED, SAVINGS
from providers.errors import AnswerChanged
from providers.reading import Reading
from providers.supplier import (
    QuotaUnit,
)
from tests.providers.aws_asked import (
    SERVED,
    a_page,
    a_reservation,
    asked_of_aws,
    holding,
    parsed,
)


@pytest.fixture(scope="module")
def reading() -> Reading:
    return asked_of_aws()


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


def test_a_savings_plan_page_of_another_form_is_told_by_its_field() -> None:
    plan = {**SERVED["savings_plans"][0], "commitment": "much"}

    with pytest.raises(AnswerChanged, match=r"savingsPlans\.0\.commitment"):
        parsed(a_page(SAVINGS, "savingsPlans", plan, location=None))
