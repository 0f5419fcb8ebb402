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
_IS_LIVE: Final = sa.literal_column("lease.is_live", sa.Boolean)
"""As the partial index of SQLite has it: `is_live = 1`, the same otherwise, would not find it."""
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


def swept_at(session: Session) -> datetime | None:
    """Return when leases were last swept, by the clock of the database; None: never yet."""
    return session.exec(select(func.max(SweepRow.swept_at))).one()


def sweep_lag(session: Session, *, now: datetime) -> timedelta:
    """Return how long the lease that is overdue the longest has waited for a sweep to end it.

    It is overdue once the grace of its pools has passed too.
    """
    first = (
        sa.select(col(LeaseRow.id), col(LeaseRow.expires_at))
        .where(
            _IS_LIVE, col(LeaseRow.state) != LeaseState.SCHEDULED, col(LeaseRow.expires_at) < now
        )
        .order_by(col(LeaseRow.expires_at))
        .limit(_OVERDUE_LOOKED_AT)
        .subquery()
    )
    query = (
        sa.select(first.c.expires_at, func.max(col(PoolRow.grace_seconds)))
        .join(LeaseLineRow, col(LeaseLineRow.lease_id) == first.c.id)
        .join(PoolRow, col(PoolRow.id) == col(LeaseLineRow.pool_id))
        .group_by(first.c.id, first.c.expires_at)
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
