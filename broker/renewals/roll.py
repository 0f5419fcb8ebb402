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
from broker.contracts.quote import QuoteState
from broker.contracts.state import ContractState
from broker.renewals.obligations import (
    LAPSING,
    ObligationKind,
    ObligationState,
    obligations_of,
)

CALENDAR = "calendar"
"""Who is recorded as having done what nobody did."""

_RUNNING = (ContractState.ACTIVE, ContractState.IN_NOTICE)
_TACIT = (RenewalType.AUTO, RenewalType.EVERGREEN)


def next_step(contract: Contract, *, as_of: date, country: str | None) -> list[EventDraft]:
    """Return the events that the calendar owes this contract on `as_of`, oldest step first."""
    if contract.state not in _RUNNING:
        return []
    return _missed(contract, as_of, country) or _rolled(contract, as_of) or _ended(contract, as_of)


def renews_tacitly(contract: Contract, line: Line) -> bool:
    """Say whether the line goes on by itself at its end unless notice is given."""
    return (
        contract.state is ContractState.ACTIVE
        and line.renewal.renewal_type in _TACIT
        and line.renewal.renewal_term_months is not None
        and not _renewal_accepted(contract, line)
    )


def _missed(contract: Contract, as_of: date, country: str | None) -> list[EventDraft]:
    """Deadlines to speak by, which passed without a word."""
    return [
        EventDraft(
            kind=EventKind.OBLIGATION_CLOSED,
            payload={
                "obligation_id": each.id,
                "state": ObligationState.MISSED.value,
                "evidence": None,
            },
            valid_from=each.due_on + timedelta(days=1),
            actor=CALENDAR,
            reason=f"{each.kind} of {each.due_on} passed and nothing was recorded",
        )
        for each in obligations_of(contract, country=country)
        if each.state is ObligationState.OPEN
        and each.due_on < as_of
        and each.kind in LAPSING - {ObligationKind.EXPIRY}
    ]


def _rolled(contract: Contract, as_of: date) -> list[EventDraft]:
    drafts = []
    for line in contract.lines:
        if line.end_on is None or line.end_on > as_of or not renews_tacitly(contract, line):
            continue
        months = line.renewal.renewal_term_months
        new_last_day = line.end_on + relativedelta(months=months or 0) - timedelta(days=1)
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


def _ended(contract: Contract, as_of: date) -> list[EventDraft]:
    end_on = contract.end_on
    if end_on is None or end_on > as_of:
        return []
    renewed = all(_renewal_accepted(contract, line) for line in contract.lines)
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


def _renewal_accepted(contract: Contract, line: Line) -> bool:
    return any(
        quote.renews_line_no == line.line_no and quote.state is QuoteState.ACCEPTED
        for quote in contract.quotes
    )
