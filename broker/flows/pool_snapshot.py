"""The pools as planners see them: read at most once a second, and shared by all who ask.

A snapshot is advice, so it may be old: a grant is verified when it is written. A refusal is not,
so before anybody is refused the pools are read again; whoever comes meanwhile waits for the same
reading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from sqlmodel import Session

from broker.capacity.planning import PlanKey, Shelf
from broker.capacity.pool import Pool
from broker.capacity.quota_book import QuotaBook
from broker.capacity.request import Plan
from broker.clock import Ticks
from broker.store.engine import Database
from broker.store.pools import pools
from broker.store.prices import fx_table
from broker.store.quotas import quota_book
from pricing.fx import FxTable

OLDEST: Final = 1_000_000_000
"""Nanoseconds after which nobody plans from a snapshot any more."""
RENEWED_AFTER: Final = OLDEST // 2
"""Nanoseconds after which the next one is read while the old one is still used."""
RATES_KEPT: Final = 60_000_000_000
"""Nanoseconds for which exchange rates are kept: they change once a day."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """All pools at one moment, in the planner's order, and the exchange rates on record."""

    begun_at: int  # ticks, before they were read
    pools: tuple[Pool, ...]
    shelf: Shelf
    rates: FxTable
    quotas: QuotaBook
    ways: dict[PlanKey, Plan] = field(default_factory=dict)  # found so far from this snapshot

    @property
    def gens(self) -> dict[str, int]:
        """Return the generation of each pool: equal where nothing changed."""
        return {pool.id: pool.gen for pool in self.pools}

    @cached_property
    def by_id(self) -> dict[str, Pool]:
        """Return each pool under its id."""
        return {pool.id: pool for pool in self.pools}


class PoolSnapshots:
    """The last snapshot, and the one that is being read, of one process."""

    def __init__(self, database: Database, *, ticks: Ticks) -> None:
        self._database = database
        self._ticks = ticks
        self._kept: Snapshot | None = None
        self._reading: asyncio.Task[None] | None = None
        self._rates: tuple[int, FxTable] | None = None

    async def usual(self) -> Snapshot:
        """Return a snapshot that is at most a second old."""
        now = self._ticks()
        if self._kept is None or now - self._kept.begun_at > OLDEST:
            return await self.since(now)
        if now - self._kept.begun_at > RENEWED_AFTER:
            self._begin()
        return self._kept

    async def since(self, moment: int) -> Snapshot:
        """Return a snapshot that was begun at a moment of the process's ticks, or later."""
        while self._kept is None or self._kept.begun_at < moment:
            # Shielded: whoever hangs up must not take the reading away from the others.
            await asyncio.shield(self._begin())
        return self._kept

    def now(self) -> int:
        """Return the present moment, for `since`."""
        return self._ticks()

    def _begin(self) -> asyncio.Task[None]:
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
            self._reading.add_done_callback(_seen)
        return self._reading

    async def _read(self) -> None:
        try:
            self._kept = await asyncio.to_thread(self._look)
        finally:
            self._reading = None

    def _look(self) -> Snapshot:
        begun_at = self._ticks()
        with self._database.reading() as session:
            found: Sequence[Pool] = pools(session)
            rates = self._rates_at(begun_at, session)
            quotas = quota_book(session)
        return Snapshot(
            begun_at=begun_at,
            pools=tuple(found),
            shelf=Shelf.of(found),
            rates=rates,
            quotas=quotas,
        )

    def _rates_at(self, moment: int, session: Session) -> FxTable:
        if self._rates is None or moment - self._rates[0] > RATES_KEPT:
            self._rates = (moment, fx_table(session))
        return self._rates[1]


def _seen(reading: asyncio.Task[None]) -> None:
    """Take note of a failure that nobody waited for; the next reading will tell of it again."""
    if not reading.cancelled():
        reading.exception()
