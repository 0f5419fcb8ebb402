"""What placements are worth, stage by stage: unserved by priority, survival, gold, and money.

Each stage goes before all that follow: a plan that serves more of a higher priority is the better
one at any price. Money is exact: whole GPUs times exact prices.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from broker.placement.plan import CostPerHour, Placement
from broker.placement.recount import (
    Replicas,
    Site,
    by_model,
    gold_shortfalls,
    replicas_of,
    survival_shortfalls,
    used_gpus,
)
from broker.placement.snapshot import PoolKind, Snapshot
from broker.placement.unserved import least_unserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The value of each stage; `unserved` by priority, the highest first.

    Shortfalls are in tokens per second, money in dollars per hour.
    """

    unserved: tuple[tuple[int, float], ...]
    survival_shortfall: float
    gold_shortfall: float
    money: Decimal
    new_per_hour: Decimal

    @property
    def stages(self) -> tuple[float, ...]:
        """The goals in their order, to be compared as tuples; all are to be small."""
        unserved = tuple(tokens for _, tokens in self.unserved)
        return (*unserved, self.survival_shortfall, self.gold_shortfall, float(self.money))


def score(snapshot: Snapshot, placements: Iterable[Placement]) -> Score:
    """Return what the placements are worth, with the fewest whole steps bought for them."""
    site, replicas = Site.of(snapshot), replicas_of(placements)
    cost = cost_of(site, replicas, bought=steps_needed(site, replicas))
    unserved = defaultdict[int, list[float]](list)
    own = by_model(replicas)
    for model in snapshot.models:
        unserved[model.priority].append(least_unserved(site, model, own.get(model.model, {})))
    return Score(
        unserved=tuple(
            (priority, math.fsum(unserved[priority])) for priority in sorted(unserved, reverse=True)
        ),
        survival_shortfall=math.fsum(survival_shortfalls(site, replicas).values()),
        gold_shortfall=math.fsum(gold_shortfalls(site, replicas).values()),
        money=cost.money,
        new_per_hour=cost.new,
    )


def steps_needed(site: Site, replicas: Replicas) -> dict[str, int]:
    """Return the GPUs to buy by pool: those in use, in whole steps; nothing of contracts."""
    bought: dict[str, int] = {}
    for name, gpus in used_gpus(site, replicas).items():
        pool = site.pools[name]
        if pool.kind is not PoolKind.CONTRACT and gpus > 0:
            bought[name] = -(-gpus // pool.step_gpus) * pool.step_gpus
    return bought


def cost_of(site: Site, replicas: Replicas, *, bought: Mapping[str, int]) -> CostPerHour:
    """Return what the replicas cost per hour when so many GPUs are bought for them."""
    running = replicas_of(site.snapshot.current)
    gpus = sum(used_gpus(site, replicas).values())
    return CostPerHour(
        new=_sum(site.pools[name].price_per_gpu_hour * count for name, count in bought.items()),
        sunk=_sum(
            pool.sunk_price_per_gpu_hour * pool.capacity_gpus
            for pool in site.snapshot.pools
            if pool.kind is PoolKind.CONTRACT
        ),
        starts=_sum(
            site.models[place[0]].start_cost * max(0, count - running.get(place, 0))
            for place, count in replicas.items()
        ),
        opportunity=site.snapshot.policy.opportunity_cost_per_gpu_hour * gpus,
    )


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))
