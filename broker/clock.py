"""The only place that asks what time it is. Everything else takes `now` or `today`."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime

Clock = Callable[[], datetime]
"""Returns the present instant, aware, in UTC."""

Ticks = Callable[[], int]
"""Returns nanoseconds that only ever grow, since no particular moment: for lengths of time."""


def ticks_now() -> int:
    """Return the nanoseconds that this process measures lengths of time with."""
    return time.monotonic_ns()


def utc_now() -> datetime:
    """Return the present instant in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this module is the clock


def today(clock: Clock = utc_now) -> date:
    """Return the present UTC day."""
    return clock().date()
