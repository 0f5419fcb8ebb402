"""The book of record: append events, read them, verify the chains.

Every write goes the same way: take the stream's lock, check that its chain is whole, seal the
drafts behind its head, fold the whole stream (which refuses what the rules refuse), write the
projection, in one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from sqlalchemy import inspect, text
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
from broker.errors import BrokenLedgerError, TonnageError
from broker.store.projection import CONTRACT, SUPPLIER, clear, differences, project, strays
from broker.store.tables import ContractRow, EventRow, QuoteRow, StreamHeadRow, SupplierRow

_UNREADABLE = (ValueError, TypeError, ArithmeticError)
"""What reading a value raises that nobody of us wrote."""


def append(
    session: Session, stream: str, drafts: Iterable[EventDraft], *, recorded_at: datetime
) -> list[Event]:
    """Append events to a stream and bring its projection up to date; return the sealed events.

    Raises RefusedError when the rules do not allow one of them, BrokenLedgerError when the chain
    is not whole; the transaction then writes nothing.
    """
    drafts = list(drafts)
    _lock_to_append(session, stream, drafts)
    known = events_of(session, stream)
    _require_whole(session, stream, known)
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


def lock(session: Session, name: str) -> None:
    """Wait until nobody else holds a name, and hold it to the end of the transaction.

    Take it before reading what a decision rests on: a stream's name, or that of a kind of work of
    which only one may run. A writing transaction on SQLite is alone anyway.
    """
    _advisory_lock(session, name, "pg_advisory_xact_lock")


def events_of(session: Session, stream: str) -> list[Event]:
    """Return the events of a stream, oldest first; raise BrokenLedgerError if one is unreadable."""
    rows = select(EventRow).where(EventRow.stream == stream).order_by(col(EventRow.seq))
    try:
        return [_event_of(row) for row in session.exec(rows)]
    except _UNREADABLE as unreadable:
        raise BrokenLedgerError(
            f"an event of {stream} cannot be read, so it was not written by this product; "
            "see: tonnage ledger verify"
        ) from unreadable


def streams(session: Session) -> list[str]:
    """Return the names of all streams, in order."""
    return list(session.exec(select(EventRow.stream).distinct().order_by(EventRow.stream)))


def verify(session: Session) -> ChainFault | None:
    """Return the first broken event of any chain, or None when all verify."""
    heads = {row.stream: row.hash for row in session.exec(select(StreamHeadRow))}
    for stream in sorted({*streams(session), *heads}):
        fault = _fault_in(session, stream, heads.get(stream, ""))
        if fault is not None:
            return fault
    return None


def root(session: Session) -> str:
    """Return one hash over the heads of all chains: keep a copy of it outside the database."""
    return root_of((row.stream, row.hash) for row in session.exec(select(StreamHeadRow)))


def exists(session: Session) -> bool:
    """Say whether the database has a book at all."""
    return inspect(session.connection()).has_table("event")


def count(session: Session) -> int:
    """Return how many events the book holds."""
    return session.exec(select(func.count()).select_from(EventRow)).one()


def rebuild(session: Session) -> int:
    """Make every projection anew from the events; return how many streams there are.

    Raises BrokenLedgerError when a chain is not whole: tables made from it would hide that.
    """
    _lock_all(session)
    fault = verify(session)
    if fault is not None:
        raise _broken(fault)
    clear(session)
    names = streams(session)
    for stream in sorted(names, key=lambda name: not name.startswith(SUPPLIER)):
        project(session, stream, events_of(session, stream))
    return len(names)


def drift(session: Session) -> list[str]:
    """Return where a projection is not what its events tell: "stream: table"; empty when none."""
    known = streams(session)
    wrong = [f"{stream}: {what}" for stream in known for what in _differences(session, stream)]
    told = {contract_stream(key) for key in session.exec(select(ContractRow.id))}
    told |= {supplier_stream(key) for key in session.exec(select(SupplierRow.key))}
    told |= set(session.exec(select(QuoteRow.stream).distinct()))
    wrong += [f"{stream}: rows without events" for stream in sorted(told - set(known))]
    return wrong + [f"{table}: rows that belong to nothing" for table in strays(session)]


def _differences(session: Session, stream: str) -> list[str]:
    try:
        return differences(session, stream, events_of(session, stream))
    except TonnageError as refusal:
        return [f"its events do not tell of anything that can be ({refusal})"]


def _refresh_contracts(session: Session, supplier_key: str) -> None:
    """A supplier's country decides its working days, so its contracts' deadlines may move."""
    ids = session.exec(
        select(ContractRow.id)
        .where(ContractRow.supplier_key == supplier_key)
        .order_by(ContractRow.id)
    )
    for contract_id in ids.all():
        stream = contract_stream(contract_id)
        lock(session, stream)
        project(session, stream, events_of(session, stream))


def _lock_to_append(session: Session, stream: str, drafts: Sequence[EventDraft]) -> None:
    """Lock a stream. The supplier of a contract stands still meanwhile: its country is read.

    Always the supplier first, so that two writers cannot wait for each other.
    """
    if stream.startswith(CONTRACT):
        contract_id = stream.removeprefix(CONTRACT)
        known = select(ContractRow.supplier_key).where(ContractRow.id == contract_id)
        stated = (draft.payload.get("supplier_key") for draft in drafts)
        key = session.exec(known).first() or next(filter(None, stated), None)
        if key is not None:
            _advisory_lock(session, supplier_stream(key), "pg_advisory_xact_lock_shared")
    lock(session, stream)


def _advisory_lock(session: Session, name: str, function: str) -> None:
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"SELECT {function}(hashtextextended(:name, 0))"), {"name": name})


def _lock_all(session: Session) -> None:
    """Let nobody append until the end of the transaction."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE event IN SHARE ROW EXCLUSIVE MODE"))


