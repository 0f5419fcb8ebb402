"""Which pools could serve a capacity request, the best way first, as of a snapshot.

A plan is advice: the grant is verified when it is written. Ways are ordered by preference of
model, then a single pool before several, then price: what one more used GPU-hour costs in dollars,
then what it costs with what was paid in advance, unknown prices last; at equal price our own
contracts before buying on demand. A gang never mixes models and is served in full. Without `gang`
the most GPUs that can be had are taken, over several models if no single one has as many.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from heapq import merge
from itertools import chain, islice

from broker.capacity.fitness import Reason, Want, failing, reasons, suits
from broker.capacity.pool import Pool, PoolKind
from broker.capacity.refusing import Judged, other_models, refusal_of, refusal_words
from broker.capacity.request import Candidate, CapacitySpec, Failing, Line, Plan
from broker.capacity.splits import MOST_LINES, Stock, most_of, ways
from pricing.fx import FxTable

MOST_CANDIDATES = 8
"""So many ways are worth trying when a grant is written; past them a fresh plan is better."""

_UNKNOWN = Decimal("Infinity")  # for sorting only: an unknown price comes after every known one


@dataclass(frozen=True)
class Shelf:
    """A snapshot of all pools, by model and in the order of price: made once, planned from often."""

    by_model: dict[str, tuple[Pool, ...]]

    @classmethod
    def of(cls, pools: Iterable[Pool]) -> Shelf:
        """Return the pools put in order."""
        by_model: dict[str, list[Pool]] = defaultdict(list)
        for pool in sorted(pools, key=price_order):
            by_model[pool.gpu_model].append(pool)
        return cls({model: tuple(of_model) for model, of_model in by_model.items()})

    @cached_property
    def by_place(self) -> dict[tuple[str, str], tuple[Pool, ...]]:
        """Return the pools of each model in each region, folded, in the same order."""
        found: dict[tuple[str, str], list[Pool]] = defaultdict(list)
        for pool in self.pools:
            found[pool.gpu_model, (pool.region or "").casefold()].append(pool)
        return {place: tuple(pools) for place, pools in found.items()}

    def at(self, model: str, regions: frozenset[str]) -> Iterable[Pool]:
        """Return the pools of a model in these regions, folded; without any, wherever they are."""
        if not regions:
            return self.by_model.get(model, ())
        return merge(*(self.by_place.get((model, one), ()) for one in regions), key=price_order)

    def less(self, taken: Candidate) -> Shelf:
        """Return the snapshot as it stands when some GPUs are taken."""
        gone = {line.pool_id: line.gpu_count for line in taken}
        if not gone:
            return self
        return Shelf(
            {
                model: tuple(
                    replace(pool, available=pool.available - gone[pool.id])
                    if pool.id in gone
                    else pool
                    for pool in of_model
                )
                for model, of_model in self.by_model.items()
            }
        )

    @property
    def pools(self) -> Iterator[Pool]:
        """Yield every pool."""
        return chain.from_iterable(self.by_model.values())


def plan(
    spec: CapacitySpec, pools: Sequence[Pool], *, now: datetime, rates: FxTable | None = None
) -> Plan:
    """Return the ways to serve a request, and why each pool that is in none of them fails.

    A pool that could serve it alone, and is only dearer than the ways that are told, is not failing.
    """
    made = quick_plan(spec, Shelf.of(pools), now=now, rates=rates)
    want = Want.of(spec, now=now, rates=rates)
    told = {line.pool_id for candidate in made.candidates for line in candidate}
    fails = (_failing(want, pool) for pool in pools if pool.id not in told)
    return replace(made, failing=tuple(fail for fail in fails if fail is not None))


PlanKey = tuple[object, ...]
"""All of a request that a plan depends on: equal ones get equal plans from the same pools."""


def plan_key(spec: CapacitySpec) -> PlanKey:
    """Return what a plan depends on: who asks, how urgently and with which labels does not."""
    return (
        spec.gpu_models,
        spec.gpu_count,
        spec.node_size,
        spec.regions,
        spec.residency,
        spec.min_tier,
        spec.min_reliability_ppm,
        spec.max_price,
        spec.duration_seconds,
        spec.ttl_seconds,
        spec.starts_at,
        spec.is_gang,
        spec.may_queue,
        spec.deadline,
    )


def quick_plan(
    spec: CapacitySpec, shelf: Shelf, *, now: datetime, rates: FxTable | None = None
) -> Plan:
    """Return the same plan without a word about single pools: for the hot path.

    Only pools of the models asked for are looked at, and only as many as it takes.
    """
    want = Want.of(spec, now=now, rates=rates)
    found = _gang(want, shelf) if spec.is_gang else _as_many_as_there_are(want, shelf)
    candidates = tuple(islice(found, MOST_CANDIDATES))
    if candidates:
        return Plan(candidates=candidates, failing=(), refusal=None)
    judged = [
        Judged(pool=pool, reasons=frozenset(reasons(want, pool)))
        for model in dict.fromkeys(spec.gpu_models)
        for pool in shelf.by_model.get(model, ())
    ]
    refusal = refusal_of(want, judged)
    if judged:
        helps = refusal_words(want, judged, refusal)
    else:
        helps = other_models(spec, sorted(shelf.by_model))
    return Plan(candidates=(), failing=(), refusal=refusal, helps=helps)


def price_order(pool: Pool) -> tuple[Decimal, Decimal, bool, str]:
    """Return by what pools of one model are ordered, the best first."""
    return (
        _UNKNOWN if pool.usd_marginal is None else pool.usd_marginal,
        _UNKNOWN if pool.usd_effective is None else pool.usd_effective,
        pool.kind != PoolKind.CONTRACT,
        pool.id,
    )


def _gang(want: Want, shelf: Shelf) -> Iterator[Candidate]:
    for model in dict.fromkeys(want.spec.gpu_models):
        # Lazily: eight pools that can serve it alone are all that is ever looked at.
        fitting = (pool for pool in shelf.at(model, want.regions) if suits(want, pool))
        yield from _of_group(want, fitting, want.spec.gpu_count)


def _as_many_as_there_are(want: Want, shelf: Shelf) -> Iterator[Candidate]:
    groups = [
        [pool for pool in shelf.at(model, want.regions) if suits(want, pool)]
        for model in dict.fromkeys(want.spec.gpu_models)
    ]
    everything = list(chain.from_iterable(groups))
    target = most_of([_stock(want, pool) for pool in everything], want.spec.gpu_count)
    if not target:
        return
    is_served = False
    for group in groups:
        for candidate in _of_group(want, group, target):
            is_served = True
            yield candidate
    if not is_served:
        yield from _of_group(want, everything, target)


def _of_group(want: Want, fitting: Iterable[Pool], target: int) -> Iterator[Candidate]:
    """Yield pools that have it all, then the splits over the fewest pools."""
    seen: list[Pool] = []
    singles = 0
    for pool in fitting:
        seen.append(pool)
        if _serves_alone(want, pool, target):
            singles += 1
            yield (Line(pool_id=pool.id, gpu_count=target),)
    # Where one pool has it all, splits only catch the race for it: the cheapest pools will do.
    split_over = seen[:MOST_LINES] if singles else seen
    if len(split_over) < 2:
        return
    stocks = [_stock(want, pool) for pool in split_over]
    for way in ways(stocks, target, limit=MOST_CANDIDATES):
        yield tuple(Line(pool_id=split_over[index].id, gpu_count=gpus) for index, gpus in way)


def _stock(want: Want, pool: Pool) -> Stock:
    return Stock(step=want.step(pool), most=want.stock(pool))


def _serves_alone(want: Want, pool: Pool, target: int) -> bool:
    return target % want.step(pool) == 0 and want.stock(pool) >= target


def _failing(want: Want, pool: Pool) -> Failing | None:
    against = frozenset(reasons(want, pool))
    if not against:
        if _serves_alone(want, pool, want.spec.gpu_count):
            return None
        has_all = want.stock(pool) >= want.spec.gpu_count
        against = frozenset({Reason.NODE_SIZE if has_all else Reason.NO_FREE_GPUS})
    return failing(want, pool, against)
