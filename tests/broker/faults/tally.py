"""What holders know by themselves: which GPUs they were told they have, and until when.

Nothing here comes from the server but its answers, so nothing here repeats its mistakes. Holders
count by a stopwatch, from before they sent what was answered: until then nobody else may have it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Stopwatch = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A lease that somebody was told is theirs."""

    lease_id: str
    key: str
    fence: int
    lines: Mapping[str, int]

    @classmethod
    def of(cls, lease: Mapping[str, Any], key: str) -> Known:
        """Return what an answer says of a lease."""
        lines: Counter[str] = Counter()
        for line in lease["lines"]:
            lines[line["pool_id"]] += line["gpu_count"]
        return cls(lease_id=lease["id"], key=key, fence=lease["fence"], lines=lines)


class Tally:
    """Counts what is held at every moment, and notes whatever must not be."""

    def __init__(self, capacity: Mapping[str, int], *, stopwatch: Stopwatch) -> None:
        self.capacity = dict(capacity)
        self.known: dict[str, Known] = {}
        self.violations: list[str] = []
        self.peak: Counter[str] = Counter()
        self._stopwatch = stopwatch
        self._by_key: dict[str, str] = {}
        self._by_fence: dict[int, str] = {}
        self._until: dict[str, float] = {}

    def granted(self, lease: Known, *, until: float) -> None:
        """Note a lease that is held from now on, unless `until` has passed already."""
        first = self._by_key.setdefault(lease.key, lease.lease_id)
        if first != lease.lease_id:
            self.wrong(f"key {lease.key} got two leases: {first}, {lease.lease_id}")
        first = self._by_fence.setdefault(lease.fence, lease.lease_id)
        if first != lease.lease_id:
            self.wrong(f"fence {lease.fence} is that of two leases: {first}, {lease.lease_id}")
        if self.known.setdefault(lease.lease_id, lease) != lease:
            self.wrong(f"lease {lease.lease_id} was told in two ways")
        self.keeps(lease.lease_id, until=until)

    def keeps(self, lease_id: str, *, until: float) -> None:
        """Note until when a lease is held at least."""
        now = self._stopwatch()
        self._until[lease_id] = max(until, self._until.get(lease_id, until))
        held: Counter[str] = Counter()
        for each, ends in [*self._until.items()]:
            if ends <= now:
                del self._until[each]
            else:
                held.update(self.known[each].lines)
        for pool, gpus in held.items():
            self.peak[pool] = max(self.peak[pool], gpus)
            if gpus > self.capacity.get(pool, 0):
                self.wrong(
                    f"oversold: {gpus} GPUs of {pool} are held, it has {self.capacity[pool]}"
                )

    def is_held(self, lease_id: str) -> bool:
        """Say whether a holder may use a lease at this moment."""
        return self.until(lease_id) > self._stopwatch()

    def until(self, lease_id: str) -> float:
        """Return until when a lease is held; 0 where it is not."""
        return self._until.get(lease_id, 0.0)

    def gives_back(self, lease_id: str) -> None:
        """Note that a lease is not used any more: to be said before it is given back."""
        self._until.pop(lease_id, None)

    def wrong(self, what: str) -> None:
        """Note what must not be."""
        self.violations.append(what)
