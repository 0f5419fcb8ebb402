"""Standing of a pool: whether it takes new leases and lets old ones go on, and who wants it so.

A person orders it and the books may close it further. Each is kept apart, so that neither opens
what the other has closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Standing(StrEnum):
    """What a person ordered."""

    OPEN = "open"
    CORDONED = "cordoned"  # no new leases
    DRAINING = "draining"  # and leases are not renewed past their end


class Closing(StrEnum):
    """Why the books close a pool."""

    OWED_BACK = "owed-back"  # holders have GPUs that go back: those that come free are not given
    OFFER_GONE = "offer-gone"  # nothing can be started there now; what runs goes on


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What a planner and a heartbeat look at."""

    is_cordoned: bool
    is_draining: bool


def flags_of(standing: Standing, closing: Closing | None) -> Flags:
    """Return what an order and the books make of a pool together."""
    return Flags(
        is_cordoned=standing is not Standing.OPEN or closing is not None,
        is_draining=standing is Standing.DRAINING or closing is Closing.OWED_BACK,
    )
