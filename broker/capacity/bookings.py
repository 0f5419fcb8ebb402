"""Bookings: GPUs of a pool that are promised from one instant to another, and their peak."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """GPUs promised from `starts_at` up to, not including, `ends_at`; None: with no end."""

    gpu_count: int
    starts_at: datetime
    ends_at: datetime | None


def peak_of(bookings: Iterable[Booking]) -> int:
    """Return the most GPUs that are promised at any one instant.

    Found by a sweep over the points at which a promise begins or ends. Where one ends as another
    begins, they do not overlap.
    """
    points: list[tuple[datetime, int]] = []
    for booking in bookings:
        if booking.ends_at is not None and booking.ends_at <= booking.starts_at:
            continue
        points.append((booking.starts_at, booking.gpu_count))
        if booking.ends_at is not None:
            points.append((booking.ends_at, -booking.gpu_count))
    now = highest = 0
    for _, change in sorted(points):  # of one instant, what ends comes first: it is negative
        now += change
        highest = max(highest, now)
    return highest
