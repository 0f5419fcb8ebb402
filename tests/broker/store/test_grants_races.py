"""Many processes after the same GPUs: never more are given out than there are."""

import asyncio
from collections import Counter
from itertools import chain
from typing import Any

from broker.store.engine import Database
from broker.store.grants import Outcome
from broker.store.tables import LeaseRow
from tests.broker.store.capacity_rows import (
    a_wish,
    add_pools,
    back,
    beat,
    on,
    pool_row,
    rows_of,
    serving,
    standing,
)
from tests.broker.store.races import together

CLIENTS = 8
GPUS = 40


def take_one_by_one(database: Database, who: int) -> list[str]:
    async def ask() -> list[str]:
        async with serving(database) as grants:
            outcomes = []
            for _ in range(GPUS // 4):
                answers = await grants.grant_many([a_wish(on(("p1", 1))) for _ in range(2)])
                outcomes += [answer.outcome.value for answer in answers]
            return outcomes

    return asyncio.run(ask())


def test_eight_clients_after_the_same_gpus_get_each_of_them_once(
    database: Database, database_url: str
) -> None:
    add_pools(database, pool_row("p1", available=GPUS))

    answers = together(take_one_by_one, database_url, range(CLIENTS))

    assert Counter(chain.from_iterable(answers)) == {
        "granted": GPUS,
        "refused": CLIENTS * GPUS // 2 - GPUS,
    }
    assert standing(database, "p1") == (0, GPUS, 0)
    assert len({row.fence for row in rows_of(database, LeaseRow)}) == GPUS


def ask_with_shared_keys(database: Database, who: int) -> list[tuple[str, str | None]]:
    async def ask() -> list[tuple[str, str | None]]:
        async with serving(database) as grants:
            pools = ("p1", "p2") if who % 2 else ("p2", "p1")
            wishes = [a_wish(on((pools[n % 2], 1)), idempotency_key=f"key {n}") for n in range(12)]
            wishes = wishes[who:] + wishes[:who]
            answers = [await grants.grant(wish) for wish in wishes]
            return [(answer.outcome.value, answer.lease_id) for answer in answers]

    return asyncio.run(ask())


def test_a_key_that_eight_clients_send_at_once_is_one_lease(
    database: Database, database_url: str
) -> None:
    add_pools(database, pool_row("p1", available=GPUS), pool_row("p2", available=GPUS))

    answers = [
        answer
        for one in together(ask_with_shared_keys, database_url, range(CLIENTS))
        for answer in one
    ]

    assert Counter(outcome for outcome, _ in answers) == {
        Outcome.GRANTED: 12,
        Outcome.REPLAYED: 12 * (CLIENTS - 1),
    }
    assert len({lease for _, lease in answers}) == len(rows_of(database, LeaseRow)) == 12
    standing(database, "p1")


def come_and_go(database: Database, who: int) -> int:
    shifts = iter(range(who, 1000))

    async def one(grants: Any) -> int:
        shift = next(shifts)
        first, second = [("p1", "p2"), ("p1", "p3"), ("p2", "p3")][shift % 3]
        wish = a_wish(on((first, 1 + shift % 2), (second, 1 + shift % 3)))
        answer = await grants.grant(wish)
        if answer.outcome is not Outcome.GRANTED:
            return 0
        await grants.renew(beat(answer))
        await grants.sweep()
        assert await grants.release(back(answer)) == "released"
        return 1

    async def ask() -> int:
        async with serving(database) as grants:
            rounds = [await asyncio.gather(*(one(grants) for _ in range(4))) for _ in range(5)]
            return sum(sum(done) for done in rounds)

    return asyncio.run(ask())


def test_gangs_that_come_and_go_over_several_pools_neither_wait_for_ever_nor_lose_a_gpu(
    database: Database, database_url: str
) -> None:
    pools = [pool_row(name, available=6) for name in ("p1", "p2", "p3")]
    add_pools(database, *pools)

    answers = together(come_and_go, database_url, range(CLIENTS))

    assert sum(answers) > 0
    assert [standing(database, name) for name in ("p1", "p2", "p3")] == [(6, 0, 0)] * 3
