"""The fold: the events of one stream, in order, become a contract.

This is the only way a contract comes to be. The tables are a copy of its result, and a belief at
an earlier moment is the fold of the events recorded by then, so later knowledge cannot change it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from broker.contracts.amending import (
    amendment_approved,
    amendment_proposed,
    amendment_rejected,
    line_corrected,
)
from broker.contracts.contract import ClosedObligation, Contract
from broker.contracts.event import Event, EventKind
from broker.contracts.invariants import check
from broker.contracts.line_history import (
    recorded_line,
    restated_line,
    rolled_line,
    unrolled_line,
)
from broker.contracts.quote import Quote, QuoteState
from broker.contracts.quote_terms import moved_quote, recorded_quote
from broker.contracts.state import (
    DELIVERED_BY_IMPORT,
    EDITABLE,
    ENDED,
    IN_FORCE,
    ContractState,
    check_move,
)
from broker.contracts.tranche_history import accepted_line
from broker.errors import BrokenLedgerError, RefusedError
from pricing.money import Currency


def fold(events: Iterable[Event]) -> Contract:
    """Return the contract that the events tell of; raise if an event is not allowed there."""
    contract: Contract | None = None
    for event in events:
        contract = after(contract, event)
    if contract is None:
        raise BrokenLedgerError("the stream has no events, so it tells of no contract")
    check(contract)
    return contract


def known_by(events: Iterable[Event], moment: datetime) -> list[Event]:
    """Return the events that were recorded by `moment`: what was believed then."""
    return [event for event in events if event.recorded_at <= moment]


def believed_at(events: Iterable[Event], moment: datetime) -> Contract | None:
    """Return the contract as it was believed at `moment`, or None if it was not known then."""
    known = known_by(events, moment)
    return fold(known) if known else None


def after(contract: Contract | None, event: Event) -> Contract:
    """Return the contract as it stands after one more event."""
    if contract is None:
        if event.kind is not EventKind.CONTRACT_RECORDED:
            raise BrokenLedgerError(f"a contract cannot begin with {event.kind}")
        return _recorded(event)
    if event.kind not in _APPLY:
        raise BrokenLedgerError(f"{event.kind} does not belong in a contract's stream")
    return _APPLY[event.kind](contract, event)


def _recorded(event: Event) -> Contract:
    payload = event.payload
    return Contract(
        id=payload["contract_id"],
        supplier_key=payload["supplier_key"],
        ref=payload["ref"],
        currency=Currency(payload["currency"]),
        state=ContractState(payload["state"]),
        stated_state=ContractState(payload["state"]),
        timezone=payload["timezone"],
        recorded_at=event.recorded_at,
        notice_evidence=event.reason if payload["state"] == ContractState.IN_NOTICE else None,
    )


def _line_recorded(contract: Contract, event: Event) -> Contract:
    line = recorded_line(event, delivered=contract.state in DELIVERED_BY_IMPORT)
    if line.line_no in {known.line_no for known in contract.lines}:
        raise RefusedError(f"contract {contract.ref} already has a line {line.line_no}")
    lines = sorted((*contract.lines, line), key=lambda each: each.line_no)
    return replace(contract, lines=tuple(lines))


def _line_restated(contract: Contract, event: Event) -> Contract:
    if contract.state not in EDITABLE:
        raise RefusedError(
            f"contract {contract.ref} is {contract.state}: signed terms change by amendment only"
        )
    line = contract.line(event.payload["line_no"])
    return contract.with_line(restated_line(line, event))


def _line_rolled(contract: Contract, event: Event) -> Contract:
    return contract.with_line(rolled_line(contract.line(event.payload["line_no"]), event))


def _note_changed(contract: Contract, event: Event) -> Contract:
    line = contract.line(event.payload["line_no"])
    return contract.with_line(
        replace(line, owner=event.payload["owner"], notes=event.payload["notes"])
    )


def _state_changed(contract: Contract, event: Event) -> Contract:
    target = ContractState(event.payload["to"])
    check_move(contract.state, target)
    delivering = contract.state is ContractState.SIGNED and target is ContractState.ACTIVE
    if delivering and not _anything_accepted(contract):
        raise RefusedError(
            "a contract becomes active with its first accepted tranche; record that: "
            "tonnage contracts accept"
        )
    evidence = event.payload.get("evidence")
    lines = contract.lines
    if target is ContractState.IN_NOTICE:
        if not evidence:
            raise RefusedError("notice is recorded with its evidence: how and when it was given")
        lines = tuple(unrolled_line(line, event) for line in lines)
    stated = bool(event.payload.get("stated"))
    taken_back = contract.state is ContractState.IN_NOTICE and target is ContractState.ACTIVE
    notice = None if taken_back else contract.notice_evidence
    return replace(
        contract,
        lines=lines,
        state=target,
        stated_state=target if stated else contract.stated_state,
        ended_from=contract.state if target in ENDED and not stated else None,
        notice_evidence=evidence if target is ContractState.IN_NOTICE else notice,
    )


def _successor_named(contract: Contract, event: Event) -> Contract:
    if contract.state not in IN_FORCE:
        raise RefusedError(f"a contract that is {contract.state} needs no successor")
    if event.payload["contract_id"] == contract.id:
        raise RefusedError("a contract does not succeed itself")
    return replace(contract, successor_id=event.payload["contract_id"])


def _tranche_accepted(contract: Contract, event: Event) -> Contract:
    if contract.state not in (ContractState.SIGNED, ContractState.ACTIVE, ContractState.IN_NOTICE):
        raise RefusedError(f"a contract that is {contract.state} takes no deliveries")
    line = accepted_line(contract.line(event.payload["line_no"]), event.payload)
    changed = contract.with_line(line)
    if contract.state is ContractState.SIGNED:
        return replace(changed, state=ContractState.ACTIVE)
    return changed


def _quote_recorded(contract: Contract, event: Event) -> Contract:
    quote = recorded_quote(event)
    if quote.id in {each.id for each in contract.quotes}:
        raise RefusedError(f"quote {quote.id} is already on record")
    ends = dict(contract.ends_offered)
    if quote.renews_line_no is not None:
        ends[quote.id] = contract.line(quote.renews_line_no).end_after(quote.received_on)
    return replace(contract, quotes=(*contract.quotes, quote), ends_offered=ends)


def _quote_moved(contract: Contract, event: Event) -> Contract:
    quote = contract.quote(event.payload["quote_id"])
    moved = moved_quote(quote, event)
    if moved.state is QuoteState.ACCEPTED and _already_accepted(contract, moved):
        raise RefusedError("another renewal offer for this line was already accepted")
    return replace(
        contract,
        quotes=tuple(moved if each.id == quote.id else each for each in contract.quotes),
    )


def _obligation_closed(contract: Contract, event: Event) -> Contract:
    payload = event.payload
    if payload["obligation_id"] in {each.obligation_id for each in contract.closed_obligations}:
        raise RefusedError("the obligation is already closed")
    closed = ClosedObligation(
        obligation_id=payload["obligation_id"],
        state=payload["state"],
        closed_at=event.recorded_at,
        closed_by=event.actor,
        evidence=payload["evidence"],
    )
    return replace(contract, closed_obligations=(*contract.closed_obligations, closed))


_APPLY: dict[EventKind, Callable[[Contract, Event], Contract]] = {
    EventKind.LINE_RECORDED: _line_recorded,
    EventKind.LINE_RESTATED: _line_restated,
    EventKind.LINE_CORRECTED: line_corrected,
    EventKind.LINE_ROLLED: _line_rolled,
    EventKind.NOTE_CHANGED: _note_changed,
    EventKind.STATE_CHANGED: _state_changed,
    EventKind.SUCCESSOR_NAMED: _successor_named,
    EventKind.TRANCHE_ACCEPTED: _tranche_accepted,
    EventKind.AMENDMENT_PROPOSED: amendment_proposed,
    EventKind.AMENDMENT_APPROVED: amendment_approved,
    EventKind.AMENDMENT_REJECTED: amendment_rejected,
    EventKind.QUOTE_RECORDED: _quote_recorded,
    EventKind.QUOTE_MOVED: _quote_moved,
    EventKind.OBLIGATION_CLOSED: _obligation_closed,
}


def _anything_accepted(contract: Contract) -> bool:
    return any(t.accepted_on is not None for line in contract.lines for t in line.tranches)


def _already_accepted(contract: Contract, quote: Quote) -> bool:
    """Say whether another offer to follow the same end of the same line was accepted."""
    return quote.renews_line_no is not None and any(
        each.state is QuoteState.ACCEPTED
        and each.renews_line_no == quote.renews_line_no
        and contract.ends_offered[each.id] == contract.ends_offered[quote.id]
        for each in contract.quotes
    )
