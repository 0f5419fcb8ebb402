"""A process that serves sweeps leases and serves the queue beside answering."""

import asyncio
from datetime import timedelta

from broker.api.housekeeping import keeping_house
from broker.capacity.rounds import RoundTerms
from broker.clock import utc_now
from broker.errors import UnreachableError
from broker.store.engine import Database
from broker.store.grants import Swept
from tests.broker.flows.queues import GRANTED, a_spec, state, wait
from tests.broker.store.capacity_rows import add_pools, change_pool, pool_row, serving

TERMS = RoundTerms(backfill_for=timedelta(minutes=5))


class NumberedSweeps:
    """An engine whose first sweep fails, and that says when it has swept twice."""

    def __init__(self) -> None:
        self.swept = 0
        self.twice = asyncio.Event()

    async def sweep(self) -> Swept:
        self.swept += 1
        if self.swept == 1:
            raise UnreachableError("the database did not answer; try again")
        self.twice.set()
        return Swept()


def test_whoever_waits_is_served_by_the_process_that_serves(database: Database) -> None:
    add_pools(database, pool_row("p1", is_cordoned=True))
    waiting = wait(database, a_spec())
    change_pool(database, "p1", is_cordoned=False)

    async def serve_once() -> None:
        async with (
            serving(database) as grants,
            keeping_house(grants, database, terms=TERMS, clock=utc_now),
        ):
            await asyncio.sleep(0)  # both chores have begun; leaving brings them to their end

    asyncio.run(serve_once())

    assert state(database, waiting) == GRANTED


def test_a_sweep_that_fails_is_not_the_last(sqlite: Database) -> None:
    async def run() -> int:
        grants = NumberedSweeps()
        async with keeping_house(grants, sqlite, terms=TERMS, clock=utc_now):  # type: ignore[arg-type]
            await grants.twice.wait()
        return grants.swept

    assert asyncio.run(run()) >= 2
