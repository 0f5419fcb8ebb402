"""Deliveries: accepted once, on a day that has a price, and counted from then on."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.contracts.line import Line
from broker.contracts.state import ContractState
from broker.errors import NotFoundError, RefusedError
from pricing.money import Money
from tests.broker.contracts.happenings import (
    END,
    START,
    contract_of,
    in_tranches,
    the_line,
    tranche_accepted,
)
from tests.builders import line_recorded, some_terms

JANUARY = date(2026, 1, 1)
A_DAY = timedelta(days=1)
signed = line_recorded(in_tranches((512, START), (512, JANUARY)))


def accepted(on: date, tranche_no: int = 1) -> Line:
    return contract_of(signed, tranche_accepted(on, tranche_no=tranche_no), state="signed").line(1)


def test_the_first_accepted_tranche_makes_a_signed_contract_active() -> None:
    contract = contract_of(signed, tranche_accepted(START), state="signed")

    assert contract.state is ContractState.ACTIVE
    assert contract.stated_state is ContractState.SIGNED


def test_a_tranche_counts_from_the_day_of_its_acceptance() -> None:
    line = accepted(date(2025, 10, 9))

    assert (line.accepted_by(date(2025, 10, 8)), line.accepted_by(date(2025, 10, 9))) == (0, 512)
    assert line.accepted_by(END) == 0


def test_a_late_tranche_costs_from_its_acceptance_on() -> None:
    line = contract_of(
        line_recorded(some_terms()), tranche_accepted(date(2025, 11, 1)), state="signed"
    ).line(1)

    assert line.price_on(date(2025, 10, 31)) is None
    assert line.price_on(date(2025, 11, 1)) is not None


def test_a_tranche_accepted_before_its_delivery_day_says_what_to_do() -> None:
    with pytest.raises(RefusedError) as refusal:
        accepted(JANUARY - A_DAY, tranche_no=2)

    assert str(refusal.value) == (
        "tranche 2 of line 1 cannot be accepted on 2025-12-31: its price holds from its delivery "
        "day, 2026-01-01, on; accept it on that day or later, or first amend the line to an "
        "earlier delivery day"
    )


def test_a_tranche_is_not_accepted_when_service_is_over() -> None:
    assert accepted(END - A_DAY).accepted_by(END - A_DAY) == 512
    with pytest.raises(RefusedError, match="the last day of service is 2026-09-30"):
        accepted(END)


def test_a_tranche_is_accepted_once() -> None:
    with pytest.raises(RefusedError, match="already accepted on 2025-10-01"):
        contract_of(signed, tranche_accepted(START), tranche_accepted(JANUARY), state="signed")


def test_a_tranche_that_there_is_not_is_not_accepted() -> None:
    with pytest.raises(RefusedError, match="no tranche 3; it has 1, 2"):
        accepted(START, tranche_no=3)
    with pytest.raises(NotFoundError, match="no line 2"):
        contract_of(signed, tranche_accepted(START, line_no=2), state="signed")


@pytest.mark.parametrize("state", ["draft", "quoted", "expired", "terminated"])
def test_nothing_is_delivered_before_signature_or_after_the_end(state: str) -> None:
    with pytest.raises(RefusedError, match="takes no deliveries"):
        contract_of(signed, tranche_accepted(START), state=state)


def test_a_line_that_is_active_when_it_is_recorded_was_delivered_on_its_first_day() -> None:
    assert the_line().accepted_by(START) == 1024
    assert the_line(state="signed").accepted_by(END - A_DAY) == 0


def test_a_line_in_tranches_is_delivered_only_as_its_tranches_are() -> None:
    line = contract_of(signed, state="active").line(1)

    assert (line.accepted_by(JANUARY), line.delivered_on(JANUARY)) == (0, 1024)


def test_the_price_of_a_line_is_weighted_by_what_is_delivered() -> None:
    cheap = in_tranches((512, START), (1536, JANUARY), price="2")
    dear = replace(cheap.tranches[1], unit_price=Decimal(4), price_per_gpu_hour=Decimal(4))
    terms = replace(cheap, unit_price=None, tranches=(cheap.tranches[0], dear))
    line = contract_of(line_recorded(terms)).line(1)

    assert line.price_on(JANUARY - A_DAY) == Money(Decimal(2))
    assert line.price_on(JANUARY) == Money(Decimal("3.5"))


@given(on=st.dates(date(2025, 1, 1), date(2027, 1, 1)))
def test_an_acceptance_is_taken_or_refused_in_words_and_never_leaves_a_day_without_price(
    on: date,
) -> None:
    try:
        line = accepted(on, tranche_no=2)
    except RefusedError:
        assert not JANUARY <= on < END
        return
    assert line.price_on(on) is not None
    assert line.price_on(END - A_DAY) is not None
