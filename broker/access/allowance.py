"""How often somebody may knock: a token bucket for each name, in the memory of this process.

A bucket of `burst` tokens gets one back every interval. Instead of counting tokens it remembers
the instant at which it will be full again, in whole nanoseconds: nothing is rounded, and in any
window of t seconds at most `burst + rate * t` requests pass.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

NANOSECONDS: Final = 1_000_000_000
MOST_NAMES: Final = 10_000
"""Buckets that are remembered; the one longest unused is forgotten first, and so is full again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Requests a second for long, and at once after a time of quiet."""

    per_second: int
    burst: int

    def __post_init__(self) -> None:
        if self.per_second < 1 or self.burst < 1:
            raise ValueError("a rate lets at least one request pass")

    @property
    def interval(self) -> int:
        """Return the nanoseconds between two tokens, rounded up: never more than the rate."""
        return -(-NANOSECONDS // self.per_second)

    @property
    def window_seconds(self) -> int:
        """Return the seconds in which an empty bucket fills, rounded up."""
        return _seconds(self.burst * self.interval)

    def share(self, parts: int) -> Rate:
        """Return this rate divided by a number, at least one of each."""
        return Rate(per_second=max(1, self.per_second // parts), burst=max(1, self.burst // parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What came of taking a token: how many are left, or how long to wait for one, in seconds."""

    is_allowed: bool
    left: int
    wait_seconds: int
    full_in_seconds: int


class Allowances:
    """A bucket for each name. Not for use by several threads at once."""

    def __init__(self, rate: Rate, *, most_names: int = MOST_NAMES) -> None:
        self.rate = rate
        self._interval = rate.interval
        self._depth = rate.burst * rate.interval
        self._most_names = most_names
        self._full_at: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def draw(self, name: str, now: int) -> Draw:
        """Take a token from the bucket of a name at an instant, in nanoseconds that only grow."""
        missing = max(self._full_at.get(name, now) - now, 0)
        wanted = missing + self._interval
        if wanted > self._depth:
            return Draw(
                is_allowed=False,
                left=0,
                wait_seconds=_seconds(wanted - self._depth),
                full_in_seconds=_seconds(missing),
            )
        self._full_at[name] = now + wanted
        self._full_at.move_to_end(name)
        if len(self._full_at) > self._most_names:
            self._full_at.popitem(last=False)
        return Draw(
            is_allowed=True,
            left=(self._depth - wanted) // self._interval,
            wait_seconds=0,
            full_in_seconds=_seconds(wanted),
        )


def _seconds(nanoseconds: int) -> int:
    return -(-nanoseconds // NANOSECONDS)
