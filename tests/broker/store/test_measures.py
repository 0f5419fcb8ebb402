"""What is measured is what the tables say, on both databases."""

from datetime import timedelta

import pytest

from broker.store.engine import Database
from broker.store.grants_check import imbalance
from broker.store.job_runs import database_now
from broker.store.measures import (
    answered_at,
    pool_gpus,
    sweep_lag,
    swept_at,
)
from tests.broker.capacity_rows import a_pool, put_lease, put_pools, put_sweep
from tests.broker.flows.polls import polled
from tests.builders import NOON


def test_gpus_are_summed_over_the_pools_of_a_supplier_and_model(database: Database) -> None:
    put_pools(
        database,
        a_pool("a", available=40, leased=24, kept_back=8),
        a_pool("b", available=10, held=2, down=3, undelivered=5),
        a_pool("c", available=7, gpu_model="H200"),
    )

    with database.reading() as session:
        found = {(one.gpu_model, one.state): one.gpus for one in pool_gpus(session)}

    assert {state: found["B200", state] for state in ("available", "leased", "kept_back")} == {
        "available": 50,
        "leased": 24,
        "kept_back": 8,
    }
    assert [found["B200", state] for state in ("held", "down", "undelivered")] == [2, 3, 5]
    assert found["H200", "available"] == 7


def test_accounts_that_agree_with_the_live_leases_are_in_balance(database: Database) -> None:
    put_pools(database, a_pool(available=40, held=8, leased=16, scheduled=32))
    put_lease(database, 8, state="granted")
    put_lease(database, 12)
    put_lease(database, 4, state="preempting")
    put_lease(database, 32, state="released")
    put_lease(database, 32, state="scheduled")

    with database.reading() as session:
        assert imbalance(session) == 0


@pytest.mark.parametrize(("leased", "differs_by"), [(16, 8), (0, 8), (24, 16)])
def test_a_pool_that_uses_more_or_less_than_its_leases_is_out_of_balance(
    database: Database, leased: int, differs_by: int
) -> None:
    put_pools(database, a_pool(available=64 - leased, leased=leased), a_pool("sound"))
    put_lease(database, 8)

    with database.reading() as session:
        assert imbalance(session) == differs_by


def test_pools_that_differ_in_opposite_ways_do_not_cancel_out(database: Database) -> None:
    put_pools(database, a_pool("a", available=56, leased=8), a_pool("b"))
    put_lease(database, 8, pool_id="b")

    with database.reading() as session:
        assert imbalance(session) == 16


def test_a_grant_that_counts_as_confirmed_before_it_is_is_out_of_balance(
    database: Database,
) -> None:
    put_pools(database, a_pool(available=56, leased=8))
    put_lease(database, 8, state="granted")

    with database.reading() as session:
        assert imbalance(session) == 16


def test_the_lag_is_that_of_the_lease_overdue_the_longest(database: Database) -> None:
    put_pools(database, a_pool(grace_seconds=30))
    put_lease(database, 8, expires_in=timedelta(seconds=-90))
    put_lease(database, 8, expires_in=timedelta(seconds=-30))
    put_lease(database, 8, expires_in=timedelta(hours=-5), state="expired")

    with database.reading() as session:
        lag = sweep_lag(session, now=database_now(session))

    assert timedelta(seconds=60) <= lag < timedelta(hours=1)


def test_a_lease_within_its_grace_is_not_overdue(database: Database) -> None:
    put_pools(database, a_pool(grace_seconds=7_200))
    put_lease(database, 8, expires_in=timedelta(hours=-1))

    with database.reading() as session:
        assert sweep_lag(session, now=database_now(session)) == timedelta(0)


def test_where_no_lease_is_overdue_nothing_lags(database: Database) -> None:
    put_pools(database, a_pool())
    put_lease(database, 8)

    with database.reading() as session:
        assert sweep_lag(session, now=database_now(session)) == timedelta(0)


def test_the_last_sweep_is_unknown_until_there_is_one(database: Database) -> None:
    with database.reading() as session:
        assert swept_at(session) is None

    put_sweep(database, ago=timedelta(minutes=3))

    with database.reading() as session:
        at = swept_at(session)
        assert at is not None
        assert database_now(session) - at >= timedelta(minutes=3)


def test_a_supplier_answered_when_the_freshest_of_its_regions_did(database: Database) -> None:
    polled(database, NOON, seen_at=NOON - timedelta(hours=2), region="east")
    polled(database, NOON, seen_at=NOON, region="west")
    polled(database, NOON, seen_at=None, supplier="mute", state="failed")

    with database.reading() as session:
        assert answered_at(session) == {"acme": NOON}
