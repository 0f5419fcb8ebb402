"""Grants: leases of GPUs, given out by the database alone and never twice.

A grant counts when it is committed, and is answered after that. The clock is the database's; on
SQLite that of the one process that serves. Plans come from a snapshot, each is verified under lock.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from broker.clock import Clock, utc_now
from broker.metrics import Meters
from broker.store.engine import Database
from broker.store.grant_queue import Stopwatch
from broker.store.grant_words import (
    UNKNOWN_OUTCOME,
    Answer,
    Beat,
    BusyError,
    Outcome,
    Renewal,
    Return,
    ReturnOutcome,
    Swept,
    Wish,
)
from broker.store.grants_sqlite import SqliteGrants

__all__ = [
    "UNKNOWN_OUTCOME",
    "Answer",
    "Beat",
    "BusyError",
    "Grants",
    "Outcome",
    "Renewal",
    "Return",
    "ReturnOutcome",
    "Swept",
    "Wish",
    "grants_of",
]


class Grants(Protocol):
    """The engine that grants, renews, takes back and ends leases."""

    @property
    def queue_depth(self) -> int:
        """Return how many entries wait for a batch."""

    @property
    def is_alive(self) -> bool:
        """Say whether it may still answer: False once its task has ended by itself."""

    def count_in(self, meters: Meters) -> None:
        """Count and time every operation from now on in these meters."""

    async def start(self) -> None:
        """Connect, keep every live lease for another TTL, and begin to serve."""

    async def stop(self) -> None:
        """Refuse what comes from now on, finish what waits, and let go of the database."""

    async def grant(self, wish: Wish) -> Answer:
        """Return what became of a wish, once it is committed."""

    async def grant_many(self, wishes: Sequence[Wish]) -> list[Answer]:
        """Return what became of each wish; each stands for itself."""

    async def release(self, back: Return) -> ReturnOutcome:
        """Give a lease back."""

    async def renew(self, beat: Beat) -> Renewal:
        """Keep a lease alive; the first heartbeat confirms it."""

    async def renew_many(self, beats: Sequence[Beat]) -> list[Renewal]:
        """Keep leases alive; each stands for itself."""

    async def sweep(self) -> Swept:
        """End the leases that are overdue and begin those that are due, some at a time."""


def grants_of(
    database: Database,
    *,
    queue: int = 5000,
    batch: int = 256,
    clock: Clock = utc_now,
    stopwatch: Stopwatch = time.monotonic,
) -> Grants:
    """Return the engine for a database; `clock` is the time of SQLite, PostgreSQL has its own.

    Raises BusyError where more than `queue` entries wait, UnreachableError where the outcome is
    unknown or the engine does not run, and RefusedError where the database is not as expected.
    """
    if database.dialect == "sqlite":
        return SqliteGrants(database, queue=queue, batch=batch, clock=clock, stopwatch=stopwatch)
    from broker.store.grants_postgresql import PostgresGrants  # asyncpg comes with an extra

    return PostgresGrants(database, queue=queue, batch=batch, stopwatch=stopwatch)
