"""Events are told in the order in which they became true, without gaps."""

import asyncio
import threading
from dataclasses import dataclass, field

from broker.flows.read_capacity_events import (
    HEARTBEAT_SECONDS,
    LOOK_SECONDS,
    STREAM_SECONDS,
    Follow,
    capacity_events,
    follow_events,
)
from broker.store.capacity_events import append_event, lock_events
from broker.store.engine import Database
from tests.builders import NOON

SECOND = 1_000_000_000
WRITERS = 4
EACH = 25


def happened(database: Database, count: int = 1, *, principal: str = "k1") -> None:
    with database.writing() as session:
        lock_events(session)
        for _ in range(count):
            append_event(
                session, "lease.granted", "l1", holder="chat", principal=principal, at=NOON, data={}
            )
            session.flush()


@dataclass(kw_only=True)
class Watch:
    """Time that passes only while somebody waits, and what happens meanwhile."""

    database: Database
    now: int = 0
    events_at: list[float] = field(default_factory=list)
    welcome_until: float = float("inf")

    async def pause(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)
        while self.events_at and self.events_at[0] * SECOND <= self.now:
            self.events_at.pop(0)
            happened(self.database)

    async def is_welcome(self) -> bool:
        return self.now < self.welcome_until * SECOND

    def told(self, wanted: Follow) -> list[int | None]:
        async def read() -> list[int | None]:
            following = follow_events(
                self.database,
                wanted,
                ticks=lambda: self.now,
                is_welcome=self.is_welcome,
                pause=self.pause,
            )
            return [None if event is None else event.seq async for event in following]

        return asyncio.run(read())


def test_a_follower_is_told_what_was_and_what_comes_until_it_signs_in_anew(
    database: Database,
) -> None:
    happened(database, 3)
    watch = Watch(database=database, events_at=[2, 2, 20])

    told = watch.told(Follow(after=1, principal=None))

    assert [seq for seq in told if seq] == [2, 3, 4, 5, 6]
    assert watch.now == STREAM_SECONDS * SECOND


def test_silence_is_broken_by_a_heartbeat_so_that_proxies_keep_the_stream(
    sqlite: Database,
) -> None:
    told = Watch(database=sqlite).told(Follow(after=0, principal=None))

    assert set(told) == {None}
    assert len(told) >= STREAM_SECONDS // HEARTBEAT_SECONDS - 1


def test_a_key_that_was_revoked_is_told_nothing_more(sqlite: Database) -> None:
    watch = Watch(database=sqlite, events_at=[1, 20], welcome_until=5)

    assert watch.told(Follow(after=0, principal=None)) == [1]
    assert watch.now <= (5 + LOOK_SECONDS) * SECOND


def test_a_follower_that_wants_so_many_is_told_so_many(sqlite: Database) -> None:
    happened(sqlite, 5)
    happened(sqlite, 2, principal="k2")

    assert Watch(database=sqlite).told(Follow(after=0, principal=None, most=3)) == [1, 2, 3]
    assert Watch(database=sqlite).told(Follow(after=0, principal="k2", most=1)) == [6]


def test_whoever_has_seen_a_number_has_missed_none_below_it(database: Database) -> None:
    """Several write at once; a reader that only ever goes on from the last must see all."""

    def write() -> None:
        for _ in range(EACH):
            happened(database, 2)

    writers = [threading.Thread(target=write) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    seen: list[int] = []
    while True:
        is_over = not any(writer.is_alive() for writer in writers)
        after = seen[-1] if seen else 0
        found = capacity_events(database, after=after, principal=None, limit=1000)
        seen += [event.seq for event in found]
        if is_over and not found:
            break
    for writer in writers:
        writer.join()

    assert len(seen) == 2 * EACH * WRITERS
    assert seen == sorted(seen)
