"""Queries on the audit log: add an entry behind the last one, read entries, verify the chain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from broker.access.audit import (
    AuditDraft,
    AuditEntry,
    AuditFault,
    ChainReader,
    Origin,
    sealed,
)
from broker.store.ledger import lock
from broker.store.tables import AuditRow

CHAIN: Final = "audit"
"""The name under which writers of the chain wait for each other."""

_READ_AT_ONCE: Final = 1000
_UNREADABLE: Final = (ValueError, TypeError, ArithmeticError)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries are wanted; None: whatever they say. `before` is a number, not a time."""

    actor: str | None = None
    action: str | None = None
    object_id: str | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditCheck:
    """What verifying the chain found. Keep `head` outside the database."""

    entries: int
    head: str
    broken: AuditFault | None

    @property
    def ok(self) -> bool:
        """Say whether nothing is wrong."""
        return self.broken is None


def audited(session: Session, draft: AuditDraft, *, at: datetime) -> AuditEntry:
    """Put on record, in the transaction of what it tells of, that something was done.

    Call it last: from here to the commit nobody else writes the chain, and a writer that waited
    for other locks while holding this one could wait for ever.
    """
    lock(session, CHAIN)
    last = session.exec(
        select(AuditRow).order_by(col(AuditRow.seq).desc()).limit(1),
        execution_options={"populate_existing": True},
    ).first()
    entry = sealed(draft, at=at, before=None if last is None else _entry_of(last))
    session.add(_row_of(entry))
    session.flush()
    return entry


def entries(session: Session, wanted: AuditFilter, *, limit: int) -> list[AuditEntry]:
    """Return entries, the newest first."""
    query = select(AuditRow).order_by(col(AuditRow.seq).desc()).limit(limit)
    if wanted.actor is not None:
        query = query.where(AuditRow.actor == wanted.actor)
    if wanted.action is not None:
        query = query.where(AuditRow.action == wanted.action)
    if wanted.object_id is not None:
        query = query.where(AuditRow.object_id == wanted.object_id)
    if wanted.before is not None:
        query = query.where(col(AuditRow.seq) < wanted.before)
    return [_entry_of(row) for row in session.exec(query)]


def verify(session: Session, *, kept_hash: str | None = None) -> AuditCheck:
    """Read the whole chain and say where it breaks, if anywhere.

    `kept_hash`, printed by an earlier check, must still be in it.
    """
    reader = ChainReader(kept_hash)
    try:
        all(reader.read(entry) for entry in _in_order(session))
        broken = reader.end()
    except _UNREADABLE:
        broken = AuditFault(seq=reader.count + 1, what="it is not as it was written")
    return AuditCheck(entries=reader.count, head=reader.head, broken=broken)


def _in_order(session: Session) -> Iterator[AuditEntry]:
    """Yield every entry by number, a page at a time: a log of years does not fit in memory."""
    query = select(AuditRow).order_by(col(AuditRow.seq)).limit(_READ_AT_ONCE)
    rows = session.exec(query).all()
    while rows:
        yield from (_entry_of(row) for row in rows)
        rows = session.exec(query.where(col(AuditRow.seq) > rows[-1].seq)).all()


def _row_of(entry: AuditEntry) -> AuditRow:
    draft = entry.draft
    return AuditRow(
        seq=entry.seq,
        at=entry.at,
        actor=draft.actor,
        key_id=draft.origin.key_id,
        action=draft.action,
        object_id=draft.object_id,
        status=draft.status,
        before_hash=draft.before_hash,
        after_hash=draft.after_hash,
        request_id=draft.origin.request_id,
        address=draft.origin.address,
        prev_hash=entry.prev_hash,
        hash=entry.hash,
    )


def _entry_of(row: AuditRow) -> AuditEntry:
    return AuditEntry(
        seq=row.seq or 0,
        at=row.at,
        draft=AuditDraft(
            actor=row.actor,
            action=row.action,
            object_id=row.object_id,
            status=row.status,
            before_hash=row.before_hash,
            after_hash=row.after_hash,
            origin=Origin(key_id=row.key_id, request_id=row.request_id, address=row.address),
        ),
        prev_hash=row.prev_hash,
        hash=row.hash,
    )
