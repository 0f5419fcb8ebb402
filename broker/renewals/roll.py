"""What the calendar alone does to a contract: missed deadlines, tacit renewals, the end.

These are the only changes that no person makes. Each call returns the next step for one contract;
asked again after it is recorded, the step after that; for a day already rolled, nothing.
"""

from __future__ import annotations

from datetime import date, timedelta

from dateutil.relativedelta import relativedelta

from broker.contracts.contract import Contract
from broker.contracts.event import EventDraft, EventKind
from broker.contracts.line import Line
from broker.contracts.line_terms import RenewalType
from broker.contracts.state import IN_FORCE, ContractState
from broker.renewals.obligations import (
    Obligation,
    ObligationKind,
    ObligationState,
    obligations_of,
)

CALENDAR = "calendar"
"""Who is recorded as having done what nobody did."""

_RUNNING = (ContractState.ACTIVE, ContractState.IN_NOTICE)
_TACIT = (RenewalType.AUTO, RenewalType.EVERGREEN)
_TO_SPEAK_BY = frozenset(
    {
        ObligationKind.NOTICE_DEADLINE,
        ObligationKind.OPTION_DEADLINE,
        ObligationKind.QUOTE_EXPIRY,
    }
)


def next_step(contract: Contract, *, as_of: date, country: str | None) -> list[EventDraft]:
    """Return the events that the calendar owes this contract on `as_of`, oldest step first."""
    if contract.state not in IN_FORCE:
        return []
    obligations = obligations_of(contract, country=country)
    missed = _missed(obligations, as_of)
    if missed or contract.state not in _RUNNING:
        return missed
    return (
        _rolled(contract, obligations, as_of)
        or _lines_over(contract, obligations, as_of)
        or _ended(contract, as_of)
    )


def renews_tacitly(contract: Contract, line: Line, obligations: tuple[Obligation, ...]) -> bool:
    """Say whether the line goes on by itself at its end.

    It does unless notice is on record, of the contract or, as its deadline that was met, of the
    line alone; or unless the next term was agreed on.
    """
    return (
        contract.state is ContractState.ACTIVE
        and line.renewal.renewal_type in _TACIT
        and (line.renewal.renewal_term_months or 0) > 0
        and contract.accepted_renewal(line) is None
        and not any(
            each.line_no == line.line_no
            and each.kind is ObligationKind.NOTICE_DEADLINE
            and each.state is ObligationState.DONE
            for each in obligations
        )
    )


def _missed(obligations: tuple[Obligation, ...], as_of: date) -> list[EventDraft]:
    """Deadlines to speak by, which passed without a word."""
    return [
        _closed(each, f"{each.kind} of {each.due_on} passed and nothing was recorded")
        for each in obligations
        if each.state is ObligationState.OPEN and each.due_on < as_of and each.kind in _TO_SPEAK_BY
    ]


def _rolled(
    contract: Contract, obligations: tuple[Obligation, ...], as_of: date
) -> list[EventDraft]:
    drafts = []
    for line in contract.lines:
        if line.end_on is None or line.end_on > as_of:
            continue
        if not renews_tacitly(contract, line, obligations):
            continue
        months = line.renewal.renewal_term_months or 0
        new_last_day = _next_end(line, line.end_on, months) - timedelta(days=1)
        drafts.append(
            EventDraft(
                kind=EventKind.LINE_ROLLED,
                payload={"line_no": line.line_no, "new_last_day": new_last_day.isoformat()},
                valid_from=line.end_on,
                actor=CALENDAR,
                reason=f"renewed tacitly for {months} months: no notice on record",
            )
        )
    return drafts


def _next_end(line: Line, end_on: date, months: int) -> date:
    """Return the first end after this one, in whole terms from the end that was agreed.

    Counted from there and not from the last end, or a term ending on the 30th would creep back
    with every February.
    """
    agreed = line.terms.end_on or end_on
    terms, found = 1, end_on
    while found <= end_on:
        found = agreed + relativedelta(months=months * terms)
        terms += 1
    return found


def _lines_over(
    contract: Contract, obligations: tuple[Obligation, ...], as_of: date
) -> list[EventDraft]:
    """Lines that ended while the contract goes on with others: nothing is left to be done there."""
    over = {
        line.line_no
        for line in contract.lines
        if line.end_on is not None
        and line.end_on <= as_of
        and (contract.end_on is None or line.end_on < contract.end_on)
    }
    return [
        _closed(each, f"line {each.line_no} ended on {each.due_on} and nothing was recorded")
        for each in obligations
        if each.state is ObligationState.OPEN
        and each.kind is ObligationKind.EXPIRY
        and each.line_no in over
    ]


def _ended(contract: Contract, as_of: date) -> list[EventDraft]:
    end_on = contract.end_on
    if end_on is None or end_on > as_of:
        return []
    renewed = all(contract.accepted_renewal(line) is not None for line in contract.lines)
    target = ContractState.RENEWED if renewed else ContractState.EXPIRED
    return [
        EventDraft(
            kind=EventKind.STATE_CHANGED,
            payload={"to": target.value, "evidence": None},
            valid_from=end_on,
            actor=CALENDAR,
            reason=f"the last day of service was {end_on - timedelta(days=1)}",
        )
    ]


def _closed(obligation: Obligation, reason: str) -> EventDraft:
    return EventDraft(
        kind=EventKind.OBLIGATION_CLOSED,
        payload={
            "obligation_id": obligation.id,
            "state": ObligationState.MISSED.value,
            "evidence": None,
        },
        valid_from=obligation.due_on + timedelta(days=1),
        actor=CALENDAR,
        reason=reason,
    )