def _require_whole(session: Session, stream: str, known: Sequence[Event]) -> None:
    """A new event behind a chain whose tail was cut off would hide that for ever."""
    head = session.get(StreamHeadRow, stream, populate_existing=True)
    if head is None and not known:
        return
    fault = first_fault(stream, known, "" if head is None else head.hash)
    if fault is not None:
        raise _broken(fault)


def _broken(fault: ChainFault) -> BrokenLedgerError:
    return BrokenLedgerError(
        f"event {fault.seq} of {fault.stream} is broken: {fault.what}; nothing is written to a "
        "broken chain, so restore the book from a copy; see: tonnage ledger verify"
    )


def _fault_in(session: Session, stream: str, head_hash: str) -> ChainFault | None:
    events: list[Event] = []
    for seq, row in _rows_one_by_one(session, stream):
        event = None if row is None else _event_as_written(row)
        if event is None:
            unreadable = ChainFault(stream=stream, seq=seq, what="it is not as it was written")
            return first_fault(stream, events, None) or unreadable
        events.append(event)
    return first_fault(stream, events, head_hash)


def _rows_one_by_one(session: Session, stream: str) -> Iterator[tuple[int, EventRow | None]]:
    """Yield the rows of a stream by their numbers; None for one that holds no such values."""
    rows = select(EventRow).where(EventRow.stream == stream).order_by(col(EventRow.seq))
    try:
        yield from [(row.seq, row) for row in session.exec(rows)]
    except _UNREADABLE:
        numbers = select(EventRow.id, EventRow.seq).where(EventRow.stream == stream)
        for row_id, seq in session.exec(numbers.order_by(col(EventRow.seq))).all():
            try:
                yield seq, session.get(EventRow, row_id)
            except _UNREADABLE:
                yield seq, None


def _event_as_written(row: EventRow) -> Event | None:
    """Return the event of a row, or None where its text is not what we would have written."""
    try:
        event = _event_of(row)
        return event if canonical(event.payload) == row.payload else None
    except _UNREADABLE:
        return None


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
