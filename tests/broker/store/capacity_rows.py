"""Pools and wishes for tests of the hot path, and looks into what became of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlmodel import col, select

from broker.capacity.request import Candidate, Line
from broker.identity import new_id
from broker.store.engine import Database
from broker.store.grants import Answer, Beat, Grants, Outcome, Return, Wish, grants_of
from broker.store.grants_check import imbalance
from broker.store.tables import CapacityEventRow, LeaseRow, PoolRow

T = TypeVar("T")
CHANGED = datetime(2026, 3, 1, tzinfo=UTC)


def pool_row(pool_id: str, available: int = 8, **changes: Any) -> PoolRow:
    values: dict[str, Any] = {
        "id": pool_id,
        "source": f"line/{pool_id}",
        "kind": "contract",
        "supplier": "harbor-compute",
        "gpu_model": "H100",
        "node_size": 8,
        "contracted": available,
        "undelivered": 0,
        "available": available,
        "held": 0,
        "leased": 0,
        "down": 0,
        "returned": 0,
        "kept_back": 0,
        "claimed": 0,
        "gen": 1,
        "is_cordoned": False,
        "is_draining": False,
        "marginal_price": Decimal("0.25"),
        "effective_price": Decimal("2.5"),
        "currency": "USD",
        "confirm_seconds": 60,
        "grace_seconds": 0,
        "changed_at": CHANGED,
    }
    return PoolRow(**(values | changes))


def add_pools(database: Database, *pools: PoolRow) -> None:
    with database.writing() as session:
        session.add_all(pools)


def change_pool(database: Database, pool_id: str, **changes: Any) -> None:
    with database.writing() as session:
        session.execute(sa.update(PoolRow).where(col(PoolRow.id) == pool_id).values(changes))


def on(*lines: tuple[str, int]) -> Candidate:
    return tuple(Line(pool_id=pool, gpu_count=count) for pool, count in lines)


def a_wish(*candidates: Candidate, **changes: Any) -> Wish:
    request_id = new_id()
    values: dict[str, Any] = {
        "request_id": request_id,
        "principal": "scheduler",
        "idempotency_key": request_id,
        "fingerprint": "same body",
        "spec": "{}",
        "holder": "chat",
        "gpu_count": sum(line.gpu_count for line in candidates[0]) if candidates else 8,
        "priority": 500,
        "is_preemptible": False,
        "is_gang": True,
        "ttl_seconds": 60,
        "duration_seconds": None,
        "starts_at": None,
        "may_queue": False,
        "deadline_at": None,
        "candidates": candidates,
        "refusal": None,
        "detail": "ask for fewer GPUs",
    }
    return Wish(**(values | changes))


@asynccontextmanager
async def serving(database: Database, **settings: Any) -> AsyncIterator[Grants]:
    grants = grants_of(database, **settings)
    await grants.start()
    try:
        yield grants
    finally:
        await grants.stop()


def with_grants(database: Database, work: Callable[[Grants], Awaitable[T]], **settings: Any) -> T:
    async def run() -> T:
        async with serving(database, **settings) as grants:
            return await work(grants)

    return asyncio.run(run())


async def granted(grants: Grants, wish: Wish) -> Answer:
    answer = await grants.grant(wish)
    assert answer.outcome is Outcome.GRANTED
    return answer


def back(answer: Answer, **changes: Any) -> Return:
    assert answer.lease_id is not None
    assert answer.fence is not None
    values: dict[str, Any] = {"lease_id": answer.lease_id, "fence": answer.fence}
    return Return(**(values | changes))


def beat(answer: Answer, **changes: Any) -> Beat:
    given = back(answer)
    values: dict[str, Any] = {"lease_id": given.lease_id, "fence": given.fence}
    return Beat(**(values | changes))


def let_pass(database: Database, seconds: int) -> None:
    """Make all leases older: to the database it is as if so much time had passed."""
    by = timedelta(seconds=seconds)
    with database.writing() as session:
        for lease in session.exec(select(LeaseRow).where(col(LeaseRow.is_live))):
            lease.expires_at -= by
            lease.starts_at -= by
            if lease.ends_at is not None:
                lease.ends_at -= by


def pool(database: Database, pool_id: str) -> PoolRow:
    with database.reading() as session:
        return session.get_one(PoolRow, pool_id)


def lease_of(database: Database, answer: Answer) -> LeaseRow:
    with database.reading() as session:
        return session.get_one(LeaseRow, answer.lease_id)


def standing(database: Database, pool_id: str) -> tuple[int, int, int]:
    """Return available, held and leased, having checked that the books are balanced."""
    row = pool(database, pool_id)
    with database.reading() as session:
        assert imbalance(session) == 0
    return row.available, row.held, row.leased


def rows_of(database: Database, table: Any) -> list[Any]:
    with database.reading() as session:
        return list(session.exec(select(table)).all())


def events(database: Database) -> list[str]:
    with database.reading() as session:
        return list(session.exec(select(CapacityEventRow.kind).order_by(col(CapacityEventRow.seq))))
