"""Leases under any sequence of requests, heartbeats, returns, sweeps, restarts and crashes.

On SQLite beside a clock that runs, steps back and leaps ahead; on PostgreSQL, whose clock nobody
can turn, leases grow older instead. A model in plain Python says what must come out. Always: the
accounts of a pool add up, held and leased are its live leases, and no instant has more than there
are. Requests start at full tens of seconds and end at fives, so that no two moments coincide.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlmodel import select

from broker.capacity.request import Candidate
from broker.clock import utc_now
from broker.store.columns import micros_of
from broker.store.engine import Database
from broker.store.grants import Answer, Grants, Outcome, ReturnOutcome, grants_of
from broker.store.grants_book import Book
from broker.store.grants_check import imbalance
from broker.store.tables import PoolRow
from tests.broker.store.capacity_rows import (
    a_wish,
    add_pools,
    back,
    beat,
    let_pass,
    on,
    pool_row,
)
from tests.conftest import postgres_database, sqlite_database

EPOCH = datetime(2026, 5, 1, tzinfo=UTC)
GPUS = {"a": 8, "b": 4}
GRACE = {"a": 0, "b": 20}
LEAP = PAUSE = 30
CANDIDATES = [
    on(("a", 3)),
    on(("a", 8)),
    on(("b", 2)),
    on(("a", 5), ("b", 3)),
    on(("b", 4)),
]
TTLS = [15, 25, 45]
TENS = st.integers(1, 6).map(lambda tens: tens * 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A request: one argument, since rules of many are seldom drawn."""

    key: int
    body: str
    picks: list[Candidate]
    ttl: int
    start: int | None
    duration: int | None
    may_queue: bool


WANTED = st.builds(
    Wanted,
    key=st.integers(0, 60),
    body=st.sampled_from(["one", "one", "one", "another"]),
    picks=st.lists(st.sampled_from(CANDIDATES), min_size=1, max_size=3, unique=True),
    ttl=st.sampled_from(TTLS),
    start=st.one_of(st.none(), st.none(), TENS),
    duration=st.one_of(st.none(), TENS),
    may_queue=st.booleans(),
)
PAUSES = st.sampled_from([0, 0, 0, 10, 20, 30, 60])
SELDOM = st.sampled_from([False] * 5 + [True])


@dataclass(slots=True, kw_only=True)
class Known:
    """A live lease as the model has it; instants are seconds."""

    answer: Answer
    lines: Candidate
    starts_at: int
    ends_at: int | None
    expires_at: int
    ttl: int
    has_begun: bool
    is_confirmed: bool = False

    def takes(self, pool_id: str) -> int:
        return sum(line.gpu_count for line in self.lines if line.pool_id == pool_id)

    def rests_until(self, pool_id: str) -> float:
        return float("inf") if self.ends_at is None else self.ends_at + GRACE[pool_id]


