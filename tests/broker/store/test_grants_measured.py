"""The engine counts and times what it does, in the meters it is given."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from broker.metrics import Meters
from broker.store.engine import Database
from broker.store.grant_queue import GroupCommit
from broker.store.grants import Beat, BusyError, Grants, Return
from tests.broker.store.capacity_rows import (
    a_wish,
    add_pools,
    back,
    granted,
    on,
    pool_row,
    with_grants,
)

Work = Callable[[Grants], Awaitable[None]]


def measured(database: Database, work: Work, *, queue: int = 5000) -> dict[str, float]:
    """What the engine counted while it did this: operations by how they ended, and the rest."""
    meters = Meters()

    async def counted(grants: Grants) -> None:
        grants.count_in(meters)
        await work(grants)

    with_grants(database, counted, queue=queue)
    return {
        " ".join([one.name, *one.labels.values()]): one.value
        for metric in meters.collect()
        for one in metric.samples
    }


def test_operations_are_counted_by_what_became_of_them(database: Database) -> None:
    add_pools(database, pool_row("a", available=8))

    async def work(grants: Grants) -> None:
        wish = a_wish(on(("a", 8)))
        answer = await granted(grants, wish)
        await grants.grant(wish)
        await grants.grant(a_wish(on(("a", 8))))
        await grants.renew(Beat(lease_id=answer.lease_id or "", fence=answer.fence or 0))
        await grants.renew(Beat(lease_id="unknown", fence=1))
        await grants.release(back(answer))
        await grants.release(Return(lease_id="unknown", fence=1))
        await grants.sweep()

    counted = measured(database, work)

    ops = {
        name.removeprefix("tonnage_lease_ops_total "): value
        for name, value in counted.items()
        if name.startswith("tonnage_lease_ops_total")
    }
    assert ops == {
        "grant granted": 1,
        "grant replayed": 1,
        "grant refused": 1,
        "renew kept": 1,
        "renew lost": 1,
        "release released": 1,
        "release unknown": 1,
        "sweep swept": 1,
    }
    assert counted["tonnage_lease_op_seconds_count grant"] == 3
    assert counted["tonnage_queue_depth"] == 0


def test_what_goes_to_the_database_together_is_one_batch(database: Database) -> None:
    add_pools(database, pool_row("a", available=8))

    async def work(grants: Grants) -> None:
        await grants.grant_many([a_wish(on(("a", 2))) for _ in range(4)])

    counted = measured(database, work)

    assert counted["tonnage_batch_size_count"] == 1
    assert counted["tonnage_batch_size_sum"] == 4


def test_what_finds_the_queue_full_is_counted_as_busy(sqlite: Database) -> None:
    async def work(grants: Grants) -> None:
        with pytest.raises(BusyError):
            await grants.grant_many([a_wish(on(("a", 1))) for _ in range(2)])

    counted = measured(sqlite, work, queue=1)

    assert counted["tonnage_lease_ops_total grant busy"] == 2


def test_an_engine_is_alive_from_its_making_until_its_task_has_died(sqlite: Database) -> None:
    async def work(grants: Grants) -> None:
        assert isinstance(grants, GroupCommit)
        task = grants._task
        assert grants.is_alive
        assert task is not None
        task.cancel()  # nothing that we know of makes it die
        with pytest.raises(asyncio.CancelledError):
            await task
        is_alive = grants.is_alive
        grants._task = None  # so that it can be stopped
        assert not is_alive

    with_grants(sqlite, work)
