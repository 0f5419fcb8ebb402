"""On-demand pools: up to a limit that a person sets, following the offer behind it."""

from decimal import Decimal
from typing import Any

import pytest

from broker.capacity.accounts import Accounts
from broker.capacity.pool import PoolKind
from broker.capacity.standing import Closing
from broker.errors import BadInputError, NotFoundError, RefusedError
from broker.flows.set_on_demand import LARGEST_LIMIT, set_on_demand
from broker.store.engine import Database
from broker.store.pools import StoredPool
from pricing.money import USD, Currency, Money
from tests.broker.flows.pool_books import an_offer, check, only_pool, sync
from tests.broker.lease_rows import give_back, take
from tests.builders import ACTOR, NOON


def limit(database: Database, gpus: int, offer_id: str = "o1") -> StoredPool:
    return set_on_demand(database, offer_id, gpus, actor=ACTOR, clock=lambda: NOON)


def test_a_limit_makes_a_pool_of_so_many_gpus_at_the_offers_price(database: Database) -> None:
    an_offer(database)

    stored = limit(database, 64)

    pool = stored.pool
    assert (pool.kind, pool.available, pool.node_size) == (PoolKind.ON_DEMAND, 64, 8)
    assert (pool.supplier, pool.region, pool.closes_at) == ("acme", "us-east", None)
    assert pool.marginal == pool.effective == Money(Decimal("2.50"), USD)
    assert stored.source == "offer/o1"
    assert check(database) == []
    assert sync(database).changed == ()


def test_a_price_that_moves_moves_the_pool_with_the_next_sync(database: Database) -> None:
    an_offer(database)
    limit(database, 8)
    price, dollars = Decimal("10.01"), Decimal("1.36")
    an_offer(database, price_per_instance=price, currency="EUR", usd_per_gpu_hour=dollars)

    sync(database)

    pool = only_pool(database).pool
    assert pool.effective == Money(Decimal("1.25125"), Currency("EUR"))
    assert pool.usd_effective == Decimal("1.36")


def test_an_offer_without_a_price_has_a_pool_whose_price_nobody_knows(sqlite: Database) -> None:
    an_offer(sqlite, price_per_instance=None, usd_per_gpu_hour=None)

    assert limit(sqlite, 8).pool.effective is None
    assert sync(sqlite).unpriced == ("acme gpu-8x-h100",)


def test_a_limit_below_what_is_leased_drains_down_to_it(database: Database) -> None:
    an_offer(database)
    pool_id = limit(database, 64).pool.id
    lease = take(database, pool_id, 48)

    lowered = limit(database, 32)

    assert (lowered.accounts, lowered.gpu_limit) == (Accounts(leased=48), 32)
    assert lowered.closing is Closing.OWED_BACK
    assert lowered.pool.is_draining
    assert sync(database).owed[0].gpu_count == 16

    give_back(database, lease)
    sync(database)

    assert only_pool(database).accounts == Accounts(available=32)
    assert not only_pool(database).pool.is_cordoned
    assert check(database) == []


@pytest.mark.parametrize(
    "change",
    [
        {"gone_at": NOON},
        {"stock_state": "out-of-stock"},
        {"stock_state": "restricted"},
        {"is_listed": False},
    ],
)
def test_while_nothing_can_be_started_the_pool_is_cordoned_and_what_runs_goes_on(
    sqlite: Database, change: dict[str, Any]
) -> None:
    an_offer(sqlite)
    limit(sqlite, 64)
    an_offer(sqlite, **change)

    sync(sqlite)

    closed = only_pool(sqlite)
    assert closed.closing is Closing.OFFER_GONE
    assert (closed.pool.is_cordoned, closed.pool.is_draining) == (True, False)
    assert closed.accounts == Accounts(available=64)

    an_offer(sqlite)
    sync(sqlite)
    assert not only_pool(sqlite).pool.is_cordoned


def test_stock_that_nobody_knows_may_be_tried(sqlite: Database) -> None:
    an_offer(sqlite, stock_state="unknown")

    assert not limit(sqlite, 8).pool.is_cordoned


def test_no_limit_is_set_or_raised_on_an_offer_that_is_gone_but_it_may_be_lowered(
    sqlite: Database,
) -> None:
    an_offer(sqlite, "o2", gone_at=NOON)
    with pytest.raises(RefusedError, match="gone since 2026-05-15"):
        limit(sqlite, 8, "o2")
    an_offer(sqlite)
    limit(sqlite, 64)
    an_offer(sqlite, gone_at=NOON)

    with pytest.raises(RefusedError, match="gone since"):
        limit(sqlite, 72)
    assert limit(sqlite, 0).accounts == Accounts()


@pytest.mark.parametrize("terms", ["spot", "reserved", "capacity-block", "auction"])
def test_only_what_is_sold_on_demand_has_a_limit(sqlite: Database, terms: str) -> None:
    an_offer(sqlite, terms=terms)

    with pytest.raises(RefusedError, match="on demand"):
        limit(sqlite, 8)


@pytest.mark.parametrize("gpus", [-8, 12, LARGEST_LIMIT + 8])
def test_a_limit_is_a_number_of_whole_machines(sqlite: Database, gpus: int) -> None:
    an_offer(sqlite)

    with pytest.raises(BadInputError):
        limit(sqlite, gpus)


def test_an_offer_that_nobody_knows_has_no_limit(sqlite: Database) -> None:
    with pytest.raises(NotFoundError, match="tonnage offers --json"):
        limit(sqlite, 8, "no-such-offer")
