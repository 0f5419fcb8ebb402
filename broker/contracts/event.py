"""Events: the append-only book of record. Everything else about a contract is derived from them.

Each event belongs to a stream (one contract, or one supplier), carries two times (`valid_from`:
when it counts; `recorded_at`: when we learned of it) and the hash of the event before it:

    hash = SHA-256(JCS(all fields but `hash`))        JCS: canonical JSON, RFC 8785

so that nothing in a stream can be changed, dropped or reordered without the chain breaking. A
chain proves order and completeness only up to its head; the daily root over all heads is logged
so that a copy outside the database can prove the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import rfc8785

from broker.errors import BadInputError

GENESIS = "0" * 64
"""The hash that stands before the first event of a stream."""


class EventKind(StrEnum):
    """What happened."""

    SUPPLIER_RECORDED = "supplier_recorded"
    SUPPLIER_TIER_RECORDED = "supplier_tier_recorded"
    CONTRACT_RECORDED = "contract_recorded"
    LINE_RECORDED = "line_recorded"
    LINE_RESTATED = "line_restated"
    LINE_CORRECTED = "line_corrected"
    LINE_ROLLED = "line_rolled"
    NOTE_CHANGED = "note_changed"
    STATE_CHANGED = "state_changed"
    SUCCESSOR_NAMED = "successor_named"
    TRANCHE_ACCEPTED = "tranche_accepted"
    AMENDMENT_PROPOSED = "amendment_proposed"
    AMENDMENT_APPROVED = "amendment_approved"
    AMENDMENT_REJECTED = "amendment_rejected"
    QUOTE_RECORDED = "quote_recorded"
    QUOTE_MOVED = "quote_moved"
    OBLIGATION_CLOSED = "obligation_closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDraft:
    """An event before it has a place in a chain. The payload is JSON with decimals as strings."""

    kind: EventKind
    payload: Mapping[str, Any]
    valid_from: date
    actor: str
    reason: str
    document: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the book of record. Never edited, never deleted."""

    stream: str
    seq: int
    kind: EventKind
    payload: Mapping[str, Any]
    valid_from: date
    recorded_at: datetime
    actor: str
    reason: str
    document: str | None
    prev_hash: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFault:
    """The first event of a stream that does not fit, and why."""

    stream: str
    seq: int
    what: str


def contract_stream(contract_id: str) -> str:
    """Return the name of a contract's stream."""
    return f"contract/{contract_id}"


def supplier_stream(supplier_key: str) -> str:
    """Return the name of a supplier's stream."""
    return f"supplier/{supplier_key}"


def canonical(payload: Mapping[str, Any]) -> str:
    """Return a payload as canonical JSON text: the form that is hashed and stored."""
    return rfc8785.dumps(dict(payload)).decode()


def seal(
    draft: EventDraft, *, stream: str, recorded_at: datetime, before: Event | None = None
) -> Event:
    """Return the draft as the next event of a stream, chained to the one before it.

    Raises BadInputError when it holds what cannot be written down: half a character, say.
    """
    prev_hash = GENESIS if before is None else before.hash
    seq = 1 if before is None else before.seq + 1
    try:
        digest = _digest(
            draft, stream=stream, seq=seq, recorded_at=recorded_at, prev_hash=prev_hash
        )
    except rfc8785.CanonicalizationError as unwritable:
        raise BadInputError(
            "this holds bytes that are no UTF-8 text, or a number beyond all bounds; write it anew"
        ) from unwritable
    return Event(
        stream=stream,
        seq=seq,
        kind=draft.kind,
        payload=draft.payload,
        valid_from=draft.valid_from,
        recorded_at=recorded_at,
        actor=draft.actor,
        reason=draft.reason,
        document=draft.document,
        prev_hash=prev_hash,
        hash=digest,
    )


def first_fault(stream: str, events: Sequence[Event], head_hash: str | None) -> ChainFault | None:
    """Return the first event that breaks the chain, or None when it verifies.

    `head_hash` is the head kept beside the chain: a chain that ends earlier has lost its tail.
    """
    prev_hash = GENESIS
    for position, event in enumerate(events, start=1):
        what = _fault_of(event, stream=stream, position=position, prev_hash=prev_hash)
        if what is not None:
            return ChainFault(stream=stream, seq=event.seq, what=what)
        prev_hash = event.hash
    if head_hash is not None and prev_hash != head_hash:
        return ChainFault(
            stream=stream,
            seq=len(events) + 1,
            what="the chain does not end at its recorded head: events were lost or added",
        )
    return None


def root_of(heads: Iterable[tuple[str, str]]) -> str:
    """Return one hash over the heads of all streams, given as (stream, head hash)."""
    return hashlib.sha256(rfc8785.dumps(dict(sorted(heads)))).hexdigest()


def _fault_of(event: Event, *, stream: str, position: int, prev_hash: str) -> str | None:
    if event.stream != stream or event.seq != position:
        return f"expected event {position} of this stream: one is missing or out of order"
    if event.prev_hash != prev_hash:
        return "it does not point at the event before it"
    draft = EventDraft(
        kind=event.kind,
        payload=event.payload,
        valid_from=event.valid_from,
        actor=event.actor,
        reason=event.reason,
        document=event.document,
    )
    try:
        digest = _digest(
            draft, stream=stream, seq=event.seq, recorded_at=event.recorded_at, prev_hash=prev_hash
        )
    except rfc8785.CanonicalizationError:
        return "its content cannot be hashed, so it was changed"
    return None if digest == event.hash else "its content does not match its hash"


def _digest(
    draft: EventDraft, *, stream: str, seq: int, recorded_at: datetime, prev_hash: str
) -> str:
    content: dict[str, Any] = {
        "stream": stream,
        "seq": seq,
        "kind": draft.kind.value,
        "payload": dict(draft.payload),
        "valid_from": draft.valid_from.isoformat(),
        "recorded_at": recorded_at.isoformat(),
        "actor": draft.actor,
        "reason": draft.reason,
        "document": draft.document,
        "prev_hash": prev_hash,
    }
    return hashlib.sha256(rfc8785.dumps(content)).hexdigest()
