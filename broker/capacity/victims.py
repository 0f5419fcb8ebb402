"""Which leases give back the GPUs that are missing, at the least cost.

Of all sets of leases that make room, the one with the fewest GPUs, and of those the one whose GPUs
were held for the shortest time in all. It is weighed exactly while leases hold whole nodes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from broker.capacity.fitness import Reason, Want, reasons
from broker.capacity.lease import Lease
from broker.capacity.pool import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """A set of victims, by what it costs: GPUs, then GPU-seconds held."""

    gpus: int = 0
    held: int = 0
    leases: tuple[Lease, ...] = ()

    @property
    def cost(self) -> tuple[int, int]:
        return self.gpus, self.held

    def plus(self, other: _Choice) -> _Choice:
        """Return both sets together."""
        return _Choice(
            gpus=self.gpus + other.gpus,
            held=self.held + other.held,
            leases=self.leases + other.leases,
        )


_Choices = dict[int, _Choice]
"""The cheapest set for each number of useful GPUs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The cheapest set of victims, found by weighing GPUs: a knapsack per holder, then over all."""

    want: Want
    pools: Sequence[Pool]
    leases: Sequence[Lease]
    limits: Mapping[str, int]
    now: datetime

    def cheapest(self, is_served: Callable[[Sequence[Lease]], bool]) -> tuple[Lease, ...]:
        """Return the cheapest set over all models asked for, in the order of preference."""
        found = [
            choice
            for model in dict.fromkeys(self.want.spec.gpu_models)
            if (choice := self._of_model(model, is_served)) is not None
        ]
        return min(found, key=lambda choice: choice.cost).leases if found else ()

    def _of_model(self, model: str, is_served: Callable[[Sequence[Lease]], bool]) -> _Choice | None:
        pools = {
            pool.id: pool
            for pool in self.pools
            if pool.gpu_model == model and not set(reasons(self.want, pool)) - {Reason.NO_FREE_GPUS}
        }
        steps = [self.want.step(pool) for pool in pools.values()]
        if not steps:
            return None
        needed = self.want.spec.gpu_count if self.want.spec.is_gang else min(steps)
        missing = max(1, needed - sum(self.want.stock(pool) for pool in pools.values()))
        gains = {
            lease.id: sum(line.gpu_count for line in lease.lines if line.pool_id in pools)
            for lease in self.leases
        }
        useful = [lease for lease in self.leases if gains[lease.id]]
        choice = self._cheapest_for(missing, useful, gains)
        if choice is not None and not is_served(choice.leases):
            # Weighing GPUs is exact while leases hold whole nodes. Here they hold parts of them.
            choice = self._all_within_limits(useful)
        if choice is None or not is_served(choice.leases):
            return None
        return self._without_needless(choice, is_served)

    def _cheapest_for(
        self, missing: int, leases: Sequence[Lease], gains: Mapping[str, int]
    ) -> _Choice | None:
        """Return the cheapest set that gives so many useful GPUs within every holder's limit."""
        by_holder: dict[str, list[Lease]] = defaultdict(list)
        for lease in _worth_weighing(leases, gains, missing):
            by_holder[lease.holder].append(lease)
        best: _Choices = {0: _Choice()}
        for holder in sorted(by_holder):
            own: _Choices = {0: _Choice()}
            for lease in by_holder[holder]:
                one = {gains[lease.id]: self._alone(lease)}
                own = _joined(own, one, missing, limit=self.limits.get(holder, 0))
            best = _joined(best, own, missing)
        return best.get(missing)

    def _all_within_limits(self, leases: Iterable[Lease]) -> _Choice:
        """Return all that may be preempted at once, the youngest of each holder first."""
        choice = _Choice()
        spent: dict[str, int] = defaultdict(int)
        for lease in sorted(leases, key=lambda one: (one.granted_at, one.id), reverse=True):
            if spent[lease.holder] + lease.gpu_count <= self.limits.get(lease.holder, 0):
                spent[lease.holder] += lease.gpu_count
                choice = choice.plus(self._alone(lease))
        return choice

    def _alone(self, lease: Lease) -> _Choice:
        seconds = max(0, int((self.now - lease.granted_at).total_seconds()))
        return _Choice(gpus=lease.gpu_count, held=lease.gpu_count * seconds, leases=(lease,))

    def _without_needless(
        self, choice: _Choice, is_served: Callable[[Sequence[Lease]], bool]
    ) -> _Choice:
        """Return the set without those that it can do without, the oldest spared first."""
        kept = list(choice.leases)
        for lease in sorted(choice.leases, key=lambda one: (one.granted_at, one.id)):
            others = [one for one in kept if one is not lease]
            if others and is_served(others):
                kept = others
        alone = [self._alone(lease) for lease in kept]
        return _Choice(
            gpus=sum(one.gpus for one in alone),
            held=sum(one.held for one in alone),
            leases=tuple(kept),
        )


def _joined(
    some: _Choices, others: _Choices, missing: int, *, limit: int | None = None
) -> _Choices:
    """Return the cheapest sets made of one of each, or of the first alone; gains end at the need."""
    joined = dict(some)
    for gain, choice in some.items():
        for more, other in others.items():
            both = choice.plus(other)
            total = min(missing, gain + more)
            is_cheaper = total not in joined or both.cost < joined[total].cost
            if is_cheaper and (limit is None or both.gpus <= limit):
                joined[total] = both
    return joined


def _worth_weighing(
    leases: Iterable[Lease], gains: Mapping[str, int], missing: int
) -> Iterator[Lease]:
    """Yield, of leases alike in all but age, only as many of the youngest as could be needed."""
    seen: dict[tuple[str, int, int], int] = defaultdict(int)
    for lease in sorted(leases, key=lambda one: (one.granted_at, one.id), reverse=True):
        alike = (lease.holder, gains[lease.id], lease.gpu_count)
        seen[alike] += gains[lease.id]
        if seen[alike] < missing + gains[lease.id]:
            yield lease


def given_back(pools: Sequence[Pool], leases: Iterable[Lease]) -> list[Pool]:
    """Return the pools as they stand when some leases have given their GPUs back."""
    back: dict[str, int] = defaultdict(int)
    for lease in leases:
        for line in lease.lines:
            back[line.pool_id] += line.gpu_count
    return [replace(pool, available=pool.available + back[pool.id]) for pool in pools]
