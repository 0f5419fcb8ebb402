"""Group commit: what many ask for at once is done in one transaction and answered after it.

One task a process takes everything that waits, up to a limit, hands it to the database as one
batch, and answers when that is committed; meanwhile the next batch gathers. The queue is bounded.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, cast

from broker.errors import ConflictError, TonnageError, UnreachableError
from broker.metrics import Meters
from broker.store.grant_words import (
    UNKNOWN_OUTCOME,
    Answer,
    Beat,
    BusyError,
    Entry,
    Renewal,
    Reply,
    Return,
    ReturnOutcome,
    Swept,
    Wish,
)

Stopwatch = Callable[[], float]
"""Seconds since some moment, that no change of the clock moves."""

FAILED: Final = "failed"
"""How an operation ended of which nothing is known, or that the database refused."""

_OPS: Final[dict[type[Entry], str]] = {Wish: "grant", Return: "release", Beat: "renew"}

_log = logging.getLogger(__name__)


class StatementError(Exception):
    """The database refused a statement of a batch, and nothing of it was written."""


@dataclass(slots=True)
class _Waiting:
    entry: Entry
    reply: asyncio.Future[Reply]
    since: float  # by the stopwatch


class GroupCommit(ABC):
    """The queue and its one task; how a batch is committed is a matter of the database."""

    def __init__(self, *, queue: int, batch: int, stopwatch: Stopwatch) -> None:
        self._most_waiting, self._batch, self._stopwatch = queue, batch, stopwatch
        self._waiting: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_open = False
        self._seen: tuple[datetime, float] | None = None
        self._meters = Meters()  # until somebody wants to know

    def count_in(self, meters: Meters) -> None:
        """Count and time every operation from now on in these meters."""
        self._meters = meters
        meters.watch_queue(lambda: self.queue_depth)

    @property
    def is_alive(self) -> bool:
        """Say whether it may still answer: False once its task has ended by itself."""
        return self._task is None or not self._task.done()

    @property
    def queue_depth(self) -> int:
        """Return how many entries wait for a batch."""
        return len(self._waiting)

    async def start(self) -> None:
        """Connect, keep every live lease for another TTL, and begin to serve."""
        self.note_time(await self.connect())
        self._is_open = True
        self._task = asyncio.create_task(self._serve())

    async def stop(self) -> None:
        """Refuse what comes from now on, finish what waits, and let go of the database."""
        self._is_open = False
        self._wake.set()
        if self._task is not None:
            await self._task
            self._task = None
        await self.disconnect()

    async def grant(self, wish: Wish) -> Answer:
        """Return what became of a wish, once it is committed."""
        return (await self.grant_many([wish]))[0]

    async def grant_many(self, wishes: Sequence[Wish]) -> list[Answer]:
        """Return what became of each wish; each stands for itself."""
        return cast(list[Answer], await self._ask(wishes))

    async def release(self, back: Return) -> ReturnOutcome:
        """Give a lease back."""
        return cast(ReturnOutcome, (await self._ask([back]))[0])

    async def renew(self, beat: Beat) -> Renewal:
        """Keep a lease alive; the first heartbeat confirms it."""
        return (await self.renew_many([beat]))[0]

    async def renew_many(self, beats: Sequence[Beat]) -> list[Renewal]:
        """Keep leases alive; each stands for itself."""
        return cast(list[Renewal], await self._ask(beats))

    async def sweep(self) -> Swept:
        """End the leases that are overdue and begin those that are due, some at a time."""
        self._require_open()
        began = self._stopwatch()
        try:
            swept = await self.sweep_some()
        except StatementError as error:
            self._note("sweep", FAILED, began)
            raise _refusal(error) from error
        except TonnageError:
            self._note("sweep", FAILED, began)
            raise
        self._note("sweep", "paused" if swept.paused else "swept", began)
        return swept

    @abstractmethod
    async def connect(self) -> datetime:
        """Connect and extend all live leases; return the time of the database."""

    @abstractmethod
    async def disconnect(self) -> None:
        """Let go of the database."""

    @abstractmethod
    async def commit(self, entries: Sequence[Entry]) -> list[Reply]:
        """Do a batch in one transaction; StatementError, UnreachableError: nothing is known."""

    @abstractmethod
    async def sweep_some(self) -> Swept:
        """Sweep once."""

    def note_time(self, now: datetime) -> None:
        """Remember the time of the database beside that of the stopwatch."""
        self._seen = (now, self._stopwatch())

    def expected_time(self) -> datetime | None:
        """Return what time it should be for the database, going by the stopwatch."""
        if self._seen is None:
            return None
        then, at = self._seen
        return then + timedelta(seconds=self._stopwatch() - at)

    def _require_open(self) -> None:
        if not self._is_open:
            raise UnreachableError("the lease engine is not running; nothing was done, ask again")

    async def _ask(self, entries: Sequence[Entry]) -> list[Reply]:
        self._require_open()
        began = self._stopwatch()
        if len(self._waiting) + len(entries) > self._most_waiting:
            for entry in entries:
                self._note(_OPS[type(entry)], "busy", began)
            raise BusyError(
                "too many requests are waiting; nothing was done, ask again in a second"
            )
        loop = asyncio.get_running_loop()
        waiting = [_Waiting(entry, loop.create_future(), began) for entry in entries]
        self._waiting.extend(waiting)
        self._wake.set()
        if len(waiting) == 1:
            return [await waiting[0].reply]
        replies = await asyncio.gather(*(one.reply for one in waiting), return_exceptions=True)
        for reply in replies:
            if isinstance(reply, BaseException):
                raise reply
        return cast(list[Reply], replies)

    async def _serve(self) -> None:
        while self._is_open or self._waiting:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            await self._do(self._take())

    def _take(self) -> list[_Waiting]:
        """Take a batch off the queue: first come, first served, no two of one key or lease."""
        taken: list[_Waiting] = []
        later: list[_Waiting] = []
        things: set[tuple[str, ...]] = set()
        while self._waiting and len(taken) < self._batch:
            one = self._waiting.popleft()
            if one.reply.done():
                continue  # whoever asked is gone
            if one.entry.one_thing in things:
                later.append(one)
                continue
            things.add(one.entry.one_thing)
            taken.append(one)
        self._waiting.extendleft(reversed(later))
        return taken

    async def _do(self, batch: list[_Waiting]) -> None:
        if not batch:
            return
        self._meters.batch(len(batch))
        try:
            replies = await self.commit([one.entry for one in batch])
        except TonnageError as error:
            self._fail(batch, error)
        except StatementError as error:
            if len(batch) > 1:  # one of them is at fault, and the others shall not pay for it
                for one in batch:
                    await self._do([one])
                return
            _log.exception("the database refused a batch of one")
            self._fail(batch, _refusal(error))
        except Exception:  # noqa: BLE001 - whatever it is, whoever waits is told and the rest goes on
            _log.exception("a batch failed")
            self._fail(batch, UnreachableError(f"the lease engine failed; {UNKNOWN_OUTCOME}"))
        else:
            for one, reply in zip(batch, replies, strict=True):
                self._note(_OPS[type(one.entry)], _outcome_of(reply), one.since)
                if not one.reply.done():
                    one.reply.set_result(reply)

    def _fail(self, batch: Sequence[_Waiting], error: TonnageError) -> None:
        for one in batch:
            self._note(_OPS[type(one.entry)], FAILED, one.since)
            if not one.reply.done():
                one.reply.set_exception(error)

    def _note(self, op: str, outcome: str, began: float) -> None:
        self._meters.lease_op(op, outcome, max(0.0, self._stopwatch() - began))


def _refusal(error: StatementError) -> ConflictError:
    return ConflictError(f"the database refuses this ({error}); nothing was done")


def _outcome_of(reply: Reply) -> str:
    if isinstance(reply, Answer):
        return reply.outcome.value
    if isinstance(reply, Renewal):
        return "lost" if reply.is_lost else "kept"
    return reply.value
