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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from broker.capacity.fitness import Want
from broker.capacity.lease import Lease, LeaseState
from broker.capacity.planning import Shelf, quick_plan
from broker.capacity.pool import Pool
from broker.capacity.request import HIGHEST_PRIORITY, CapacitySpec
from broker.capacity.victims import Search, given_back
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


def band(priority: int) -> int:
    """Return the band of a priority, from 0 to TOP_BAND."""
    return min(priority // BAND, TOP_BAND)


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
        shelf = Shelf.of(given_back(pools, also))
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
        search = Search(
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
