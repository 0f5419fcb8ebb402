"""The only place that asks what time it is. Everything else takes `now` or `today`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

Clock = Callable[[], datetime]
"""Returns the present instant, aware, in UTC."""


def utc_now() -> datetime:
    """Return the present instant in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this module is the clock


def today(clock: Clock = utc_now) -> date:
    """Return the present UTC day."""
    return clock().date()
