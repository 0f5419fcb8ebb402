"""Why no pool serves a request, and the nearest thing that would have been served, in words.

no-capacity   pools that were empty would serve it: waiting may help
price-cap     only without the cap; or sooner without it, for a request that does not wait
impossible    not even empty pools would serve it, whatever they cost
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from broker.capacity.fitness import PASSING, Reason, Want, instant, reliability
from broker.capacity.pool import TIERS, Pool
from broker.capacity.request import CapacitySpec, Refusal
from broker.capacity.splits import Stock, most_of

MOST_HELPS = 3
"""A reader follows up so many ways out; the nearest come first."""

_CAP = frozenset({Reason.PRICE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A pool and everything that stands against it; nothing if it suits."""

    pool: Pool
    reasons: frozenset[Reason]


def refusal_of(want: Want, judged: Sequence[Judged]) -> Refusal:
    """Return why a request that nothing serves is refused."""
    fits_when_empty = _best_when_empty(want, judged, PASSING) >= _needed(want)
    if not want.spec.may_queue and _best_now(want, judged, _CAP) >= _needed(want):
        return Refusal.PRICE_CAP
    if fits_when_empty:
        return Refusal.NO_CAPACITY
    if _best_when_empty(want, judged, PASSING | _CAP) >= _needed(want):
        return Refusal.PRICE_CAP
    return Refusal.IMPOSSIBLE


def refusal_words(want: Want, judged: Sequence[Judged], refusal: Refusal) -> str:
    """Return what would have helped, the nearest first. Never a price."""
    helps = [*_relaxed(want, judged), *_less_or_more(want, judged, refusal)]
    if not helps:
        return "a request with fewer conditions: no single one of them stands in the way alone"
    return "; or ".join(helps[:MOST_HELPS])


def other_models(spec: CapacitySpec, models: Sequence[str]) -> str:
    """Return what would help where there is no pool of any model that was asked for."""
    wanted = " or ".join(spec.gpu_models)
    if not models:
        return f"a pool: there is none of {wanted}, or of anything else"
    return f"another model: there is no pool of {wanted}, but of {', '.join(models)}"


def _relaxed(want: Want, judged: Sequence[Judged]) -> Iterator[str]:
    """Yield each single thing without which the request would be served now."""
    suiting = [each.pool for each in judged if not each.reasons]
    for reason, words in _WORDS.items():
        barred = [each.pool for each in judged if each.reasons == {reason}]
        case = _Case(want=want, suiting=suiting, barred=barred)
        if barred and case.is_served(barred):
            said = words(case)
            if said is not None:
                yield said


def _less_or_more(want: Want, judged: Sequence[Judged], refusal: Refusal) -> Iterator[str]:
    now = _best_now(want, judged, frozenset())
    if now and want.spec.is_gang:
        yield f"at most {now} GPUs, as they stand free now"
    reachable = PASSING if refusal is Refusal.NO_CAPACITY else PASSING | _CAP
    if refusal is Refusal.IMPOSSIBLE:
        ever = _best_when_empty(want, judged, reachable)
        if ever > now:
            yield f"at most {ever} GPUs: all that such pools hold in whole nodes"
        return
    near = [each.pool for each in judged if each.reasons <= reachable]
    if near:
        missing = max(1, _needed(want) - now)
        model = next(m for m in want.spec.gpu_models if any(p.gpu_model == m for p in near))
        places = sorted({p.region for p in near if p.gpu_model == model and p.region})
        where = f" in {' or '.join(places[:MOST_HELPS])}" if places else ""
        yield f"{missing} more {model}{where} free"


def _needed(want: Want) -> int:
    return want.spec.gpu_count if want.spec.is_gang else 1


def _best_now(want: Want, judged: Iterable[Judged], but_for: frozenset[Reason]) -> int:
    """Return the most GPUs that could be had now if some reasons did not count."""
    pools = [each.pool for each in judged if each.reasons <= but_for]
    return _best(want, pools, want.stock)


def _best_when_empty(want: Want, judged: Iterable[Judged], but_for: frozenset[Reason]) -> int:
    """Return the most GPUs that could be had of empty pools if some reasons did not count."""
    pools = [each.pool for each in judged if each.reasons <= but_for]
    return _best(want, pools, want.stock_when_empty)


