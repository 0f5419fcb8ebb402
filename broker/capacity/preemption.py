"""Whose GPUs are taken back for a request that is more urgent.

A band is a hundred priorities; the highest, from 900 to 1000, is production. Only leases that said
that they may be preempted, in a lower band than the request, are: so production never is. Of all
sets of leases that make room the one with the fewest GPUs is taken, which leaves the fewest over,
and of those the youngest, by the time that its GPUs were held. No holder loses more than a budget
at once.

Two phases: a victim has notice until the end of the grace and keeps its GPUs so long; they go to
the request when it gave them back or the grace is over. Meanwhile they count as on their way, so
that nobody is preempted twice for the same request.

A holder that asks for no more than its guarantee takes back what others borrowed of it, from the
borrowers first and whatever their band below production: see `broker.capacity.quota`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from broker.capacity.fitness import Reason, Want, reasons
from broker.capacity.lease import Lease, LeaseState
from broker.capacity.planning import Shelf, quick_plan
from broker.capacity.pool import Pool
from broker.capacity.request import HIGHEST_PRIORITY, CapacitySpec
from pricing.fx import FxTable

BAND = 100
TOP_BAND = HIGHEST_PRIORITY // BAND - 1

_HOLDING = frozenset({LeaseState.GRANTED, LeaseState.ACTIVE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A request for which others may be preempted.

    `reclaim` is how many GPUs each holder borrowed that this request has a right to.
    """

    id: str
    spec: CapacitySpec
    reclaim: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preemption:
    """Leases to be given back for a request, the youngest first, and by when each at the latest."""

    request_id: str
    until: Mapping[str, datetime]  # by the victim's id


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


def band(priority: int) -> int:
    """Return the band of a priority, from 0 to TOP_BAND."""
    return min(priority // BAND, TOP_BAND)


def preempt(
    asking: Sequence[Asking],
    pools: Sequence[Pool],
    leases: Sequence[Lease],
    *,
    now: datetime,
    grace: timedelta,
    budget: int | None = None,
    rates: FxTable | None = None,
) -> tuple[Preemption, ...]:
    """Return who is to give back what, for requests in the order of the queue.

    A request that what is on its way will serve preempts nobody.
    """
    coming = [lease for lease in leases if lease.state is LeaseState.PREEMPTING]
    ahead = _given_back([replace(pool, claimed=0) for pool in pools], coming)
    left = [lease for lease in leases if lease.state in _HOLDING]
    notices: list[Preemption] = []
    for one in asking:
        chosen = victims(one, ahead, [*left, *coming], now=now, budget=budget, rates=rates)
        if chosen:
            until = {lease.id: gives_back_by(lease, now=now, grace=grace) for lease in chosen}
            notices.append(Preemption(request_id=one.id, until=until))
            ahead = _given_back(ahead, chosen)
            left = [lease for lease in left if lease.id not in until]
            coming += [replace(lease, state=LeaseState.PREEMPTING) for lease in chosen]
        shelf = Shelf.of(ahead)
        candidates = quick_plan(one.spec, shelf, now=now, rates=rates).candidates
        if candidates:
            ahead = list(shelf.less(candidates[0]).pools)
    return tuple(notices)


def victims(
    asking: Asking,
    pools: Sequence[Pool],
    leases: Sequence[Lease],
    *,
    now: datetime,
    budget: int | None = None,
    rates: FxTable | None = None,
) -> tuple[Lease, ...]:
    """Return the leases to preempt for one request, the youngest first; none if none would do.

    `pools` as they will stand when what is on its way has come. Where leases hold parts of nodes,
    the set may be larger than the least, but every lease in it is needed. Nobody is preempted for
    a start that is not yet.
    """

    def is_served(also: Sequence[Lease]) -> bool:
        shelf = Shelf.of(_given_back(pools, also))
        return bool(quick_plan(asking.spec, shelf, now=now, rates=rates).candidates)

    is_for_later = asking.spec.starts_at is not None and asking.spec.starts_at > now
    if is_for_later or is_served(()):
        return ()
    spent: dict[str, int] = defaultdict(int)
    for lease in leases:
        if lease.state is LeaseState.PREEMPTING:
            spent[lease.holder] += lease.gpu_count
    for eligible, limit in _stages(asking, leases, budget):
        limits = {holder: most - spent[holder] for holder, most in limit.items()}
        search = _Search(
            want=Want.of(asking.spec, now=now, rates=rates),
            pools=pools,
            leases=eligible,
            limits=limits,
            now=now,
        )
        chosen = search.cheapest(is_served)
        if chosen:
            return tuple(sorted(chosen, key=lambda one: (one.granted_at, one.id), reverse=True))
    return ()


def gives_back_by(lease: Lease, *, now: datetime, grace: timedelta) -> datetime:
    """Return when the GPUs of a victim go to somebody else, whatever it does."""
    return now + grace if lease.ends_at is None else min(now + grace, lease.ends_at)


def _stages(
    asking: Asking, leases: Sequence[Lease], budget: int | None
) -> Iterator[tuple[list[Lease], dict[str, int]]]:
    """Yield who may be preempted and how many GPUs of each holder: first borrowers, then all."""
    open_to_it = [lease for lease in leases if lease.is_preemptible and lease.state in _HOLDING]
    most = sum(lease.gpu_count for lease in open_to_it) if budget is None else budget
    borrowing = [
        lease
        for lease in open_to_it
        if asking.reclaim.get(lease.holder, 0) > 0 and band(lease.priority) < TOP_BAND
    ]
    if borrowing:
        yield (
            borrowing,
            {holder: min(most, borrowed) for holder, borrowed in asking.reclaim.items()},
        )
    lower = [lease for lease in open_to_it if band(lease.priority) < band(asking.spec.priority)]
    yield lower, dict.fromkeys({lease.holder for lease in lower}, most)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
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


def _given_back(pools: Sequence[Pool], leases: Iterable[Lease]) -> list[Pool]:
    back: dict[str, int] = defaultdict(int)
    for lease in leases:
        for line in lease.lines:
            back[line.pool_id] += line.gpu_count
    return [replace(pool, available=pool.available + back[pool.id]) for pool in pools]
