"""Capacity events: a page of them, or all of them as they happen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from broker.clock import Ticks
from broker.store.capacity_events import CapacityEvent, events_after
from broker.store.engine import Database

MOST_EVENTS: Final = 1000
LOOK_SECONDS: Final = 0.5
"""How often a follower looks for new events: every process writes them, so nobody can be told."""
HEARTBEAT_SECONDS: Final = 15
"""A silent stream says that it lives, so that proxies keep it open."""
STREAM_SECONDS: Final = 300
"""After so long a stream ends, and its reader signs in anew; nothing is lost in between."""

_NANOSECONDS: Final = 1_000_000_000

Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow:
    """What a follower wants: events behind a number, whose, and how many (None: no end)."""

    after: int
    principal: str | None
    most: int | None = None


def capacity_events(
    database: Database, *, after: int, principal: str | None, limit: int
) -> Sequence[CapacityEvent]:
    """Return up to `limit` events behind a number, of one principal or of everybody."""
    with database.reading() as session:
        return events_after(session, after, principal=principal, limit=limit)


async def follow_events(
    database: Database,
    wanted: Follow,
    *,
    ticks: Ticks,
    is_welcome: Callable[[], Awaitable[bool]],
    pause: Pause = asyncio.sleep,
) -> AsyncIterator[CapacityEvent | None]:
    """Yield events as they come to light, and None where none came for a while.

    Ends after STREAM_SECONDS, when `most` were told, or when the reader is not welcome any more.
    """
    after, told = wanted.after, 0
    began = spoke = ticks()
    while ticks() - began < STREAM_SECONDS * _NANOSECONDS and await is_welcome():
        limit = MOST_EVENTS if wanted.most is None else min(MOST_EVENTS, wanted.most - told)
        found = await asyncio.to_thread(
            capacity_events, database, after=after, principal=wanted.principal, limit=limit
        )
        for event in found:
            yield event
            after, told, spoke = event.seq, told + 1, ticks()
        if wanted.most is not None and told >= wanted.most:
            return
        if len(found) == limit:
            continue
        if ticks() - spoke >= HEARTBEAT_SECONDS * _NANOSECONDS:
            yield None
            spoke = ticks()
        await pause(LOOK_SECONDS)