def _best(want: Want, pools: Iterable[Pool], stock: Callable[[Pool], int]) -> int:
    by_model = groupby(sorted(pools, key=attrgetter("gpu_model")), key=attrgetter("gpu_model"))
    best = 0
    for _, group in by_model:
        stocks = [Stock(step=want.step(pool), most=stock(pool)) for pool in group if stock(pool)]
        best = max(best, most_of(stocks, want.spec.gpu_count))
    return best


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """Pools that suit but are not enough, and those that one single reason stands against."""

    want: Want
    suiting: Sequence[Pool]
    barred: Sequence[Pool]

    def is_served(self, also: Sequence[Pool]) -> bool:
        """Say whether some pools beside those that suit serve the request."""
        return self._is_served([*self.suiting, *also])

    def is_served_by(self, only: Sequence[Pool]) -> bool:
        """Say whether some pools serve the request without those that suit."""
        return self._is_served(only)

    def last_of_fewest(self, ordered: Sequence[Pool]) -> Pool:
        """Return the pool up to which barred pools have to be let in, the nearest first."""
        counts = range(1, len(ordered) + 1)
        enough = bisect_left(counts, True, key=lambda count: self.is_served(ordered[:count]))
        return ordered[enough]

    def _is_served(self, pools: Sequence[Pool]) -> bool:
        return _best(self.want, pools, self.want.stock) >= _needed(self.want)


def _without_price(_: _Case) -> str:
    return "a higher max_price, or none"


def _without_tier(case: _Case) -> str:
    if case.want.tier == -1:
        return f"a tier that exists: {', '.join(TIERS)}"
    worst = len(TIERS)
    rank = {
        pool.id: TIERS.index(pool.tier) if pool.tier in TIERS else worst for pool in case.barred
    }
    pool = case.last_of_fewest(sorted(case.barred, key=lambda pool: rank[pool.id]))
    return "no min_tier" if rank[pool.id] == worst else f"min_tier {pool.tier}"


def _without_reliability(case: _Case) -> str:
    known = sorted(case.barred, key=lambda pool: -(pool.reliability_ppm or 0))
    pool = case.last_of_fewest(known)
    if pool.reliability_ppm is None:
        return "no min_reliability"
    return f"a min_reliability of at most {reliability(pool.reliability_ppm)}"


def _without_region(case: _Case) -> str:
    by_region = _grouped(case.barred, "region")
    alone = [region for region, pools in by_region.items() if case.is_served(pools)]
    return f"also {' or '.join(alone[:MOST_HELPS])} among the regions" if alone else "any region"


def _without_residency(case: _Case) -> str:
    by_country = _grouped(case.barred, "residency")
    alone = [country for country, pools in by_country.items() if case.is_served_by(pools)]
    return f"residency {' or '.join(alone[:MOST_HELPS])}" if alone else "no residency"


def _shorter(case: _Case) -> str | None:
    starts_at = case.want.starts_at
    ends = {pool.id: pool.closes_at or starts_at for pool in case.barred}
    ordered = sorted(case.barred, key=lambda pool: ends[pool.id], reverse=True)
    end = ends[case.last_of_fewest(ordered).id]
    if end <= starts_at:
        return None
    return f"an end by {instant(end)}: no lease outlives its contract line"


def _later(case: _Case) -> str:
    starts_at = case.want.starts_at
    ordered = sorted(case.barred, key=lambda pool: pool.opens_at or starts_at)
    return f"a start from {instant(case.last_of_fewest(ordered).opens_at)} on"


def _without_cordon(_: _Case) -> str:
    return "an end of the cordon"


def _without_drain(_: _Case) -> str:
    return "an end of the drain"


def _grouped(pools: Iterable[Pool], attribute: str) -> dict[str, list[Pool]]:
    of_value = attrgetter(attribute)
    named = sorted((pool for pool in pools if of_value(pool)), key=of_value)
    return {value: list(group) for value, group in groupby(named, key=of_value)}


_WORDS: dict[Reason, Callable[[_Case], str | None]] = {
    Reason.PRICE: _without_price,
    Reason.TIER: _without_tier,
    Reason.RELIABILITY: _without_reliability,
    Reason.REGION: _without_region,
    Reason.RESIDENCY: _without_residency,
    Reason.CLOSES_TOO_EARLY: _shorter,
    Reason.NOT_OPEN_YET: _later,
    Reason.CORDONED: _without_cordon,
    Reason.DRAINING: _without_drain,
}
"""What to say of a reason that stands in the way alone; the easiest to change come first."""
