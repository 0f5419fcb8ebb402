"""The hot path on PostgreSQL: one batch is one call of one database function (`grants.sql`).

Any number of processes may serve: the database alone decides. No lock is ever held across an
answer to somebody else, since the function takes and leaves them in one round trip.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg
from sqlalchemy import URL

from broker.capacity.lease import LeaseState
from broker.capacity.request import Candidate, Line, RequestState
from broker.errors import RefusedError, UnreachableError
from broker.identity import new_id
from broker.store.engine import Database
from broker.store.grant_queue import GroupCommit, StatementError, Stopwatch
from broker.store.grant_words import (
    UNKNOWN_OUTCOME,
    Answer,
    Beat,
    Entry,
    Outcome,
    Renewal,
    Reply,
    Return,
    ReturnOutcome,
    Swept,
    Wish,
)

CONNECTIONS = 3
CONNECT_SECONDS = 5.0
CALL_SECONDS = 10.0
TRIES = 4
MOST_SWEPT = 1000

_LIBPQ_ONLY = ("connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval")
_BATCH = (
    "SELECT * FROM lease_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, "
    "$15, $16)"
)
_SESSION = {
    "jit": "off",  # compiling takes longer than any of our plans
    # Each statement of ours has one good plan. Planning anew for the values of every batch, as
    # PostgreSQL does where it hopes for a better one, takes a third of the whole call.
    "plan_cache_mode": "force_generic_plan",
}
_SWEEP = "SELECT * FROM lease_sweep($1, $2)"
_FIRST_COME = (
    asyncpg.UniqueViolationError,  # the same key won elsewhere: next time it is a replay
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
)
_REFUSED = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.SyntaxOrAccessError,
    asyncpg.PLPGSQLError,
)
_OUTCOMES = {
    b"G": Outcome.GRANTED,
    b"S": Outcome.GRANTED,
    b"R": Outcome.REPLAYED,
    b"M": Outcome.MISMATCH,
    b"Q": Outcome.PENDING,
    b"P": Outcome.PENDING,
    b"D": Outcome.REFUSED,
}
_RETURNED = {
    b"R": ReturnOutcome.RELEASED,
    b"A": ReturnOutcome.ALREADY,
    b"L": ReturnOutcome.LOST,
    b"U": ReturnOutcome.UNKNOWN,
}


class PostgresGrants(GroupCommit):
    """Grants on PostgreSQL."""

    def __init__(self, database: Database, *, queue: int, batch: int, stopwatch: Stopwatch) -> None:
        super().__init__(queue=queue, batch=batch, stopwatch=stopwatch)
        self._dsn = _dsn(database.write_engine.url)
        self._pool: Any = None

    async def connect(self) -> datetime:
        """Connect and extend all live leases; return the time of the database."""
        async with _told_apart():
            self._pool = await asyncpg.create_pool(
                self._dsn,
                min_size=1,
                max_size=CONNECTIONS,
                timeout=CONNECT_SECONDS,
                command_timeout=CALL_SECONDS,
                server_settings=_SESSION,
                reset=_nothing_to_reset,
            )
            now: datetime = (await self._rows("SELECT lease_welcome()"))[0][0]
            return now

    async def disconnect(self) -> None:
        """Let go of the database."""
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    async def commit(self, entries: Sequence[Entry]) -> list[Reply]:
        """Do a batch in one call."""
        load = Load(entries)
        async with _told_apart():
            rows = await self._first_come(load.arguments())
        self.note_time(next(row["o_until"] for row in rows if row["o_kind"] == b"t"))
        return load.replies(rows)

    async def sweep_some(self) -> Swept:
        """Sweep once."""
        async with _told_apart():
            row = (await self._rows(_SWEEP, self.expected_time(), MOST_SWEPT))[0]
        self.note_time(row["o_now"])
        return Swept(
            expired=row["o_expired"],
            unconfirmed=row["o_unconfirmed"],
            preempted=row["o_preempted"],
            started=row["o_started"],
            lag_seconds=row["o_lag"],
            paused=row["o_paused"],
        )

    async def _first_come(self, arguments: Sequence[Any]) -> list[Any]:
        for _ in range(TRIES):
            try:
                return await self._rows(_BATCH, *arguments, self.expected_time())
            except _FIRST_COME:
                continue
        raise StatementError("others are always first; ask again")

    async def _rows(self, statement: str, *arguments: Any) -> list[Any]:
        async with self._pool.acquire(timeout=CONNECT_SECONDS) as connection:
            rows: list[Any] = await connection.fetch(statement, *arguments)
            return rows


class Load:
    """The arguments of one call, and its rows back as replies in the order of the entries."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._size = len(entries)
        numbered = list(enumerate(entries))
        self._wishes = [(at, one) for at, one in numbered if isinstance(one, Wish)]
        self._returns = [(at, one) for at, one in numbered if isinstance(one, Return)]
        self._beats = [(at, one) for at, one in numbered if isinstance(one, Beat)]

    def arguments(self) -> list[Any]:
        """Return the arguments of `lease_batch` but for the last."""
        wishes = [wish for _, wish in self._wishes]
        returns = [back for _, back in self._returns]
        beats = [beat for _, beat in self._beats]
        pools = sorted({line.pool_id for w in wishes for c in w.candidates for line in c})
        places = {pool: place for place, pool in enumerate(pools, start=1)}
        lines = [
            (ix, choice, places[line.pool_id], line.gpu_count, _claim(wish, line.pool_id))
            for ix, wish in enumerate(wishes, start=1)
            for choice, candidate in enumerate(wish.candidates)
            for line in candidate
        ]
        return [
            pools,
            *([list(column) for column in zip(*lines, strict=True)] or [[] for _ in range(5)]),
            json.dumps([_wire(ix, wish) for ix, wish in enumerate(wishes, start=1)]),
            [wish.request_id for wish in wishes if wish.is_waiting],
            [back.lease_id for back in returns],
            [back.fence for back in returns],
            [back.principal for back in returns],
            [beat.lease_id for beat in beats],
            [beat.fence for beat in beats],
            [beat.ttl_seconds for beat in beats],
            [beat.principal for beat in beats],
        ]

    def replies(self, rows: Sequence[Any]) -> list[Reply]:
        """Return the reply to each entry; a heartbeat without a row is of a lost lease."""
        replies: list[Reply] = [Renewal()] * self._size
        for row in rows:
            kind, ix = row["o_kind"], row["o_ix"]
            if kind == b"w":
                at, wish = self._wishes[ix - 1]
                replies[at] = _answer(row, wish)
            elif kind == b"r":
                replies[self._returns[ix - 1][0]] = _RETURNED[row["o_code"]]
            elif kind == b"b":
                replies[self._beats[ix - 1][0]] = Renewal(
                    expires_at=row["o_until"], state=LeaseState(row["o_lease_state"])
                )
        return replies


