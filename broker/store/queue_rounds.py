"""What a round of the queue reads, and how its decisions are written under lock.

Locks are taken in the order of the hot path: the round itself, pools by id, events, requests by id,
leases by id. Every write says again under which condition it holds, so a decision that came too
late changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Session, col, select

from broker.capacity.lease import Lease, LeaseState
from broker.capacity.queueing import Decision
from broker.capacity.request import RequestState
from broker.store.capacity_events import append_event
from broker.store.leases import leases_by_id
from broker.store.tables import (
    CapacityRequestRow,
    LeaseLineRow,
    LeaseRow,
    PoolRow,
    SweepRow,
    Table,
)

MOST_IN_A_ROUND = 500
"""So many of the most urgent requests take part in a round, and as many of the oldest."""

_ROUND = "queue"
_AT_ONCE = 500
_POOLS = Table.metadata.tables[PoolRow.__tablename__]
_MICROSECOND = timedelta(microseconds=1)
_INSERTS: dict[str, Callable[..., Any]] = {
    "postgresql": postgresql_insert,
    "sqlite": sqlite_insert,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A lease that is to be given back within so many seconds, for a request."""

    lease_id: str
    request_id: str
    grace: timedelta


def last_round(session: Session) -> datetime | None:
    """Return when the last round was written; None before the first."""
    row = session.get(SweepRow, _ROUND)
    return None if row is None else row.swept_at


def is_idle(session: Session) -> bool:
    """Say whether nobody waits and nothing is kept for anybody."""
    waits = select(CapacityRequestRow.id).where(
        CapacityRequestRow.state == RequestState.PENDING.value
    )
    claims = sa.select(_POOLS.c.id).where(_POOLS.c.claimed > 0)
    return (
        session.execute(waits.limit(1)).first() is None
        and session.execute(claims.limit(1)).first() is None
    )


def pending_requests(session: Session) -> list[CapacityRequestRow]:
    """Return those that wait: the most urgent ones, and the oldest, who must not starve."""
    waits = select(CapacityRequestRow).where(CapacityRequestRow.state == RequestState.PENDING.value)
    by_age = (col(CapacityRequestRow.created_at), col(CapacityRequestRow.id))
    urgent = waits.order_by(col(CapacityRequestRow.priority).desc(), *by_age)
    found: dict[str, CapacityRequestRow] = {}
    for query in (urgent, waits.order_by(*by_age)):
        found.update((row.id, row) for row in session.exec(query.limit(MOST_IN_A_ROUND)))
    return list(found.values())


def leases_in_play(session: Session, gpu_models: Collection[str]) -> list[Lease]:
    """Return the live leases of some models that may be preempted, or already are."""
    query = (
        select(LeaseRow.id)
        .join(LeaseLineRow, col(LeaseLineRow.lease_id) == col(LeaseRow.id))
        .join(PoolRow, col(PoolRow.id) == col(LeaseLineRow.pool_id))
        .where(
            col(LeaseRow.is_live),
            col(PoolRow.gpu_model).in_(sorted(gpu_models)),
            sa.or_(
                col(LeaseRow.is_preemptible),
                col(LeaseRow.state) == LeaseState.PREEMPTING.value,
            ),
        )
        .distinct()
    )
    ids = sorted(session.exec(query))
    return [
        stored.lease
        for start in range(0, len(ids), _AT_ONCE)
        for stored in leases_by_id(session, ids[start : start + _AT_ONCE]).values()
    ]


def take_round(session: Session, seen: datetime | None, *, at: datetime) -> bool:
    """Take the turn to write a round; False if another was written since `seen`."""
    if seen is None:
        insert = _INSERTS[session.get_bind().dialect.name](SweepRow)
        first = insert.values(name=_ROUND, swept_at=at).on_conflict_do_nothing()
        return session.execute(first.returning(col(SweepRow.name))).first() is not None
    update = (
        sa.update(SweepRow)
        .where(col(SweepRow.name) == _ROUND, col(SweepRow.swept_at) == seen)
        .values(swept_at=max(at, seen + _MICROSECOND))  # the clock may stand, or step back
        .returning(col(SweepRow.name))
    )
    return session.execute(update).first() is not None