class Leases(RuleBasedStateMachine):
    """The engine beside a model of it."""

    url: ClassVar[Iterator[str]]
    turns_clock: ClassVar[bool]

    def __init__(self) -> None:
        super().__init__()
        self.now, self.stopwatch = 0, 0
        self.live: dict[str, Known] = {}
        self.gone: dict[str, tuple[Answer, ReturnOutcome]] = {}
        self.keys: dict[str, tuple[str, Answer]] = {}
        self.last_fence = 0
        self.seen, self.swept_at, self.paused_until = (0, 0), 0, -1_000_000
        self.runner = asyncio.Runner()

    @initialize()
    def open(self) -> None:
        self.database = Database(next(self.url))
        pools = [
            pool_row(name, available=count, grace_seconds=GRACE[name], confirm_seconds=35)
            for name, count in GPUS.items()
        ]
        add_pools(self.database, *pools)
        self.begin()

    def begin(self) -> None:
        self.grants: Grants = (
            grants_of(self.database, clock=self.clock, stopwatch=lambda: self.stopwatch)
            if self.turns_clock
            else grants_of(self.database)
        )
        self.runner.run(self.grants.start())
        self.seen, self.swept_at = (self.now, self.stopwatch), self.now
        for lease in self.begun():
            wanted = self.now + lease.ttl
            wanted = wanted if lease.ends_at is None else min(wanted, lease.ends_at)
            lease.expires_at = max(lease.expires_at, wanted)

    def clock(self) -> datetime:
        return EPOCH + timedelta(seconds=self.now)

    def instant(self, second: int) -> datetime:
        base = self.clock() if self.turns_clock else utc_now()
        return base + timedelta(seconds=second - self.now)

    def begun(self) -> list[Known]:
        return [lease for lease in self.live.values() if lease.has_begun]

    def meets_leap(self) -> bool:
        """Keep all leases through a leap of the clock, as whoever asks next will find them."""
        then, at = self.seen
        jump = self.now - max(then + self.stopwatch - at, self.swept_at)
        self.seen = (self.now, self.stopwatch)
        if jump <= LEAP:
            return False
        for lease in self.begun():
            lease.expires_at += jump
        self.swept_at, self.paused_until = self.now, self.now + PAUSE
        return True

    @rule(wanted=WANTED)
    def ask(self, wanted: Wanted) -> None:
        body, start, may_queue = wanted.body, wanted.start, wanted.may_queue
        lasts = None if wanted.duration is None else wanted.duration + 5
        wish = a_wish(
            *wanted.picks,
            idempotency_key=f"key {wanted.key}",
            fingerprint=body,
            ttl_seconds=wanted.ttl,
            starts_at=None if start is None else self.instant(self.now + start),
            duration_seconds=lasts,
            may_queue=may_queue,
        )
        answer = self.runner.run(self.grants.grant(wish))
        self.meets_leap()
        if wish.idempotency_key in self.keys:
            self.is_replayed(answer, body, wish.idempotency_key)
            return
        starts_at = self.now + (start or 0)
        lines = next((pick for pick in wanted.picks if self.fits(pick, starts_at, lasts)), None)
        if lines is None:
            assert answer.outcome == (Outcome.PENDING if may_queue else Outcome.REFUSED)
            if may_queue:
                self.keys[wish.idempotency_key] = (body, answer)
            return
        assert (answer.outcome, answer.lines) == (Outcome.GRANTED, lines)
        assert answer.fence is not None
        assert answer.lease_id is not None
        assert answer.fence > self.last_fence
        self.last_fence = answer.fence
        self.keys[wish.idempotency_key] = (body, answer)
        ends_at = None if lasts is None else starts_at + lasts
        self.live[answer.lease_id] = lease = Known(
            answer=answer,
            lines=lines,
            starts_at=starts_at,
            ends_at=ends_at,
            expires_at=starts_at,
            ttl=wanted.ttl,
            has_begun=start is None,
        )
        if start is None:
            lease.expires_at = self.unconfirmed_until(lease)
        self.is_until(answer.expires_at, lease.expires_at)

    def is_replayed(self, answer: Answer, body: str, key: str) -> None:
        first_body, first = self.keys[key]
        assert answer.outcome is (Outcome.REPLAYED if body == first_body else Outcome.MISMATCH)
        assert answer.request_id == first.request_id
        assert answer.lease_id == (first.lease_id if body == first_body else None)

    def unconfirmed_until(self, lease: Known) -> int:
        until = self.now + min(lease.ttl, 35)
        return until if lease.ends_at is None else min(until, lease.ends_at)

    def is_until(self, told: datetime | None, second: int) -> None:
        assert told is not None
        if self.turns_clock:
            assert told == EPOCH + timedelta(seconds=second)

    def fits(self, lines: Candidate, starts_at: int, lasts: int | None) -> bool:
        """Ask at every moment at which more is taken whether there is room."""
        for line in lines:
            name, most = line.pool_id, GPUS[line.pool_id] - line.gpu_count
            until = float("inf") if lasts is None else starts_at + lasts + GRACE[name]
            if starts_at == self.now and sum(x.takes(name) for x in self.begun()) > most:
                return False
            moments = [
                lease.starts_at
                for lease in self.live.values()
                if not lease.has_begun and starts_at < lease.starts_at < until
            ]
            if any(self.taken(name, moment) > most for moment in [starts_at, *moments]):
                return False
        return True

    def taken(self, name: str, moment: int) -> int:
        return sum(
            lease.takes(name)
            for lease in self.live.values()
            if (lease.has_begun or lease.starts_at <= moment) and moment < lease.rests_until(name)
        )

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def renew(self, data: Any) -> None:
        self.time_passes(data.draw(PAUSES))
        ttl, wrong = data.draw(st.sampled_from([None, *TTLS])), data.draw(SELDOM)
        lease = self.live[data.draw(st.sampled_from(sorted(self.live)))]
        what = beat(lease.answer, ttl_seconds=ttl)
        what = replace(what, fence=what.fence + 1000) if wrong else what
        renewal = self.runner.run(self.grants.renew(what))
        self.meets_leap()
        is_over = lease.ends_at is not None and lease.ends_at <= self.now
        if wrong or (lease.has_begun and (lease.expires_at <= self.now or is_over)):
            assert renewal.is_lost
            return
        if lease.has_begun:
            lease.ttl = ttl or lease.ttl
            lease.expires_at = max(lease.expires_at, self.now + lease.ttl)
            if lease.ends_at is not None:
                lease.expires_at = min(lease.expires_at, lease.ends_at)
            lease.is_confirmed = True
        self.is_until(renewal.expires_at, lease.expires_at)
        assert renewal.state == ("active" if lease.has_begun else "scheduled")

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def give_back(self, data: Any) -> None:
        wrong = data.draw(SELDOM)
        lease_id = data.draw(st.sampled_from(sorted(self.live)))
        what = back(self.live[lease_id].answer)
        what = replace(what, fence=what.fence - 1) if wrong else what
        outcome = self.runner.run(self.grants.release(what))
        self.meets_leap()
        assert outcome is (ReturnOutcome.LOST if wrong else ReturnOutcome.RELEASED)
        if not wrong:
            self.end(lease_id, ReturnOutcome.ALREADY)

    @precondition(lambda self: self.gone)
    @rule(data=st.data())
    def come_back_when_it_is_over(self, data: Any) -> None:
        answer, outcome = self.gone[data.draw(st.sampled_from(sorted(self.gone)))]
        assert self.runner.run(self.grants.renew(beat(answer))).is_lost
        assert self.runner.run(self.grants.release(back(answer))) is outcome
        self.meets_leap()

    def end(self, lease_id: str, again: ReturnOutcome) -> None:
        self.gone[lease_id] = (self.live.pop(lease_id).answer, again)

    @rule(data=st.data())
    def sweep(self, data: Any) -> None:
        self.time_passes(data.draw(PAUSES))
        swept = self.runner.run(self.grants.sweep())
        leapt = self.meets_leap()
        assert swept.paused == (leapt or self.now < self.paused_until <= self.now + PAUSE)
        if swept.paused:
            return
        self.swept_at = self.now
        overdue = [
            lease_id
            for lease_id, lease in self.live.items()
            if lease.has_begun
            and lease.expires_at + max(GRACE[line.pool_id] for line in lease.lines) <= self.now
        ]
        unconfirmed = sum(not self.live[lease_id].is_confirmed for lease_id in overdue)
        assert (swept.expired, swept.unconfirmed) == (len(overdue) - unconfirmed, unconfirmed)
        for lease_id in overdue:
            self.end(lease_id, ReturnOutcome.LOST)
        assert swept.started == self.begin_what_is_due()

    def begin_what_is_due(self) -> int:
        started = 0
        waiting = [one for one in self.live.values() if not one.has_begun]
        for lease in sorted(waiting, key=lambda one: (one.starts_at, one.answer.fence)):
            if lease.starts_at > self.now:
                continue
            if lease.ends_at is not None and lease.ends_at <= self.now:
                assert lease.answer.lease_id is not None
                self.end(lease.answer.lease_id, ReturnOutcome.LOST)
            elif all(
                sum(one.takes(line.pool_id) for one in self.begun()) + line.gpu_count
                <= GPUS[line.pool_id]
                for line in lease.lines
            ):
                lease.has_begun, lease.expires_at = True, self.unconfirmed_until(lease)
                started += 1
        return started

    def time_passes(self, seconds: int) -> None:
        self.now += seconds
        self.stopwatch += seconds
        if seconds and not self.turns_clock:
            let_pass(self.database, seconds)

    @precondition(lambda self: self.turns_clock)
    @rule(seconds=st.sampled_from([-50, -10, 40, 100]))
    def clock_steps(self, seconds: int) -> None:
        self.now += seconds

    @rule(data=st.data())
    def be_stopped_or_killed(self, data: Any) -> None:
        """Stop in good order, or be killed with a grant written and not committed."""
        grants: Any = self.grants
        pick = data.draw(st.sampled_from([*CANDIDATES, None]))

        def die() -> None:
            grants._connection.execute("BEGIN IMMEDIATE")
            Book(grants._connection, micros_of(self.clock())).grant(a_wish(pick, may_queue=True))
            grants._close()

        if pick is not None and self.turns_clock:
            self.runner.run(grants._in_thread(die))
        self.runner.run(grants.stop())
        self.begin()

    @invariant()
    def the_books_are_the_leases(self) -> None:
        if not hasattr(self, "database"):
            return
        with self.database.reading() as session:
            pools = {row.id: row for row in session.exec(select(PoolRow))}
            assert imbalance(session) == 0
        for name, most in GPUS.items():
            held = sum(x.takes(name) for x in self.begun() if not x.is_confirmed)
            leased = sum(x.takes(name) for x in self.begun() if x.is_confirmed)
            row = pools[name]
            assert (row.available, row.held, row.leased) == (most - held - leased, held, leased)
            assert row.scheduled + held + leased == sum(x.takes(name) for x in self.live.values())

    @invariant()
    def no_instant_has_more_than_there_are(self) -> None:
        moments = {self.now} | {x.starts_at for x in self.live.values() if not x.has_begun}
        for name, most in GPUS.items():
            assert all(self.taken(name, at) <= most for at in moments if at >= self.now)

    def teardown(self) -> None:
        if hasattr(self, "grants"):
            self.runner.run(self.grants.stop())
        self.runner.close()
        if hasattr(self, "database"):
            self.database.close()


def copies(template: Path, folder: Path) -> Iterator[str]:
    while True:
        yield sqlite_database(template, folder)


def clones(base: str) -> Iterator[str]:
    while True:
        yield postgres_database(base)


def test_leases_hold_on_sqlite_beside_any_clock(sqlite_template: Path, tmp_path: Path) -> None:
    class OnSqlite(Leases):
        url = copies(sqlite_template, tmp_path)
        turns_clock = True

    run_state_machine_as_test(OnSqlite, settings=settings(max_examples=50, stateful_step_count=30))


@pytest.mark.postgres
def test_leases_hold_on_postgresql(postgres_server: str) -> None:
    class OnPostgresql(Leases):
        url = clones(postgres_server)
        turns_clock = False

    run_state_machine_as_test(
        OnPostgresql, settings=settings(max_examples=10, stateful_step_count=30)
    )
