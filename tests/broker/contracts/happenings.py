"""What can happen to a contract, in one line each; every one is recorded at noon on 15 May 2026."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from broker.contracts.contract import Contract
from broker.contracts.event import Event, EventDraft, EventKind
from broker.contracts.fold import fold
from broker.contracts.line import Line
from broker.contracts.line_terms import LineTerms, TrancheTerms, terms_to_json
from tests.builders import a_draft, chained, contract_recorded, line_recorded, some_terms

START, END = date(2025, 10, 1), date(2026, 10, 1)
"""The first day of the line that `some_terms` make, and its first day without service."""


def contract_of(*drafts: EventDraft, state: str = "active", **changes: Any) -> Contract:
    """The contract that these happenings make, from its opening on."""
    return fold(chained(contract_recorded(state=state, **changes), *drafts))


def a_contract(*drafts: EventDraft, state: str = "active") -> Contract:
    """A contract of one line of 1,024 GPUs for a year, and what happened to it."""
    return contract_of(line_recorded(), *drafts, state=state)


def the_line(*drafts: EventDraft, state: str = "active") -> Line:
    """The one line of that contract."""
    return a_contract(*drafts, state=state).line(1)


def events_of(*drafts: EventDraft, state: str = "active") -> list[Event]:
    """The chain of that contract."""
    return chained(contract_recorded(state=state), line_recorded(), *drafts)


def in_tranches(*parts: tuple[int, date], price: str = "2.63", **changes: Any) -> LineTerms:
    """Terms in tranches of so many GPUs from such days on."""
    tranches = tuple(
        TrancheTerms(
            tranche_no=number,
            gpu_count=gpus,
            delivery_date=day,
            accept_by_date=None,
            drop_dead_date=None,
            late_credit_pct_per_week=None,
            unit_price=Decimal(price),
            price_per_gpu_hour=Decimal(price),
            site=None,
        )
        for number, (gpus, day) in enumerate(parts, start=1)
    )
    total = sum(gpus for gpus, _ in parts)
    return some_terms(gpu_count=total, tranches=tranches, unit_price=Decimal(price), **changes)


def amendment_proposed(terms: LineTerms, *, name: str = "a1", line_no: int = 1) -> EventDraft:
    """Other terms, put forward."""
    payload = {
        "amendment_id": name,
        "line_no": line_no,
        "terms": terms_to_json(terms),
        "changes": {},
        "source": "contracts.csv:2",
    }
    return a_draft(EventKind.AMENDMENT_PROPOSED, payload)


def amendment_approved(since: date, *, name: str = "a1") -> EventDraft:
    """Those terms, agreed on from a day on."""
    return a_draft(EventKind.AMENDMENT_APPROVED, {"amendment_id": name}, valid_from=since)


def amendment_rejected(name: str = "a1") -> EventDraft:
    """Those terms, turned down."""
    return a_draft(EventKind.AMENDMENT_REJECTED, {"amendment_id": name})


def amended(terms: LineTerms, since: date) -> Sequence[EventDraft]:
    """Other terms, put forward and agreed on from a day on."""
    name = f"a-{since}"
    return (amendment_proposed(terms, name=name), amendment_approved(since, name=name))


def corrected(terms: LineTerms) -> EventDraft:
    """Terms that were typed wrongly, put right."""
    payload = {"line_no": 1, "terms": terms_to_json(terms), "source": "contracts.csv:3"}
    return a_draft(EventKind.LINE_CORRECTED, payload)


def restated(terms: LineTerms) -> EventDraft:
    """Other terms of a draft."""
    payload = {"line_no": 1, "terms": terms_to_json(terms), "source": "contracts.csv:3"}
    return a_draft(EventKind.LINE_RESTATED, payload)


def tranche_accepted(on: date, *, tranche_no: int = 1, line_no: int = 1) -> EventDraft:
    """A delivery that was taken over."""
    payload = {"line_no": line_no, "tranche_no": tranche_no, "accepted_on": on.isoformat()}
    return a_draft(EventKind.TRANCHE_ACCEPTED, payload, valid_from=on)


def rolled(new_last_day: date, *, line_no: int = 1) -> EventDraft:
    """A tacit renewal."""
    payload = {"line_no": line_no, "new_last_day": new_last_day.isoformat()}
    return a_draft(EventKind.LINE_ROLLED, payload)


def quote_moved(quote_id: str, to: str, *, override_reason: str | None = None) -> EventDraft:
    """What became of an offer."""
    payload = {"quote_id": quote_id, "to": to, "override_reason": override_reason}
    return a_draft(EventKind.QUOTE_MOVED, payload)


def ended(state: str, *, by_calendar: bool = False) -> EventDraft:
    """The end of a contract, as a person or the calendar records it."""
    payload = {"to": state, "evidence": None, "stated": not by_calendar}
    return a_draft(EventKind.STATE_CHANGED, payload)


def obligation_closed(obligation_id: str, state: str) -> EventDraft:
    """A duty that is one no more."""
    payload = {"obligation_id": obligation_id, "state": state, "evidence": "letter of 1 June"}
    return a_draft(EventKind.OBLIGATION_CLOSED, payload)
