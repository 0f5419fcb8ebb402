"""When a lease must be renewed, and until when its GPUs may be used. Pure; no clock is asked.

    sent ──────── ttl / 3 ─────────────── ttl - margin ─── ttl
      │              │                         │            │
      counted from   renew                     stop         the server may end it

Instants are ticks: nanoseconds of the holder's own monotonic clock. All of them count from before
a heartbeat was sent. The server counts its TTL from when it read it, which is later, so the holder
stops first, however slow the network was and whatever the clock of the server shows.

The server may give less than a TTL, as no lease outlives its contract line or the grace of a
preemption. That shows in `expires_at`: the holder knows from earlier answers how far the server's
clock is ahead of its own at most, and stops when that moment may have come. A server whose clock is
set back looks the same, and is taken the same way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from broker.api.wire.leases import Lease

SECOND: Final = 1_000_000_000
"""Ticks of a second."""

RENEW_AFTER: Final = 3
"""Renew after this part of the TTL: two heartbeats may go astray."""
MARGIN_PART: Final = 10
"""The margin is this part of the TTL: for clocks that run unlike, and for the time it takes to
stop."""
LONGEST_MARGIN_SECONDS: Final = 10
FIRST_RETRY_PART: Final = 30
"""A heartbeat that went astray is sent again within this part of the TTL; then within twice that,
and so on, up to what a renewal takes."""
TOGETHER_PART: Final = 12
"""Leases due within this part of their TTL are renewed with those that are due."""


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """What a holder knows of its lease.

    `stop_at` is when to stop using the GPUs, `beat_at` when to renew next and never later.
    `ends_at` is the end of an agreed duration. `ahead` is how many ticks the server's clock is
    ahead of ours at most, learned from an answer that took `slack` ticks.
    """

    lease_id: str
    fence: int
    ttl: int
    margin: int
    stop_at: int
    beat_at: int
    ends_at: int | None
    ahead: int
    slack: int
    misses: int = 0
    trouble: str | None = None  # why the last heartbeat went astray

    def is_safe(self, now: int) -> bool:
        """Say whether the GPUs may be used."""
        return now < self.stop_at

    @property
    def end(self) -> int:
        """Return the earliest tick at which the server may end the lease."""
        return self.stop_at + self.margin


@dataclass(frozen=True, slots=True, kw_only=True)
class Beaten:
    """What the server answered to a heartbeat, and the ticks before it was sent and after."""

    sent_at: int
    heard_at: int
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """When a lease was granted: not before a tick, and known at another; for how long, if agreed."""

    not_before: int
    heard_at: int
    duration_seconds: int | None = None


def margin_of(ttl: int) -> int:
    """Return how long before the end of its TTL a holder stops, in ticks."""
    return min(ttl // MARGIN_PART, LONGEST_MARGIN_SECONDS * SECOND)


def first_hold(lease: Lease, granted: Granted) -> Hold:
    """Return a fresh lease. The first heartbeat is due at once: it confirms the grant."""
    ttl = lease.ttl_seconds * SECOND
    margin = margin_of(ttl)
    duration = None if granted.duration_seconds is None else granted.duration_seconds * SECOND
    given = ttl if duration is None else min(ttl, duration)
    stop_at = granted.not_before + given - margin
    return Hold(
        lease_id=lease.id,
        fence=lease.fence,
        ttl=ttl,
        margin=margin,
        stop_at=stop_at,
        beat_at=min(granted.not_before, stop_at),
        ends_at=None if duration is None else granted.not_before + duration,
        ahead=_shown(lease.expires_at) - given - granted.not_before,
        slack=granted.heard_at - granted.not_before,
    )


def renewed(hold: Hold, beaten: Beaten) -> Hold:
    """Return a hold after a heartbeat that was answered."""
    full = beaten.sent_at + hold.ttl
    stated = _shown(beaten.expires_at) - hold.ahead  # on our clock, or sooner
    ends = [full, stated, *([] if hold.ends_at is None else [hold.ends_at])]
    stop_at = min(ends) - hold.margin
    ahead, slack = _learned(hold, beaten, lacking=full - stated)
    return replace(
        hold,
        stop_at=stop_at,
        beat_at=min(beaten.sent_at + hold.ttl // RENEW_AFTER, stop_at),
        ahead=ahead,
        slack=slack,
        misses=0,
        trouble=None,
    )


def _learned(hold: Hold, beaten: Beaten, *, lacking: int) -> tuple[int, int]:
    """Return how far the server's clock is ahead at most, and how long that answer took.

    What a whole TTL seems to be `lacking` is by how much this answer was faster than the one we
    learned from, and that bounds the clock more closely. If it lacks more, less than a TTL was
    given, which tells nothing of clocks. If it has more than this answer can have taken, the
    server's clock was set forward.
    """
    took = beaten.heard_at - beaten.sent_at
    if 0 <= lacking <= hold.slack or lacking < -took:
        return _shown(beaten.expires_at) - hold.ttl - beaten.sent_at, took
    return hold.ahead, hold.slack


def missed(
    hold: Hold,
    *,
    at: int,
    jitter: float,
    trouble: str,
    retry_after_seconds: float | None = None,
) -> Hold:
    """Return a hold after a heartbeat of which nothing is known; `jitter` is 0 to 1.

    What the server asks for in Retry-After is kept, but for half of the time that is left.
    """
    window = min(hold.ttl // FIRST_RETRY_PART << min(hold.misses, 8), hold.ttl // RENEW_AFTER)
    pause = int(window * jitter)
    if retry_after_seconds is not None:
        left = max(0, hold.stop_at - at)
        pause = min(max(pause, int(retry_after_seconds * SECOND)), left // 2)
    return replace(
        hold,
        beat_at=min(at + max(pause, hold.ttl // (FIRST_RETRY_PART * 10)), hold.stop_at),
        misses=hold.misses + 1,
        trouble=trouble,
    )


def due(holds: Iterable[Hold], now: int) -> list[Hold]:
    """Return the leases to renew now: those that are due, and with them those that soon are.

    None whose time is over: no heartbeat brings that back.
    """
    safe = [hold for hold in holds if hold.is_safe(now)]
    if not any(hold.beat_at <= now for hold in safe):
        return []
    return [hold for hold in safe if hold.beat_at <= now + hold.ttl // TOGETHER_PART]


def next_look(holds: Iterable[Hold]) -> int | None:
    """Return the tick at which something is to be done next: a renewal, or to stop."""
    return min((min(hold.beat_at, hold.stop_at) for hold in holds), default=None)


def patience_of(holds: Iterable[Hold], now: int) -> float:
    """Return the seconds that one heartbeat may take: half of what the most urgent has left."""
    left = min((hold.stop_at - now for hold in holds), default=0)
    return max(left / 2, 1) / SECOND


def _shown(instant: datetime) -> int:
    """Return what the server's clock showed, in ticks."""
    return (instant - _EPOCH) // timedelta(microseconds=1) * 1000
