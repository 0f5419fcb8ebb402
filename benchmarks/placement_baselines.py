"""What others would do with the same snapshot: buy the cheapest first, or ask a solver for all.

None of them knows anything of the planner. Each returns placements, to be scored like any plan.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from placement_laminar import Laminar
from scipy.optimize import Bounds, LinearConstraint, milp

from broker.placement.plan import Placement
from broker.placement.recount import Place, Site
from broker.placement.snapshot import Model, PoolKind, Snapshot

UNSERVED_DOLLARS = 1000.0
"""What a thousand unserved tokens per second cost a solver that knows one goal only, per hour and
for a priority of 100; what lacks of survival and gold costs a part of it."""

SURVIVAL_DOLLARS, GOLD_DOLLARS = 300.0, 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a baseline came to; no placements at all where it found none in its time."""

    placements: tuple[Placement, ...] | None
    seconds: float


def greedy_cheapest(snapshot: Snapshot) -> Answer:
    """Serve row after row, important ones first, from what is cheapest per token right then."""
    began, site = time.perf_counter(), Site.of(snapshot)
    left = {pool.pool: pool.capacity_gpus for pool in snapshot.pools if site.lasts(pool)}
    placed = defaultdict[Place, int](int)
    for model in sorted(snapshot.models, key=lambda model: -model.priority):
        ways = _cheapest_first(site, model)
        spot_left = model.max_spot_share * site.raw_demand(model.model)
        rows = sorted(site.needed(model).items(), key=lambda row: -len(site.ways[row[0][2]]))
        for (_, _, node), needed in rows:
            for place, strength in ways:
                pool = site.pools[place[2]]
                if needed <= 0 or pool.pool not in left or not site.is_under(pool.node, node):
                    continue
                gpus = site.gpus(place, 1)
                count = min(math.ceil(needed / strength), left[pool.pool] // gpus)
                if pool.kind is PoolKind.SPOT:
                    count = min(count, int(spot_left / strength))
                    spot_left -= count * strength
                left[pool.pool] -= count * gpus
                needed -= count * strength
                placed[place] += count
    return Answer(placements=placements_of(placed), seconds=time.perf_counter() - began)


def _cheapest_first(site: Site, model: Model) -> list[tuple[Place, float]]:
    """Return where the model can run and what a replica serves, the least dollars a token first."""
    costs: list[tuple[float, Place, float]] = []
    for config in model.configs:
        for pool in site.snapshot.pools:
            place = (model.model, config.config, pool.pool)
            strength = site.strength(place)
            if pool.gpu_model == config.gpu_model and strength > 0:
                dollars = float(pool.marginal_price_per_gpu_hour)
                dollars += float(site.snapshot.policy.opportunity_cost_per_gpu_hour)
                costs.append((dollars * config.gpus / strength, place, strength))
    return [(place, strength) for _, place, strength in sorted(costs)]


def scipy_milp(snapshot: Snapshot, *, seconds: float) -> Answer:
    """Hand the whole program over the tree to `scipy.optimize.milp`, for so long."""
    began, program = time.perf_counter(), Laminar.of(snapshot)
    lower, upper = zip(*program.limits, strict=True)
    found = milp(
        program.cost(
            *((terms, weight(it)) for it, terms in program.unserved.items()),
            (program.survival, SURVIVAL_DOLLARS),
            (program.gold, GOLD_DOLLARS),
            (program.money, 1.0),
        ),
        integrality=np.array(program.whole, dtype=np.int8),
        bounds=Bounds(0, np.array(program.upper)),
        constraints=LinearConstraint(program.matrix, np.array(lower), np.array(upper)),
        options={"time_limit": seconds, "mip_rel_gap": 0.0},
    )
    placements = None if found.x is None else program.placements(np.asarray(found.x))
    return Answer(placements=placements, seconds=time.perf_counter() - began)


def weight(priority: int) -> float:
    """Return what a thousand unserved tokens per second of a priority cost per hour."""
    return UNSERVED_DOLLARS * max(1, priority) / 100


def placements_of(placed: dict[Place, int]) -> tuple[Placement, ...]:
    """Return the placements of replicas by place."""
    return tuple(
        Placement(model=model, config=config, pool=pool, replicas=count)
        for (model, config, pool), count in sorted(placed.items())
        if count > 0
    )
