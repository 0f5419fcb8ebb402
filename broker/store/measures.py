"""What whoever watches the broker wants measured, each by one query over as few rows as possible.

Everything here is read while leases are granted, so nothing takes a lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from broker.capacity.lease import LeaseState
from broker.store.tables import LeaseLineRow, LeaseRow, PollPlaceRow, PoolRow, SweepRow

NO_TIME: Final = timedelta(0)

_OVERDUE_LOOKED_AT: Final = 100
"""Leases, the first to expire first: when sweeps stop, all of them are overdue before long."""
_STATES: Final = ("undelivered", "available", "held", "leased", "down", "kept_back")


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolGpus:
    """GPUs of one model from one supplier in one state, over all its pools.

    `kept_back` are spares: they are `available` too, so the states do not add up to a whole.
    """

    supplier: str
    gpu_model: str
    state: str
    gpus: int


def pool_gpus(session: Session) -> list[PoolGpus]:
    """Return the GPUs of every supplier and model by state."""
    sums = [func.sum(getattr(PoolRow, state)) for state in _STATES]
    rows = session.execute(
        sa.select(col(PoolRow.supplier), col(PoolRow.gpu_model), *sums)
        .group_by(col(PoolRow.supplier), col(PoolRow.gpu_model))
        .order_by(col(PoolRow.supplier), col(PoolRow.gpu_model))
    )
    return [
        PoolGpus(supplier=supplier, gpu_model=gpu_model, state=state, gpus=int(gpus))
        for supplier, gpu_model, *counts in rows
        for state, gpus in zip(_STATES, counts, strict=True)
    ]


def ledger_imbalance(session: Session) -> int:
    """Return by how many GPUs pools' accounts differ from their live leases; 0 is right.

    Held are grants that nobody has confirmed, leased the others. A lease that is scheduled for
    later takes no GPUs yet. Pools that differ in opposite ways do not cancel out.
    """
    is_held = col(LeaseRow.confirmed_at).is_(None)
    gpus = col(LeaseLineRow.gpu_count)
    on_leases = (
        sa.select(
            col(LeaseLineRow.pool_id),
            func.sum(sa.case((is_held, gpus), else_=0)).label("held"),
            func.sum(sa.case((is_held, 0), else_=gpus)).label("leased"),
        )
        .join(LeaseRow, col(LeaseRow.id) == col(LeaseLineRow.lease_id))
        .where(col(LeaseRow.is_live), col(LeaseRow.state) != LeaseState.SCHEDULED)
        .group_by(col(LeaseLineRow.pool_id))
        .subquery()
    )
    differs = func.abs(col(PoolRow.held) - func.coalesce(on_leases.c.held, 0)) + func.abs(
        col(PoolRow.leased) - func.coalesce(on_leases.c.leased, 0)
    )
    total = sa.select(func.coalesce(func.sum(differs), 0)).select_from(
        sa.outerjoin(
            sa.inspect(PoolRow).selectable, on_leases, on_leases.c.pool_id == col(PoolRow.id)
        )
    )
    return int(session.execute(total).scalar_one())


def swept_at(session: Session) -> datetime | None:
    """Return when leases were last swept, by the clock of the database; None: never yet."""
    return session.exec(select(func.max(SweepRow.swept_at))).one()


def sweep_lag(session: Session, *, now: datetime) -> timedelta:
    """Return how long the lease that is overdue the longest has waited for a sweep to end it.

    It is overdue once the grace of its pools has passed too.
    """
    query = (
        sa.select(col(LeaseRow.expires_at), func.max(col(PoolRow.grace_seconds)))
        .join(LeaseLineRow, col(LeaseLineRow.lease_id) == col(LeaseRow.id))
        .join(PoolRow, col(PoolRow.id) == col(LeaseLineRow.pool_id))
        .where(
            col(LeaseRow.is_live),
            col(LeaseRow.state) != LeaseState.SCHEDULED,
            col(LeaseRow.expires_at) < now,
        )
        .group_by(col(LeaseRow.id), col(LeaseRow.expires_at))
        .order_by(col(LeaseRow.expires_at))
        .limit(_OVERDUE_LOOKED_AT)
    )
    waits: list[timedelta] = [
        now - at - timedelta(seconds=grace) for at, grace in session.execute(query)
    ]
    return max([NO_TIME, *waits])


def answered_at(session: Session) -> dict[str, datetime]:
    """Return when each supplier last answered whole, for any of its regions."""
    rows = session.exec(
        select(PollPlaceRow.supplier, func.max(PollPlaceRow.seen_at))
        .group_by(col(PollPlaceRow.supplier))
        .order_by(col(PollPlaceRow.supplier))
    )
    return {supplier: at for supplier, at in rows if at is not None}
