"""What goes wrong, and when: decided by the seed before anything begins."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from tests.broker.faults.server import Server
from tests.throwaway_postgres import Cluster

T = TypeVar("T")

WATCH_EVERY_SECONDS = 0.05
STEPS_SECONDS = (3600, -3600, 45, -45, 0)
"""By how much the clock of the machine may be wrong from one moment to the next."""


class Fault(StrEnum):
    """One thing that goes wrong."""

    KILL = "kill"
    CRASH = "crash"
    STEP = "step"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """A fault, and after how many seconds it comes; `draw` decides the rest of it."""

    at: float
    fault: Fault
    draw: float


def blows(seed: int, *, seconds: float, every: float, kinds: Sequence[Fault]) -> Iterator[Blow]:
    """Yield what goes wrong until shortly before the end; each kind comes in each turn."""
    chance = random.Random(f"chaos/{seed}")
    at, turn = every * 0.7, list[Fault]()
    while at < seconds - every / 2:
        turn = turn or chance.sample(kinds, len(kinds))
        yield Blow(at=at, fault=turn.pop(), draw=chance.random())
        at += every * chance.uniform(0.6, 1.4)


class Chaos:
    """Kills servers, crashes the database, steps the clock; and starts again what is down."""

    def __init__(self, servers: Sequence[Server], cluster: Cluster | None) -> None:
        self._servers, self._cluster = servers, cluster
        self._is_over = False
        self.counts: Counter[str] = Counter()

    async def keep_up(self, server: Server) -> None:
        """Start a server again whenever it is down, as a supervisor does."""
        while not self._is_over:
            if not server.is_running:
                self.counts["starts"] += 1
                server.start()
            await asyncio.sleep(WATCH_EVERY_SECONDS)

    async def strike(self, planned: Sequence[Blow]) -> None:
        """Do what was planned, each at its time."""
        began = time.monotonic()
        for blow in planned:
            await asyncio.sleep(max(0.0, began + blow.at - time.monotonic()))
            self.counts[blow.fault.value] += 1
            if blow.fault is Fault.KILL:
                await asyncio.to_thread(_choice(self._servers, blow.draw).kill)
            elif blow.fault is Fault.STEP:
                self._step(_choice(STEPS_SECONDS, blow.draw))
            else:
                await self._crash(blow.draw)

    def end(self) -> None:
        """Leave everything down that goes down from now on."""
        self._is_over = True

    def _step(self, seconds: int) -> None:
        for server in self._servers:
            file = server.place.clock_file
            fresh = file.with_suffix(".new")
            fresh.write_text(str(seconds))
            fresh.replace(file)

    async def _crash(self, draw: float) -> None:
        if self._cluster is None:
            raise RuntimeError("only PostgreSQL can be crashed apart from the server")
        await asyncio.to_thread(self._cluster.crash)
        await asyncio.sleep(draw * 0.5)
        await asyncio.to_thread(self._cluster.start)


def _choice(things: Sequence[T], draw: float) -> T:
    return things[int(draw * len(things))]
