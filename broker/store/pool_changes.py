"""Changes of pools: made under lock, with a journal of every one of them.

Whoever writes locks first: pools by id, then the counter of fences. Each change adds one to the generation, which is the ETag, and
writes a `capacity_event`; each move of GPUs writes a `capacity_transfer`. Events name what changed,
never a price.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Session, col, select

from broker.capacity.accounts import OWN, Transfer
from broker.capacity.pool import PoolKind
from broker.capacity.standing import Closing, Standing, flags_of
from broker.store.capacity_events import lock_events
from broker.store.pools import accounts_of, no_pool
from broker.store.tables import CapacityEventRow, CapacityTransferRow, FenceRow, PoolRow, Table

CONFIRM_SECONDS = 60
"""A new pool's: a grant that nobody confirms by then goes back."""
GRACE_SECONDS = 30
"""A new pool's: from a preemption or an expiry to the next grant of the same GPUs."""

COUNTER = "lease"
"""The name of the counter of fences."""

_POOL_NAMES = UUID("b7c5a1de-5a0e-4e0b-9c86-2f1d6f0b7a44")
_POOLS = Table.metadata.tables[PoolRow.__tablename__]
_INSERTS: dict[str, Callable[..., Any]] = {
    "postgresql": postgresql_insert,
    "sqlite": sqlite_insert,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolTerms:
    """What the books say of a pool beside its accounts, by the names of the columns.

    Prices are per GPU-hour: in `currency`, and in US dollars.
    """

    contract_id: str | None = None
    contract_ref: str | None = None
    line_no: int | None = None
    gpu_model: str
    form_factor: str | None = None
    region: str | None = None
    tier: str | None = None
    reliability_ppm: int | None = None
    node_size: int
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    marginal_price: Decimal | None = None
    effective_price: Decimal | None = None
    currency: str | None = None
    usd_marginal: Decimal | None = None
    usd_effective: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolChange:
    """What becomes of a pool: columns by name with their new values, and moves of GPUs."""

    values: Mapping[str, Any]
    transfers: tuple[Transfer, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.values or self.transfers)


def line_source(line_id: str) -> str:
    """Return where the pool of a contract line comes from."""
    return f"line/{line_id}"


def offer_source(offer_id: str) -> str:
    """Return where the pool of an offer comes from."""
    return f"offer/{offer_id}"


def pool_id_of(source: str) -> str:
    """Return the id of the pool that comes from there, whether it exists or not."""
    return str(uuid5(_POOL_NAMES, source))


def lock_pools(session: Session, pool_ids: Iterable[str]) -> dict[str, PoolRow]:
    """Return the rows of pools, locked until the transaction ends, in the order of their ids."""
    query = (
        select(PoolRow)
        .where(col(PoolRow.id).in_(sorted(pool_ids)))
        .order_by(col(PoolRow.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {row.id: row for row in session.exec(query)}


def lock_pool(session: Session, pool_id: str) -> PoolRow:
    """Return the row of one pool, locked until the transaction ends, or raise NotFoundError."""
    row = lock_pools(session, [pool_id]).get(pool_id)
    if row is None:
        raise no_pool(pool_id)
    return row


def open_pool(
    session: Session, source: str, kind: PoolKind, supplier: str, terms: PoolTerms, *, at: datetime
) -> None:
    """Make an empty pool; nothing if there is one already."""
    insert = _INSERTS[session.get_bind().dialect.name]
    values = {
        "id": pool_id_of(source),
        "source": source,
        "kind": kind.value,
        "supplier": supplier,
        **terms_values(terms),
        **dict.fromkeys((account.value for account in OWN), 0),
        **dict.fromkeys(("contracted", "kept_back", "claimed", "gen"), 0),
        "standing": Standing.OPEN.value,
        "is_cordoned": False,
        "is_draining": False,
        "confirm_seconds": CONFIRM_SECONDS,
        "grace_seconds": GRACE_SECONDS,
        "changed_at": at,
    }
    session.execute(insert(_POOLS).values(values).on_conflict_do_nothing())


def terms_values(terms: PoolTerms) -> dict[str, Any]:
    """Return terms by the names of the columns."""
    return {field.name: getattr(terms, field.name) for field in fields(PoolTerms)}


def write_change(
    session: Session, row: PoolRow, change: PoolChange, *, actor: str, at: datetime
) -> None:
    """Apply a change to a pool that is locked, and write it into the journals.

    ValueError where an account would fall below zero.
    """
    accounts = accounts_of(row).after(change.transfers)
    _take_turn(session)
    for name, value in change.values.items():
        setattr(row, name, value)
    flags = flags_of(Standing(row.standing), Closing(row.closing) if row.closing else None)
    row.is_cordoned, row.is_draining = flags.is_cordoned, flags.is_draining
    for account in OWN:
        setattr(row, account.value, accounts.of(account))
    row.contracted = accounts.contracted
    kind = "pool.opened" if row.gen == 0 else "pool.changed"
    row.gen += 1
    row.changed_at = at
    session.add(row)
    session.add_all(_journal(row, change.transfers, actor=actor, at=at))
    lock_events(session)
    session.add(_event(row, kind, change, actor=actor, at=at))
    session.flush()


def _take_turn(session: Session) -> None:
    """Lock the counter of fences, as every writer of events does after its pools.

    So events become visible in the order of their numbers, and who follows them misses none.
    """
    session.exec(select(FenceRow).where(FenceRow.name == COUNTER).with_for_update()).first()


def _journal(
    row: PoolRow, transfers: Sequence[Transfer], *, actor: str, at: datetime
) -> list[CapacityTransferRow]:
    return [
        CapacityTransferRow(
            pool_id=row.id,
            debit=transfer.debit.value,
            credit=transfer.credit.value,
            gpu_count=transfer.gpu_count,
            cause=transfer.cause,
            actor=actor,
            at=at,
        )
        for transfer in transfers
    ]


def _event(
    row: PoolRow, kind: str, change: PoolChange, *, actor: str, at: datetime
) -> CapacityEventRow:
    data = {
        "gen": row.gen,
        "actor": actor,
        "gpu_model": row.gpu_model,
        "accounts": {account.value: getattr(row, account.value) for account in OWN},
        "is_cordoned": row.is_cordoned,
        "is_draining": row.is_draining,
        "closing": row.closing,
        "changed": sorted(change.values),
        "moved": [
            {"from": each.debit.value, "to": each.credit.value, "gpu_count": each.gpu_count}
            for each in change.transfers
        ],
    }
    return CapacityEventRow(kind=kind, object_id=row.id, at=at, data=json.dumps(data))
