"""Capacity events: the one list of what happened, in the order in which it became true.

Whoever adds an event holds the counter of fences from before the first one until the commit, so
numbers become visible in their order: a reader that has seen number 7 has missed nothing below it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, func, select

from broker.store.tables import CapacityEventRow, FenceRow


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityEvent:
    """Something that happened to a request, a lease or a pool."""

    seq: int
    kind: str
    object_id: str
    holder: str | None
    at: datetime
    data: Mapping[str, Any]


def events_after(
    session: Session,
    seq: int,
    *,
    principal: str | None = None,
    kinds: Collection[str] = (),
    limit: int,
) -> Sequence[CapacityEvent]:
    """Return up to `limit` events behind a number, in order: of one principal, or of anybody."""
    query = (
        select(CapacityEventRow)
        .where(col(CapacityEventRow.seq) > seq)
        .order_by(col(CapacityEventRow.seq))
        .limit(limit)
    )
    if principal is not None:
        query = query.where(CapacityEventRow.principal == principal)
    if kinds:
        query = query.where(col(CapacityEventRow.kind).in_(sorted(kinds)))
    return [_event(row) for row in session.exec(query)]


def last_seq(session: Session) -> int:
    """Return the number of the newest event; 0 when there is none."""
    return session.exec(select(func.max(CapacityEventRow.seq))).one() or 0


def lock_events(session: Session) -> None:
    """Let nobody else add events until the transaction ends: taken after pools, before requests."""
    session.exec(select(FenceRow).where(FenceRow.name == "lease").with_for_update()).first()


def append_event(
    session: Session,
    kind: str,
    object_id: str,
    *,
    holder: str | None,
    principal: str | None,
    at: datetime,
    data: Mapping[str, Any],
) -> None:
    """Add an event; the caller has locked them."""
    session.add(
        CapacityEventRow(
            kind=kind,
            object_id=object_id,
            holder=holder,
            principal=principal,
            at=at,
            data=json.dumps(data),
        )
    )


def _event(row: CapacityEventRow) -> CapacityEvent:
    return CapacityEvent(
        seq=row.seq or 0,
        kind=row.kind,
        object_id=row.object_id,
        holder=row.holder,
        at=row.at,
        data=json.loads(row.data),
    )
