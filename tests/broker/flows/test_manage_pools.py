"""What people do with pools, and what stands in their way."""

from typing import Any

import pytest

from broker.capacity.accounts import Accounts
from broker.capacity.standing import Standing
from broker.errors import BadInputError, ConflictError, NotFoundError, RefusedError
from broker.flows.manage_pools import PoolPatch, patch_pool, show_pool
from broker.store.engine import Database
from broker.store.pools import StoredPool
from tests.broker.flows.pool_books import check, only_pool, sign, sync, written
from tests.broker.lease_rows import take
from tests.builders import ACTOR, NOON, some_terms


@pytest.fixture
def pool_id(database: Database) -> str:
    """The pool of a contract for 64 GPUs."""
    sign(database, some_terms(gpu_count=64))
    sync(database)
    return only_pool(database).pool.id


def patched(
    database: Database, pool_id: str, *, if_gen: int | None = None, **values: Any
) -> StoredPool:
    patch = PoolPatch(**values)
    return patch_pool(database, pool_id, patch, if_gen=if_gen, actor=ACTOR, clock=lambda: NOON)


def test_a_cordoned_pool_gives_no_new_leases_and_opens_again(
    database: Database, pool_id: str
) -> None:
    cordoned = patched(database, pool_id, standing=Standing.CORDONED).pool
    assert (cordoned.is_cordoned, cordoned.is_draining) == (True, False)
    draining = patched(database, pool_id, standing=Standing.DRAINING).pool
    assert (draining.is_cordoned, draining.is_draining) == (True, True)
    opened = patched(database, pool_id, standing=Standing.OPEN).pool
    assert (opened.is_cordoned, opened.is_draining) == (False, False)


def test_a_sync_leaves_what_people_ordered_alone(database: Database, pool_id: str) -> None:
    patched(database, pool_id, standing=Standing.CORDONED, kept_back=8, residency="de")

    assert sync(database).changed == ()

    pool = show_pool(database, pool_id).pool
    assert (pool.is_cordoned, pool.kept_back, pool.residency) == (True, 8, "DE")


def test_spares_are_not_free(database: Database, pool_id: str) -> None:
    assert patched(database, pool_id, kept_back=16).pool.free == 48
    with pytest.raises(RefusedError, match="64 GPUs in service"):
        patched(database, pool_id, kept_back=65)


def test_failed_gpus_are_down_and_repaired_ones_available(database: Database, pool_id: str) -> None:
    assert patched(database, pool_id, down=8).accounts == Accounts(available=56, down=8)
    assert patched(database, pool_id, down=2).accounts == Accounts(available=62, down=2)
    assert check(database) == []


def test_gpus_that_holders_have_are_not_taken_down(database: Database, pool_id: str) -> None:
    take(database, pool_id, 60)
    before = written(database)

    with pytest.raises(RefusedError, match="set at most 4, drain the pool"):
        patched(database, pool_id, down=8, standing=Standing.DRAINING)

    assert written(database) == before
    assert not show_pool(database, pool_id).pool.is_draining


def test_whoever_read_an_older_generation_is_told_to_read_again(
    database: Database, pool_id: str
) -> None:
    read = show_pool(database, pool_id).pool.gen
    patched(database, pool_id, if_gen=read, kept_back=8)

    with pytest.raises(ConflictError, match="read it again"):
        patched(database, pool_id, if_gen=read, kept_back=16)

    assert show_pool(database, pool_id).pool.kept_back == 8


def test_a_patch_that_changes_nothing_writes_nothing(database: Database, pool_id: str) -> None:
    patched(database, pool_id, kept_back=8)
    before = written(database), show_pool(database, pool_id)

    patched(database, pool_id, kept_back=8, down=0, standing=Standing.OPEN)

    assert (written(database), show_pool(database, pool_id)) == before


@pytest.mark.parametrize(
    "values",
    [
        {"kept_back": -1},
        {"down": -1},
        {"confirm_seconds": -1},
        {"grace_seconds": 86_401},
        {"residency": "Germany"},
        {"residency": "4x"},
    ],
)
def test_what_cannot_be_is_bad_input(
    database: Database, pool_id: str, values: dict[str, Any]
) -> None:
    with pytest.raises(BadInputError):
        patched(database, pool_id, **values)


def test_there_is_no_pool_that_nobody_made(database: Database) -> None:
    with pytest.raises(NotFoundError, match="no pool p1"):
        show_pool(database, "p1")
    with pytest.raises(NotFoundError, match="no pool p1"):
        patched(database, "p1", kept_back=1)
