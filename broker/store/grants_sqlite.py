"""The hot path on SQLite: one writer thread with a connection of its own, one transaction a batch.

`synchronous=FULL`, so an answered grant outlives a power cut; a whole batch shares the one flush.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import PoolProxiedConnection
from sqlalchemy.exc import DBAPIError

from broker.clock import Clock
from broker.errors import RefusedError, UnreachableError
from broker.store.columns import instant_of, micros_of
from broker.store.engine import Database
from broker.store.grant_queue import GroupCommit, StatementError, Stopwatch
from broker.store.grant_words import UNKNOWN_OUTCOME, Entry, Reply, Return, Swept, Wish
from broker.store.grants_book import Book
from broker.store.grants_sweep import keep_through_leap, sweep, welcome

MOST_SWEPT = 1000

T = TypeVar("T")


class SqliteGrants(GroupCommit):
    """Grants on SQLite."""

    def __init__(
        self, database: Database, *, queue: int, batch: int, clock: Clock, stopwatch: Stopwatch
    ) -> None:
        super().__init__(queue=queue, batch=batch, stopwatch=stopwatch)
        self._database, self._clock = database, clock
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None
        self._lent: PoolProxiedConnection | None = None  # closes the connection when forgotten

    async def connect(self) -> datetime:
        """Connect and extend all live leases; return the time of the process."""
        if self._database.has_no_file:
            raise RefusedError(
                "leases need a SQLite database in a file: each process opens it anew"
            )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lease-writer")
        try:
            return await self._in_thread(self._welcome)
        except BaseException:
            await self.disconnect()
            raise

    async def disconnect(self) -> None:
        """Let go of the database."""
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.get_running_loop().run_in_executor(thread, self._close)
            thread.shutdown()

    async def commit(self, entries: Sequence[Entry]) -> list[Reply]:
        """Do a batch in one transaction: returns and heartbeats, then requests."""
        replies, now = await self._in_thread(lambda: self._transaction(_done(entries, self)))
        self.note_time(instant_of(now))
        return replies

    async def sweep_some(self) -> Swept:
        """Sweep once."""
        expected = self.expected_time()
        swept, now = await self._in_thread(
            lambda: self._transaction(
                lambda book: (sweep(book, expected=_micros(expected), most=MOST_SWEPT), book.now)
            )
        )
        self.note_time(instant_of(now))
        return swept

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _welcome(self) -> datetime:
        try:
            lent = self._database.write_engine.raw_connection()
            lent.detach()  # ours alone from here on
        except DBAPIError as away:
            raise UnreachableError("the database file cannot be opened; nothing was done") from away
        connection: Any = lent.dbapi_connection
        if not isinstance(connection, sqlite3.Connection):
            raise RefusedError("leases on SQLite need the driver of the standard library")
        connection.row_factory = sqlite3.Row
        self._lent, self._connection = lent, connection

        def greet(book: Book) -> int:
            welcome(book)
            return book.now

        return instant_of(self._transaction(greet))

    def _transaction(self, work: Callable[[Book], T]) -> T:
        """Do the work in one transaction and commit it; say what a failure means for whoever asks."""
        connection = self._connection
        if connection is None:
            raise UnreachableError("the lease engine is not running; nothing was done, ask again")
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                done = work(Book(connection, micros_of(self._clock())))
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except (sqlite3.IntegrityError, sqlite3.DataError, OverflowError, UnicodeError) as refused:
            raise StatementError(type(refused).__name__) from refused
        except sqlite3.Error as failed:
            raise UnreachableError(_meaning(failed)) from failed
        return done

    def _close(self) -> None:
        if self._lent is not None:
            self._lent.close()
        self._lent = self._connection = None


def _done(
    entries: Sequence[Entry], grants: SqliteGrants
) -> Callable[[Book], tuple[list[Reply], int]]:
    expected = grants.expected_time()

    def do(book: Book) -> tuple[list[Reply], int]:
        keep_through_leap(book, _micros(expected))
        replies: dict[int, Reply] = {}
        for at, entry in sorted(enumerate(entries), key=lambda one: isinstance(one[1], Wish)):
            if isinstance(entry, Wish):
                replies[at] = book.grant(entry)
            elif isinstance(entry, Return):
                replies[at] = book.release(entry)
            else:
                replies[at] = book.renew(entry)
        return [replies[at] for at in range(len(entries))], book.now

    return do


def _micros(instant: datetime | None) -> int | None:
    return None if instant is None else micros_of(instant)


def _meaning(failed: sqlite3.Error) -> str:
    if getattr(failed, "sqlite_errorname", "") == "SQLITE_FULL":
        return f"the database has no room left on its disk; nothing was written, {UNKNOWN_OUTCOME}"
    return f"the database did not answer; {UNKNOWN_OUTCOME}"
