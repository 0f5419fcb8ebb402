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
from broker.contracts.line_terms import LineTerms, RenewalType
from broker.contracts.state import ContractState
from broker.renewals.obligations import (
    LAPSING,
    Obligation,
    ObligationKind,
    ObligationState,
    obligations_of,
)
from broker.renewals.roll import next_step
from tests.broker.contracts.happenings import amended, obligation_closed
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

AFTER_MONTHS = [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30)]


def rolled(as_of: date, *drafts: EventDraft, state: str = "active") -> list[Event]:
    events = chained(contract_recorded(state=state), *drafts)
    while step := next_step(fold(events), as_of=as_of, country="US"):
        for draft in step:
            stream = events[0].stream
            events.append(seal(draft, stream=stream, recorded_at=NOON, before=events[-1]))
    return events


def after(as_of: date, *drafts: EventDraft, state: str = "active") -> Contract:
    return fold(rolled(as_of, *drafts, state=state))


def auto_terms(**changes: Any) -> LineTerms:
    return some_terms(**{"renewal_type": RenewalType.AUTO, "renewal_term_months": 12, **changes})


def auto(**changes: Any) -> EventDraft:
    return line_recorded(auto_terms(**changes))


def duties(contract: Contract) -> list[Obligation]:
    return [
        each
        for each in obligations_of(contract, country="US")
        if each.kind in LAPSING and each.state is ObligationState.OPEN
    ]


def lapsing(contract: Contract) -> Obligation:
    (only,) = duties(contract)
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


def test_an_accepted_offer_makes_the_contract_renewed_at_its_end() -> None:
    quote = a_quote()
    accepted = {"quote_id": quote.id, "to": "accepted"}
    drafts = [line_recorded(), quote_recorded(quote), a_draft(EventKind.QUOTE_MOVED, accepted)]

    assert after(date(2026, 10, 1), *drafts).state is ContractState.RENEWED


def test_a_line_without_an_end_never_rolls() -> None:
    terms = some_terms(end_date=None, renewal_type=RenewalType.EVERGREEN)

    assert after(date(2040, 1, 1), line_recorded(terms)).state is ContractState.ACTIVE


def test_a_deadline_that_was_met_stops_the_tacit_renewal_of_its_line() -> None:
    first, second = auto(), line_recorded(auto_terms(), line_no=2)
    (deadline, _) = duties(fold(chained(contract_recorded(), first, second)))
    contract = after(date(2026, 10, 1), first, second, obligation_closed(deadline.id, "done"))

    assert [line.last_day_of_service for line in contract.lines] == [
        date(2026, 9, 30),
        date(2027, 9, 30),
    ]
    assert contract.state is ContractState.ACTIVE


@pytest.mark.parametrize("outcome", ["waived", "missed"])
def test_a_deadline_that_was_let_go_does_not_stop_it(outcome: str) -> None:
    line = auto()
    (deadline,) = duties(fold(chained(contract_recorded(), line)))
    contract = after(date(2026, 10, 1), line, obligation_closed(deadline.id, outcome))

    assert contract.line(1).last_day_of_service == date(2027, 9, 30)


def test_notice_entered_late_ends_the_contract_where_it_should_have_ended() -> None:
    events = rolled(date(2026, 10, 5), auto())
    notice = state_changed("in_notice", evidence="letter", valid_from=date(2026, 6, 1))
    events.append(seal(notice, stream=events[0].stream, recorded_at=NOON, before=events[-1]))
    assert fold(events).line(1).last_day_of_service == date(2026, 9, 30)

    (ending,) = next_step(fold(events), as_of=date(2026, 10, 6), country="US")
    assert (ending.payload["to"], ending.valid_from) == ("expired", date(2026, 10, 1))


def test_an_extension_that_was_entered_late_is_rolled_from_its_own_end() -> None:
    line = line_recorded()
    events = rolled(date(2026, 10, 5), line)
    assert fold(events).state is ContractState.EXPIRED
    for draft in amended(some_terms(end_date=date(2027, 3, 31)), date(2026, 10, 1)):
        events.append(seal(draft, stream=events[0].stream, recorded_at=NOON, before=events[-1]))

    assert fold(events).state is ContractState.ACTIVE
    assert lapsing(fold(events)).due_on == date(2026, 12, 31)


def test_the_end_of_a_month_does_not_creep_back_with_february() -> None:
    monthly = auto_terms(end_date=date(2026, 1, 30), renewal_term_months=1, notice_period=None)
    ends = [after(day, line_recorded(monthly)).line(1).end_on for day in AFTER_MONTHS]

    assert ends == [date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30), date(2026, 5, 31)]


def test_an_automatic_renewal_of_unknown_length_does_not_happen() -> None:
    for months in (None, 0):
        contract = after(date(2026, 10, 1), auto(renewal_term_months=months))

        assert contract.state is ContractState.EXPIRED


def test_an_offer_that_nobody_decided_is_no_duty_for_ever() -> None:
    quote = a_quote(valid_until=date(2026, 6, 14))
    contract = after(date(2026, 6, 15), line_recorded(), quote_recorded(quote))

    (offer,) = [
        each
        for each in obligations_of(contract, country="US")
        if each.kind is ObligationKind.QUOTE_EXPIRY
    ]
    assert offer.state is ObligationState.MISSED


def test_a_line_that_ended_while_the_contract_goes_on_is_over() -> None:
    shorter = some_terms(end_date=date(2026, 5, 31), notice_period=None)
    both = (line_recorded(shorter), line_recorded(line_no=2))
    contract = after(date(2026, 6, 1), *both)

    assert contract.state is ContractState.ACTIVE
    assert [each.line_no for each in duties(contract)] == [2]
    assert contract.line(1).accepted_by(date(2026, 6, 1)) == 0
    assert after(date(2026, 10, 1), *both).state is ContractState.EXPIRED


def test_a_contract_with_one_endless_line_goes_on() -> None:
    endless = some_terms(end_date=None, renewal_type=RenewalType.EVERGREEN)
    contract = after(date(2027, 1, 1), line_recorded(), line_recorded(endless, line_no=2))

    assert contract.state is ContractState.ACTIVE
    assert duties(contract) == []


def test_a_signed_contract_can_miss_its_deadline_too() -> None:
    contract = after(date(2026, 7, 3), line_recorded(), state="signed")

    assert (lapsing(contract).kind, contract.state) == ("expiry", ContractState.SIGNED)


@pytest.mark.parametrize("state", ["draft", "quoted", "terminated"])
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
