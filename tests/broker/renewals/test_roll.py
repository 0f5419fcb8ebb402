"""The calendar: missed deadlines, tacit renewals, the end; and the deadline follows the renewal."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.contracts.contract import Contract
from broker.contracts.event import Event, EventDraft, EventKind, seal
from broker.contracts.fold import fold
from broker.contracts.line_terms import RenewalType
from broker.contracts.state import ContractState
from broker.renewals.obligations import LAPSING, Obligation, ObligationState, obligations_of
from broker.renewals.roll import next_step, renews_tacitly
from tests.builders import (
    NOON,
    a_draft,
    a_quote,
    chained,
    contract_recorded,
    line_recorded,
    quote_recorded,
    some_terms,
    state_changed,
)


def rolled(as_of: date, *drafts: EventDraft) -> list[Event]:
    events = chained(contract_recorded(), *drafts)
    while step := next_step(fold(events), as_of=as_of, country="US"):
        for draft in step:
            stream = events[0].stream
            events.append(seal(draft, stream=stream, recorded_at=NOON, before=events[-1]))
    return events


def after(as_of: date, *drafts: EventDraft) -> Contract:
    return fold(rolled(as_of, *drafts))


def auto(**changes: Any) -> EventDraft:
    return line_recorded(
        some_terms(renewal_type=RenewalType.AUTO, renewal_term_months=12, **changes)
    )


def lapsing(contract: Contract) -> Obligation:
    (only,) = [
        each
        for each in obligations_of(contract, country="US")
        if each.kind in LAPSING and each.state is ObligationState.OPEN
    ]
    return only


def test_after_a_tacit_renewal_the_notice_deadline_follows_the_new_end() -> None:
    contract = after(date(2026, 10, 1), auto())

    assert contract.line(1).last_day_of_service == date(2027, 9, 30)
    assert lapsing(contract).kind == "notice_deadline"
    assert lapsing(contract).due_on == date(2027, 7, 2)


def test_a_tacit_renewal_carries_the_last_price_on() -> None:
    line = after(date(2026, 10, 1), auto()).line(1)
    price = line.price_on(date(2027, 9, 30))

    assert price is not None
    assert price.amount == Decimal("2.63")


def test_a_contract_renews_as_often_as_its_end_has_passed() -> None:
    contract = after(date(2029, 1, 1), auto())

    assert contract.line(1).last_day_of_service == date(2029, 9, 30)
    assert contract.state is ContractState.ACTIVE


def test_a_passed_notice_deadline_is_missed_and_expiry_comes_next() -> None:
    contract = after(date(2026, 7, 3), line_recorded())

    assert lapsing(contract).kind == "expiry"
    assert lapsing(contract).due_on == date(2026, 9, 30)


def test_on_the_deadline_itself_nothing_is_missed_yet() -> None:
    assert lapsing(after(date(2026, 7, 2), line_recorded())).kind == "notice_deadline"


def test_a_contract_without_renewal_expires_the_day_after_its_last() -> None:
    assert after(date(2026, 9, 30), line_recorded()).state is ContractState.ACTIVE
    assert after(date(2026, 10, 1), line_recorded()).state is ContractState.EXPIRED


def test_notice_given_stops_the_tacit_renewal() -> None:
    given_notice = state_changed("in_notice", evidence="registered letter of 1 June")
    contract = after(date(2026, 10, 1), auto(), given_notice)

    assert contract.state is ContractState.EXPIRED
    assert not renews_tacitly(contract, contract.line(1))


def test_an_accepted_offer_makes_the_contract_renewed_at_its_end() -> None:
    quote = a_quote()
    accepted = {"quote_id": quote.id, "to": "accepted"}
    drafts = [line_recorded(), quote_recorded(quote), a_draft(EventKind.QUOTE_MOVED, accepted)]

    assert after(date(2026, 10, 1), *drafts).state is ContractState.RENEWED


def test_a_line_without_an_end_never_rolls() -> None:
    terms = some_terms(end_date=None, renewal_type=RenewalType.EVERGREEN)

    assert after(date(2040, 1, 1), line_recorded(terms)).state is ContractState.ACTIVE


@pytest.mark.parametrize("state", ["draft", "quoted", "signed", "terminated"])
def test_the_calendar_leaves_other_states_alone(state: str) -> None:
    events = chained(contract_recorded(state=state), line_recorded())

    assert next_step(fold(events), as_of=date(2030, 1, 1), country=None) == []


@given(
    days=st.lists(st.integers(min_value=0, max_value=2000), min_size=1, max_size=4),
    renewal=st.sampled_from(RenewalType),
    notice=st.sampled_from([None, "P30D", "P3M"]),
)
def test_rolling_day_by_day_is_rolling_at_once(
    days: list[int], renewal: RenewalType, notice: str | None
) -> None:
    terms = some_terms(renewal_type=renewal, renewal_term_months=6, notice_period=notice)
    line = line_recorded(terms)
    last = date(2026, 1, 1) + timedelta(days=max(days))
    at_once = rolled(last, line)
    step_by_step = chained(contract_recorded(), line)
    for day in sorted(days):
        as_of = date(2026, 1, 1) + timedelta(days=day)
        while step := next_step(fold(step_by_step), as_of=as_of, country="US"):
            for draft in step:
                before = step_by_step[-1]
                sealed = seal(draft, stream=before.stream, recorded_at=NOON, before=before)
                step_by_step.append(sealed)

    assert fold(step_by_step).lines == fold(at_once).lines
    assert fold(step_by_step).state == fold(at_once).state
