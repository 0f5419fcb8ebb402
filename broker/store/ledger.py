"""The book of record: append events, read them, verify the chains.

Every write goes the same way: take the stream's lock, seal the drafts behind its head, fold the
whole stream (which refuses what the rules refuse), write the projection, in one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import text
from sqlmodel import Session, col, func, select

from broker.contracts.event import (
    ChainFault,
    Event,
    EventDraft,
    EventKind,
    canonical,
    contract_stream,
    first_fault,
    root_of,
    seal,
    supplier_stream,
)
from broker.store.projection import SUPPLIER, differences, project
from broker.store.tables import ContractRow, EventRow, StreamHeadRow, SupplierRow


def append(
    session: Session, stream: str, drafts: Iterable[EventDraft], *, recorded_at: datetime
) -> list[Event]:
    """Append events to a stream and bring its projection up to date; return the sealed events.

    Raises RefusedError when the rules do not allow one of them; the transaction then writes
    nothing.
    """
    _lock(session, stream)
    known = events_of(session, stream)
    before = known[-1] if known else None
    # Two clocks may disagree; the order in the chain is what counts, so time never runs back in it.
    moment = recorded_at if before is None else max(recorded_at, before.recorded_at)
    fresh: list[Event] = []
    for draft in drafts:
        before = seal(draft, stream=stream, recorded_at=moment, before=before)
        fresh.append(before)
    if not fresh:
        return []
    session.add_all([_row_of(event) for event in fresh])
    session.merge(StreamHeadRow(stream=stream, seq=fresh[-1].seq, hash=fresh[-1].hash))
    session.flush()
    project(session, stream, [*known, *fresh])
    if any(event.kind is EventKind.SUPPLIER_RECORDED for event in fresh):
        _refresh_contracts(session, stream.removeprefix(SUPPLIER))
    return fresh


def events_of(session: Session, stream: str) -> list[Event]:
    """Return the events of a stream, oldest first."""
    rows = session.exec(
        select(EventRow).where(EventRow.stream == stream).order_by(col(EventRow.seq))
    )
    return [_event_of(row) for row in rows]


def streams(session: Session, prefix: str = "") -> list[str]:
    """Return the names of all streams that begin with `prefix`, in order."""
    names = session.exec(select(EventRow.stream).distinct().order_by(EventRow.stream)).all()
    return [name for name in names if name.startswith(prefix)]


def verify(session: Session) -> ChainFault | None:
    """Return the first broken event of any chain, or None when all verify."""
    heads = {row.stream: row.hash for row in session.exec(select(StreamHeadRow))}
    for stream in sorted({*streams(session), *heads}):
        fault = first_fault(stream, events_of(session, stream), heads.get(stream, ""))
        if fault is not None:
            return fault
    return None


def root(session: Session) -> str:
    """Return one hash over the heads of all chains: keep a copy of it outside the database."""
    return root_of((row.stream, row.hash) for row in session.exec(select(StreamHeadRow)))


def count(session: Session) -> int:
    """Return how many events the book holds."""
    return session.exec(select(func.count()).select_from(EventRow)).one()


def rebuild(session: Session) -> int:
    """Make every projection anew from the events; return how many streams there are."""
    names = streams(session)
    for stream in sorted(names, key=lambda name: not name.startswith(SUPPLIER)):
        project(session, stream, events_of(session, stream))
    return len(names)


def drift(session: Session) -> list[str]:
    """Return where a projection is not what its events tell: "stream: table"; empty when none."""
    known = streams(session)
    wrong = [
        f"{stream}: {table}"
        for stream in known
        for table in differences(session, stream, events_of(session, stream))
    ]
    told = [contract_stream(key) for key in session.exec(select(ContractRow.id))]
    told += [supplier_stream(key) for key in session.exec(select(SupplierRow.key))]
    return wrong + [f"{stream}: rows without events" for stream in told if stream not in known]


def _refresh_contracts(session: Session, supplier_key: str) -> None:
    """A supplier's country decides its working days, so its contracts' deadlines may move."""
    ids = session.exec(select(ContractRow.id).where(ContractRow.supplier_key == supplier_key))
    for contract_id in ids.all():
        stream = contract_stream(contract_id)
        project(session, stream, events_of(session, stream))


def _lock(session: Session, stream: str) -> None:
    """One writer a stream: SQLite's writing transaction is alone anyway, PostgreSQL takes a lock."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:stream, 0))"), {"stream": stream}
        )


def _row_of(event: Event) -> EventRow:
    return EventRow(
        stream=event.stream,
        seq=event.seq,
        kind=event.kind.value,
        payload=canonical(event.payload),
        valid_from=event.valid_from,
        recorded_at=event.recorded_at,
        actor=event.actor,
        reason=event.reason,
        document=event.document,
        prev_hash=event.prev_hash,
        hash=event.hash,
    )


def _event_of(row: EventRow) -> Event:
    return Event(
        stream=row.stream,
        seq=row.seq,
        kind=EventKind(row.kind),
        payload=json.loads(row.payload),
        valid_from=row.valid_from,
        recorded_at=row.recorded_at,
        actor=row.actor,
        reason=row.reason,
        document=row.document,
        prev_hash=row.prev_hash,
        hash=row.hash,
    )
