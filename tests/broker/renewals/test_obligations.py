"""What must be done and by when: computed from the contract as it stands, one way to lapse a line."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.contracts.contract import Contract
from broker.contracts.event import EventDraft
from broker.contracts.line_terms import RenewalType
from broker.contracts.state import IN_FORCE, ContractState
from broker.renewals.obligations import (
    LAPSING,
    Obligation,
    ObligationKind,
    ObligationState,
    obligations_of,
)
from pricing.money import Currency
from tests.broker.contracts.happenings import (
    START,
    a_contract,
    amended,
    contract_of,
    in_tranches,
    obligation_closed,
    quote_moved,
    rolled,
    tranche_accepted,
)
from tests.builders import a_quote, line_recorded, quote_recorded, some_terms, state_changed

LAST_DAY = date(2026, 9, 30)
NOTICE = ObligationKind.NOTICE_DEADLINE
EXPIRY = ObligationKind.EXPIRY
OFFER = a_quote()


def a_contract_with(*drafts: EventDraft, **terms: Any) -> Contract:
    return contract_of(line_recorded(some_terms(**terms)), *drafts)


def lapsing(contract: Contract, country: str | None = "US") -> list[Obligation]:
    return [
        each
        for each in obligations_of(contract, country=country)
        if each.kind in LAPSING and each.state is ObligationState.OPEN
    ]


def due(contract: Contract, country: str | None = "US") -> list[tuple[str, date]]:
    return [(each.kind.value, each.due_on) for each in lapsing(contract, country)]


@pytest.mark.parametrize(
    ("renewal", "kind"),
    [
        (RenewalType.NONE, "notice_deadline"),
        (RenewalType.AUTO, "notice_deadline"),
        (RenewalType.EVERGREEN, "notice_deadline"),
        (RenewalType.OPTION, "option_deadline"),
        (None, "notice_deadline"),
    ],
)
def test_while_notice_can_be_given_its_deadline_is_the_duty(
    renewal: RenewalType | None, kind: str
) -> None:
    contract = a_contract_with(renewal_type=renewal, renewal_term_months=12)

    assert due(contract) == [(kind, date(2026, 7, 2))]


def test_without_a_notice_period_the_last_day_is_the_duty() -> None:
    assert due(a_contract_with(notice_period=None)) == [("expiry", LAST_DAY)]


def test_after_notice_the_last_day_is_the_duty() -> None:
    in_notice = a_contract(state_changed("in_notice", evidence="letter"))

    assert due(in_notice) == [("expiry", LAST_DAY)]


@pytest.mark.parametrize("outcome", ["done", "waived", "missed"])
def test_once_the_deadline_is_closed_the_last_day_is_the_duty(outcome: str) -> None:
    line = line_recorded()
    (deadline,) = lapsing(contract_of(line))
    closed = contract_of(line, obligation_closed(deadline.id, outcome))

    assert due(closed) == [("expiry", LAST_DAY)]
    (told,) = [each for each in obligations_of(closed, country="US") if each.kind is NOTICE]
    assert (told.state.value, told.closed_by, told.evidence) == (
        outcome,
        "dana",
        "letter of 1 June",
    )


def test_a_line_that_never_ends_lapses_on_no_day() -> None:
    assert due(a_contract_with(end_date=None, renewal_type=RenewalType.EVERGREEN)) == []


@pytest.mark.parametrize("state", ContractState)
def test_only_a_contract_in_force_has_duties(state: ContractState) -> None:
    contract = a_contract(quote_recorded(OFFER), state=state)

    assert bool(obligations_of(contract, country="US")) == (state in IN_FORCE)


def test_a_contract_in_euro_has_the_same_duties() -> None:
    euro = Currency("EUR")
    contract = contract_of(line_recorded(some_terms(currency=euro)), currency=euro)

    assert due(contract) == due(a_contract())


@pytest.mark.parametrize(
    ("country", "expected", "why"),
    [
        ("US", date(2026, 7, 2), "working days of US"),
        ("FI", date(2026, 7, 3), "working days of FI"),
        (None, date(2026, 7, 3), "weekends only: no country on file"),
    ],
)
def test_the_deadline_falls_on_a_working_day_of_the_supplier(
    country: str | None, expected: date, why: str
) -> None:
    # 90 days before 1 October 2026 is Friday 3 July, a holiday in the United States.
    contract = a_contract_with(end_date=date(2026, 10, 1))

    (deadline,) = lapsing(contract, country)
    assert deadline.due_on == expected
    assert deadline.computed_from == f"last day of service 2026-10-01 less P90D, {why}"


def test_a_deadline_that_was_met_stays_met_when_the_holidays_become_known() -> None:
    end = date(2026, 10, 1)
    line = line_recorded(some_terms(end_date=end))
    (deadline,) = lapsing(contract_of(line), country=None)
    closed = contract_of(line, obligation_closed(deadline.id, "done"))

    assert due(closed, country=None) == due(closed, country="US") == [("expiry", end)]


def test_a_deadline_is_another_one_when_the_end_moves() -> None:
    line = line_recorded()
    (deadline,) = lapsing(contract_of(line))
    longer = some_terms(end_date=date(2027, 9, 30))
    moved = contract_of(
        line, obligation_closed(deadline.id, "missed"), *amended(longer, date(2026, 9, 1))
    )

    assert due(moved) == [("notice_deadline", date(2027, 7, 2))]


def test_a_deadline_is_another_one_when_the_notice_period_moves() -> None:
    line = line_recorded()
    (deadline,) = lapsing(contract_of(line))
    shorter = some_terms(notice_period="P30D")
    moved = contract_of(
        line, obligation_closed(deadline.id, "missed"), *amended(shorter, date(2026, 7, 10))
    )

    assert due(moved) == [("notice_deadline", date(2026, 8, 31))]


def test_after_a_tacit_renewal_the_deadline_is_the_next_one() -> None:
    line = line_recorded(some_terms(renewal_type=RenewalType.AUTO, renewal_term_months=12))
    (deadline,) = lapsing(contract_of(line))
    renewed = contract_of(line, obligation_closed(deadline.id, "missed"), rolled(date(2027, 9, 30)))

    assert due(renewed) == [("notice_deadline", date(2027, 7, 2))]


def test_an_accepted_renewal_leaves_nothing_to_lapse() -> None:
    contract = a_contract(quote_recorded(OFFER), quote_moved(OFFER.id, "accepted"))

    assert due(contract) == []


def test_a_renewal_that_was_accepted_last_year_does_not_silence_the_next_end() -> None:
    longer = some_terms(end_date=date(2027, 9, 30))
    contract = a_contract(
        quote_recorded(OFFER),
        quote_moved(OFFER.id, "accepted"),
        *amended(longer, date(2026, 10, 1)),
    )

    assert due(contract) == [("notice_deadline", date(2027, 7, 2))]


def test_an_offer_for_one_line_does_not_silence_the_other() -> None:
    contract = contract_of(
        line_recorded(),
        line_recorded(line_no=2),
        quote_recorded(OFFER),
        quote_moved(OFFER.id, "accepted"),
    )

    assert [each.line_no for each in lapsing(contract)] == [2]


def test_an_open_offer_is_a_duty_until_it_is_decided() -> None:
    (duty,) = [
        each
        for each in obligations_of(a_contract(quote_recorded(OFFER)), country="US")
        if each.kind is ObligationKind.QUOTE_EXPIRY
    ]
    decided = a_contract(quote_recorded(OFFER), quote_moved(OFFER.id, "declined"))

    assert (duty.due_on, duty.subject) == (OFFER.valid_until, f"quote {OFFER.id}")
    assert not [each for each in obligations_of(decided, country="US") if each.subject != "line"]


def test_an_offer_without_an_end_is_no_duty() -> None:
    contract = a_contract(quote_recorded(a_quote(valid_until=None)))

    assert [each.kind for each in obligations_of(contract, country="US")] == [NOTICE]


def test_a_delivery_is_a_duty_until_it_is_accepted() -> None:
    terms = in_tranches((512, START))
    accept_by, drop_dead = date(2025, 10, 8), date(2025, 12, 1)
    dated = replace(terms.tranches[0], accept_by_date=accept_by, drop_dead_date=drop_dead)
    line = line_recorded(replace(terms, tranches=(dated,)))

    waiting = obligations_of(contract_of(line, state="signed"), country="US")
    accepted = obligations_of(
        contract_of(line, tranche_accepted(START), state="signed"), country="US"
    )

    assert {(each.kind.value, each.due_on) for each in waiting} >= {
        ("accept_by", accept_by),
        ("drop_dead", drop_dead),
    }
    assert [each.kind for each in accepted] == [NOTICE]


@given(
    end=st.dates(date(2026, 6, 1), date(2030, 12, 31)),
    notice=st.none() | st.sampled_from(["P1D", "P30D", "P90D", "P3M", "P1Y"]),
    renewal=st.none() | st.sampled_from(RenewalType),
    country=st.sampled_from([None, "US", "FI", "DE"]),
    state=st.sampled_from(sorted(IN_FORCE)),
)
def test_a_line_in_force_that_can_lapse_has_exactly_one_duty_and_in_time(
    end: date,
    notice: str | None,
    renewal: RenewalType | None,
    country: str | None,
    state: ContractState,
) -> None:
    terms = some_terms(
        end_date=end, notice_period=notice, renewal_type=renewal, renewal_term_months=1
    )

    (only,) = lapsing(contract_of(line_recorded(terms), state=state), country)

    assert only.due_on <= end
    speaks = notice is not None and state is not ContractState.IN_NOTICE
    assert (only.kind is EXPIRY) == (not speaks)
    assert not speaks or only.due_on <= end - timedelta(days=1)


def test_duties_have_names_that_last() -> None:
    line = line_recorded()

    first, second = (obligations_of(contract_of(line), country="US") for _ in range(2))

    assert first == second
    assert len({each.id for each in first}) == len(first)
