"""GPUs on the axis of time: how many are taken at the worst instant of a window.

Spans are half-open: a lease that ends at noon and one that starts at noon never meet. None as an
end means that nobody knows one: taken from then on.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

Taken = tuple[datetime, datetime | None, int]
"""From when, until when, and how many GPUs."""


def peak(taken: Iterable[Taken], *, start: datetime, end: datetime | None) -> int:
    """Return the greatest sum of GPUs at any instant of [start, end); 0 for an empty window."""
    if end is not None and end <= start:
        return 0
    changes: list[tuple[datetime, int]] = []
    level = 0
    for since, until, gpus in taken:
        if until is not None and until <= max(since, start):
            continue  # over before the window, or never there
        if end is not None and since >= end:
            continue
        if since <= start:
            level += gpus
        else:
            changes.append((since, gpus))
        if until is not None:
            changes.append((until, -gpus))
    highest = level
    # At one instant what ends goes first, so that two that only touch are never added up.
    for _, change in sorted(changes):
        level += change
        highest = max(highest, level)
    return highest


def fits(
    taken: Iterable[Taken], gpus: int, *, usable: int, start: datetime, end: datetime | None
) -> bool:
    """Say whether so many GPUs more never exceed what is usable at any instant of the window."""
    return peak(taken, start=start, end=end) + gpus <= usable