def lock_claims(session: Session, pool_ids: Iterable[str]) -> dict[str, int]:
    """Lock pools, by id, and all others that have claims; return what is claimed of each."""
    wanted = sa.or_(_POOLS.c.id.in_(sorted(pool_ids)), _POOLS.c.claimed > 0)
    query = sa.select(_POOLS.c.id, _POOLS.c.claimed).where(wanted).order_by(_POOLS.c.id)
    return {row.id: row.claimed for row in session.execute(query.with_for_update())}


def lock_pending(session: Session, request_ids: Iterable[str]) -> dict[str, CapacityRequestRow]:
    """Lock requests, by id; return those that still wait."""
    query = (
        select(CapacityRequestRow)
        .where(
            col(CapacityRequestRow.id).in_(sorted(request_ids)),
            CapacityRequestRow.state == RequestState.PENDING.value,
        )
        .order_by(col(CapacityRequestRow.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {row.id: row for row in session.exec(query)}


def suspend_claims(session: Session, before: Mapping[str, int]) -> None:
    """Let those who wait have what is claimed; `write_claims` must follow."""
    claimed = sorted(pool_id for pool_id, gpus in before.items() if gpus)
    session.execute(sa.update(_POOLS).where(_POOLS.c.id.in_(claimed)).values(claimed=0))


def write_claims(
    session: Session, before: Mapping[str, int], after: Mapping[str, int], *, at: datetime
) -> None:
    """Write what is claimed of pools that are locked; one that stays as it was has not changed."""
    for pool_id, old in sorted(before.items()):
        new = after.get(pool_id, 0)
        if not old and not new:
            continue
        values: dict[str, object] = {"claimed": new}
        if old != new:
            values |= {"gen": _POOLS.c.gen + 1, "changed_at": at}
        session.execute(sa.update(_POOLS).where(_POOLS.c.id == pool_id).values(values))


def reject(session: Session, row: CapacityRequestRow, decision: Decision, *, at: datetime) -> None:
    """End a request that waiting does not help; it is locked."""
    row.state, row.decided_at = RequestState.REJECTED.value, at
    _say_why(row, decision)
    append_event(
        session,
        "request.rejected",
        row.id,
        holder=row.holder,
        principal=row.principal,
        at=at,
        data={"gpu_count": row.gpu_count, "reason": row.reason},
    )


def note_reason(row: CapacityRequestRow, decision: Decision) -> None:
    """Say why a request waits, where that is something else than before; it is locked."""
    if decision.refusal is not None and row.reason != decision.refusal.value:
        _say_why(row, decision)


def give_notice(session: Session, notices: Sequence[Notice], *, at: datetime) -> list[str]:
    """Tell holders that leases end within their grace; return the leases that this is news for."""
    of = {one.lease_id: one for one in notices}
    query = (
        select(LeaseRow)
        .where(
            col(LeaseRow.id).in_(sorted(of)),
            col(LeaseRow.state).in_([LeaseState.GRANTED.value, LeaseState.ACTIVE.value]),
            col(LeaseRow.is_preemptible),
        )
        .order_by(col(LeaseRow.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    told = list(session.exec(query))
    for lease in told:
        until = at + of[lease.id].grace
        lease.state = LeaseState.PREEMPTING.value
        lease.ends_at = until if lease.ends_at is None else min(lease.ends_at, until)
        lease.expires_at = min(lease.expires_at, lease.ends_at)
        lease.rev += 1
        append_event(
            session,
            "lease.preempting",
            lease.id,
            holder=lease.holder,
            principal=lease.principal,
            at=at,
            data={
                "request_id": lease.request_id,
                "fence": lease.fence,
                "gpu_count": lease.gpu_count,
                "ends_at": lease.ends_at.isoformat(),
            },
        )
    return [lease.id for lease in told]


def _say_why(row: CapacityRequestRow, decision: Decision) -> None:
    row.reason = None if decision.refusal is None else decision.refusal.value
    row.detail = decision.helps
    row.rev += 1