def _claim(wish: Wish, pool_id: str) -> int:
    return sum(line.gpu_count for line in wish.claimed if line.pool_id == pool_id)


def _wire(ix: int, wish: Wish) -> dict[str, Any]:
    return {
        "ix": ix,
        "request_id": wish.request_id,
        "lease_id": new_id(),
        "principal": wish.principal,
        "key": wish.idempotency_key,
        "fingerprint": wish.fingerprint,
        "spec": wish.spec,
        "holder": wish.holder,
        "gpu_count": wish.gpu_count,
        "priority": wish.priority,
        "is_preemptible": wish.is_preemptible,
        "ttl": wish.ttl_seconds,
        "duration": wish.duration_seconds,
        "starts_at": wish.starts_at.isoformat() if wish.starts_at else None,
        "may_queue": wish.would_wait,
        "deadline_at": wish.deadline_at.isoformat() if wish.deadline_at else None,
        "refusal": wish.reason.value,
        "detail": wish.detail,
        "is_waiting": wish.is_waiting,
    }


def _answer(row: Any, wish: Wish) -> Answer:
    lines: Candidate = ()
    if row["o_choice"] is not None:
        lines = wish.candidates[row["o_choice"]]
    elif row["o_lines"] is not None:
        lines = tuple(
            Line(pool_id=pool, gpu_count=count) for pool, count in json.loads(row["o_lines"])
        )
    request, lease = row["o_request_state"], row["o_lease_state"]
    return Answer(
        outcome=_OUTCOMES[row["o_code"]],
        request_id=row["o_request"],
        lease_id=row["o_lease"],
        fence=row["o_fence"],
        expires_at=row["o_until"],
        lines=lines,
        reason=row["o_reason"],
        detail=row["o_detail"],
        request_state=RequestState(request) if request else None,
        lease_state=LeaseState(lease) if lease else None,
    )


@asynccontextmanager
async def _told_apart() -> AsyncIterator[None]:
    """Say what a failure of the database means for whoever asked."""
    try:
        yield
    except asyncpg.UndefinedFunctionError as missing:
        raise RefusedError(
            "the database lacks the functions of this version; run: tonnage db upgrade"
        ) from missing
    except _REFUSED as refused:
        raise StatementError(type(refused).__name__) from refused
    except asyncpg.DiskFullError as full:
        raise UnreachableError(
            f"the database has no room left on its disk; nothing was written, {UNKNOWN_OUTCOME}"
        ) from full
    except (TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as away:
        raise UnreachableError(f"the database did not answer; {UNKNOWN_OUTCOME}") from away


async def _nothing_to_reset(_connection: Any) -> None:
    """Do without the usual reset of a returned connection, a round trip: ours are left as found."""


def _dsn(url: URL) -> str:
    plain = url.set(drivername="postgresql").difference_update_query(_LIBPQ_ONLY)
    return plain.render_as_string(hide_password=False)
