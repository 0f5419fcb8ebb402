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


@dataclass(frozen=True, slots=True, kw_only=True)
class Imbalance:
    """A pool whose accounts say another number of used GPUs than its live leases do."""

    pool_id: str
    supplier: str
    gpu_model: str
    used: int  # held and leased
    on_leases: int

    @property
    def gpus(self) -> int:
        """Return by how many GPUs they differ; always above zero."""
        return abs(self.used - self.on_leases)


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


def imbalances(session: Session) -> list[Imbalance]:
    """Return every pool of which held and leased GPUs are not those of its live leases.

    A lease that is scheduled for later takes no GPUs yet.
    """
    on_leases = (
        select(LeaseLineRow.pool_id, func.sum(LeaseLineRow.gpu_count).label("gpus"))
        .join(LeaseRow, col(LeaseRow.id) == col(LeaseLineRow.lease_id))
        .where(col(LeaseRow.is_live), col(LeaseRow.state) != LeaseState.SCHEDULED)
        .group_by(col(LeaseLineRow.pool_id))
        .subquery()
    )
    used = col(PoolRow.held) + col(PoolRow.leased)
    leased = func.coalesce(on_leases.c.gpus, 0)
    rows = session.execute(
        sa.select(
            col(PoolRow.id),
            col(PoolRow.supplier),
            col(PoolRow.gpu_model),
            used.label("used"),
            leased.label("on_leases"),
        )
        .outerjoin(on_leases, on_leases.c.pool_id == col(PoolRow.id))
        .where(used != leased)
        .order_by(col(PoolRow.id))
    )
    return [
        Imbalance(
            pool_id=row.id,
            supplier=row.supplier,
            gpu_model=row.gpu_model,
            used=row.used,
            on_leases=int(row.on_leases),
        )
        for row in rows
    ]


def swept_at(session: Session) -> datetime | None:
    """Return when leases were last swept, by the clock of the database; None: never yet."""
    return session.exec(select(func.max(SweepRow.swept_at))).one()


def sweep_lag(session: Session, *, now: datetime) -> timedelta:
    """Return how long the lease that is overdue the longest has waited for a sweep to end it."""
    first: datetime | None = session.exec(
        select(func.min(LeaseRow.expires_at)).where(col(LeaseRow.is_live))
    ).one()
    return NO_TIME if first is None else max(NO_TIME, now - first)


def answered_at(session: Session) -> dict[str, datetime]:
    """Return when each supplier last answered whole, for any of its regions."""
    rows = session.exec(
        select(PollPlaceRow.supplier, func.max(PollPlaceRow.seen_at))
        .group_by(col(PollPlaceRow.supplier))
        .order_by(col(PollPlaceRow.supplier))
    )
    return {supplier: at for supplier, at in rows if at is not None}
