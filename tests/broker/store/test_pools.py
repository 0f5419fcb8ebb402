"""Pools are written under lock, and two writers never lose each other's change."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import select

from broker.capacity.accounts import Accounts, Transfer
from broker.capacity.lease import LeaseState
from broker.capacity.pool import Account
from broker.store.engine import Database
from broker.store.pool_changes import (
    PoolChange,
    lock_pool,
    lock_pools,
    offer_source,
    pool_id_of,
    write_change,
)
from broker.store.pools import pools
from broker.store.tables import PoolRow
from tests.broker.flows.pool_books import check, only_pool, sign, sync
from tests.broker.lease_rows import take
from tests.builders import ACTOR, NOON, some_terms


@pytest.fixture
def pool_id(database: Database) -> str:
    """The pool of a contract for 64 GPUs."""
    sign(database, some_terms(gpu_count=64))
    sync(database)
    return only_pool(database).pool.id


def down(database: Database, pool_id: str, gpus: int) -> None:
    move = Transfer(debit=Account.AVAILABLE, credit=Account.DOWN, gpu_count=gpus, cause="failed")
    with database.writing() as session:
        row = lock_pool(session, pool_id)
        change = PoolChange(values={}, transfers=(move,))
        write_change(session, row, change, actor=ACTOR, at=NOON)


def test_writers_at_the_same_time_take_turns(database: Database, pool_id: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: down(database, pool_id, 2), range(16)))

    stored = only_pool(database)
    assert stored.accounts == Accounts(available=32, down=32)
    assert stored.pool.gen == 17
    assert check(database) == []


def test_syncs_at_the_same_time_are_one(database: Database) -> None:
    sign(database)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: sync(database), range(4)))

    assert only_pool(database).accounts == Accounts(available=1024)
    assert check(database) == []


def test_an_account_that_would_be_overdrawn_stops_the_whole_change(
    database: Database, pool_id: str
) -> None:
    with pytest.raises(ValueError, match="not that many GPUs available"):
        down(database, pool_id, 65)

    assert only_pool(database).accounts == Accounts(available=64)


def test_pools_are_locked_in_the_order_of_their_ids(sqlite: Database) -> None:
    sign(sqlite, *(some_terms(gpu_count=8) for _ in range(4)))
    sync(sqlite)

    with sqlite.writing() as session:
        ids = session.exec(select(PoolRow.id)).all()
        assert list(lock_pools(session, reversed(ids))) == sorted(ids)


def test_what_is_promised_for_later_is_not_free_now(database: Database, pool_id: str) -> None:
    take(database, pool_id, 24, state=LeaseState.SCHEDULED)
    take(database, pool_id, 8)

    with database.reading() as session:
        (pool,) = pools(session)
    assert (pool.available, pool.booked, pool.free) == (56, 24, 32)


def test_the_id_of_a_pool_follows_from_its_source() -> None:
    assert pool_id_of(offer_source("o1")) == pool_id_of("offer/o1")
    assert pool_id_of("offer/o1") != pool_id_of("line/o1")
