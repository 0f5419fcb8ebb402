"""Pools as planners and people see them: read, never written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from broker.capacity.accounts import OWN, Accounts
from broker.capacity.lease import LeaseState
from broker.capacity.pool import Pool, PoolKind
from broker.capacity.standing import Closing, Standing
from broker.capacity.timeline import Taken, peak
from broker.errors import NotFoundError
from broker.store.tables import LeaseLineRow, LeaseRow, PoolRow, Table
from pricing.money import Currency, Money

_POOLS = Table.metadata.tables[PoolRow.__tablename__]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPool:
    """A pool with its accounts and orders, as people see it."""

    pool: Pool
    source: str
    accounts: Accounts
    standing: Standing
    closing: Closing | None
    gpu_limit: int | None
    confirm_seconds: int
    grace_seconds: int
    changed_at: datetime


def pools(session: Session, *, gpu_models: Collection[str] | None = None) -> tuple[Pool, ...]:
    """Return all pools by id, or those of some models, as a planner sees them."""
    booked = booked_peaks(session)
    rows = session.execute(_all_pools(gpu_models))
    return tuple(_pool(row, booked.get(row.id, 0)) for row in rows)


def stored_pools(
    session: Session, *, gpu_models: Collection[str] | None = None
) -> tuple[StoredPool, ...]:
    """Return all pools by id, or those of some models, as people see them."""
    booked = booked_peaks(session)
    rows = session.execute(_all_pools(gpu_models))
    return tuple(_stored(row, booked.get(row.id, 0)) for row in rows)


def find_pool(session: Session, pool_id: str) -> StoredPool:
    """Return a pool by its id, or raise NotFoundError."""
    row = session.execute(sa.select(_POOLS).where(_POOLS.c.id == pool_id)).first()
    if row is None:
        raise no_pool(pool_id)
    return _stored(row, booked_peaks(session).get(pool_id, 0))


def booked_peaks(session: Session) -> dict[str, int]:
    """Return by pool the most GPUs that leases granted for later will have at once."""
    query = (
        select(LeaseLineRow.pool_id, LeaseLineRow.gpu_count, LeaseRow.starts_at, LeaseRow.ends_at)
        .join(LeaseRow, col(LeaseRow.id) == col(LeaseLineRow.lease_id))
        .where(col(LeaseRow.is_live), LeaseRow.state == LeaseState.SCHEDULED.value)
    )
    promised: dict[str, list[Taken]] = defaultdict(list)
    for pool_id, gpus, starts_at, ends_at in session.exec(query):
        promised[pool_id].append((starts_at, ends_at, gpus))
    return {
        pool_id: peak(taken, start=min(since for since, _, _ in taken), end=None)
        for pool_id, taken in promised.items()
    }


def accounts_of(row: Any) -> Accounts:
    """Return the accounts of a row of the table of pools."""
    return Accounts(**{account.value: getattr(row, account.value) for account in OWN})


def _all_pools(gpu_models: Collection[str] | None) -> sa.Select[Any]:
    query = sa.select(_POOLS).order_by(_POOLS.c.id)
    return query if gpu_models is None else query.where(_POOLS.c.gpu_model.in_(sorted(gpu_models)))


def no_pool(pool_id: str) -> NotFoundError:
    """Return the error that says that there is no such pool."""
    return NotFoundError(f"there is no pool {pool_id[:64]}; see: tonnage capacity pools")


def _stored(row: Any, booked: int) -> StoredPool:
    return StoredPool(
        pool=_pool(row, booked),
        source=row.source,
        accounts=accounts_of(row),
        standing=Standing(row.standing),
        closing=Closing(row.closing) if row.closing else None,
        gpu_limit=row.gpu_limit,
        confirm_seconds=row.confirm_seconds,
        grace_seconds=row.grace_seconds,
        changed_at=row.changed_at,
    )


def _pool(row: Any, booked: int) -> Pool:
    return Pool(
        id=row.id,
        kind=PoolKind(row.kind),
        supplier=row.supplier,
        contract_id=row.contract_id,
        contract_ref=row.contract_ref,
        line_no=row.line_no,
        gpu_model=row.gpu_model,
        form_factor=row.form_factor,
        region=row.region,
        residency=row.residency,
        tier=row.tier,
        reliability_ppm=row.reliability_ppm,
        node_size=row.node_size,
        contracted=row.contracted,
        available=row.available,
        kept_back=row.kept_back,
        claimed=row.claimed,
        gen=row.gen,
        is_cordoned=row.is_cordoned,
        is_draining=row.is_draining,
        opens_at=row.opens_at,
        closes_at=row.closes_at,
        marginal=_money(row.marginal_price, row.currency),
        effective=_money(row.effective_price, row.currency),
        usd_marginal=row.usd_marginal,
        usd_effective=row.usd_effective,
        booked=booked,
    )


def _money(amount: Decimal | None, currency: str | None) -> Money | None:
    return None if amount is None or currency is None else Money(amount, Currency(currency))
