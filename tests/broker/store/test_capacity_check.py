"""The views of capacity are compared, and each kind of difference is found."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from broker.capacity.lease import LeaseState
from broker.store.engine import Database
from tests.broker.flows.pool_books import check, only_pool, sign, sync
from tests.broker.lease_rows import give_back, take
from tests.builders import some_terms

LATER = datetime(2126, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def pool_id(database: Database) -> str:
    """The pool of a contract for 64 GPUs."""
    sign(database, some_terms(gpu_count=64))
    sync(database)
    return only_pool(database).pool.id


def tamper(database: Database, statement: str) -> None:
    with database.writing() as session:
        session.execute(text(statement))


def test_views_agree_through_grants_confirmations_and_returns(
    database: Database, pool_id: str
) -> None:
    held = take(database, pool_id, 8, state=LeaseState.GRANTED)
    take(database, pool_id, 16)
    take(database, pool_id, 40, state=LeaseState.SCHEDULED, starts_at=LATER, ends_at=LATER + HOUR)
    assert check(database) == []

    give_back(database, held)
    assert check(database) == []


def test_an_account_that_was_changed_without_a_transfer_is_found(
    database: Database, pool_id: str
) -> None:
    tamper(database, "UPDATE pool SET available = available - 8, leased = leased + 8")

    told = check(database)

    assert f"pool {pool_id}: 56 GPUs stand available, its transfers add up to 64" in told
    assert f"pool {pool_id}: 8 GPUs stand leased, its leases have 0" in told


def test_gpus_that_the_supplier_never_gave_are_found(database: Database, pool_id: str) -> None:
    tamper(database, "UPDATE pool SET available = available + 1, contracted = contracted + 1")

    assert f"pool {pool_id}: -65 GPUs stand supplier, its transfers add up to -64" in check(
        database
    )


def test_a_lease_whose_gpus_came_back_while_it_lives_is_found(
    database: Database, pool_id: str
) -> None:
    lease = take(database, pool_id, 8)
    give_back(database, lease)
    tamper(database, "UPDATE lease SET is_live = TRUE")

    told = check(database)

    assert f"pool {pool_id}: 0 GPUs stand leased, its leases have 8" in told
    assert any(one.startswith(f"lease {lease}: it is released") for one in told)


def test_a_lease_whose_lines_do_not_add_up_is_found(database: Database, pool_id: str) -> None:
    lease = take(database, pool_id, 8)
    tamper(database, "UPDATE lease SET gpu_count = 16")

    assert check(database) == [f"lease {lease}: it is for 16 GPUs, its lines have 8"]


def test_promises_for_one_instant_that_no_gpus_stand_behind_are_found(
    database: Database, pool_id: str
) -> None:
    for _ in range(2):
        take(database, pool_id, 40, state=LeaseState.SCHEDULED, starts_at=LATER)

    assert check(database) == [
        f"pool {pool_id}: 80 GPUs are promised for one instant, 64 can be used"
    ]


def test_promises_that_follow_one_another_share_their_gpus(
    database: Database, pool_id: str
) -> None:
    take(database, pool_id, 64, ends_at=LATER)  # overdue by its stated time or not, it counts
    for hour in range(3):
        starts_at = LATER + hour * HOUR
        ends_at = starts_at + HOUR
        take(
            database, pool_id, 64, state=LeaseState.SCHEDULED, starts_at=starts_at, ends_at=ends_at
        )

    assert check(database) == []
    assert only_pool(database).pool.booked == 64
