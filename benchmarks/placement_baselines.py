"""What others would do with the same snapshot: buy the cheapest first, or ask a solver for all.

None of them knows anything of the planner. Each returns placements, to be scored like any plan.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pulp
from placement_laminar import Laminar
from scipy.optimize import Bounds, LinearConstraint, milp

from broker.placement.plan import Placement
from broker.placement.recount import Place, Row, Site
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
    return Answer(placements=_placements(placed), seconds=time.perf_counter() - began)


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
            *((terms, _weight(it)) for it, terms in program.unserved.items()),
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


def _weight(priority: int) -> float:
    return UNSERVED_DOLLARS * max(1, priority) / 100


def pulp_cbc(snapshot: Snapshot, *, seconds: float) -> Answer:
    """Write the model down as one would in PuLP, replicas by row and pool, and ask its CBC."""
    began, site = time.perf_counter(), Site.of(snapshot)
    program = pulp.LpProblem("placement", pulp.LpMinimize)
    replicas = {
        (row, place): pulp.LpVariable(f"y{number}_{other}", 0, cat="Integer")
        for number, row in enumerate(_rows(site))
        for other, place in enumerate(_served_by(site, row))
    }
    goals = [
        *_pulp_capacity(program, site, replicas),
        *_pulp_demand(program, site, replicas),
        *_pulp_promises(program, site, replicas),
    ]
    program.setObjective(pulp.lpSum(goals))
    program.solve(pulp.PULP_CBC_CMD(msg=False, timeLimit=seconds, gapRel=1e-4, threads=1))
    placed = defaultdict[Place, int](int)
    for (_, place), column in replicas.items():
        placed[place] += round(column.value() or 0)
    is_found = program.sol_status in {pulp.LpSolutionOptimal, pulp.LpSolutionIntegerFeasible}
    return Answer(
        placements=_placements(placed) if is_found else None,
        seconds=time.perf_counter() - began,
    )


_Replicas = dict[tuple[Row, Place], pulp.LpVariable]


def _rows(site: Site) -> list[Row]:
    return [row for model in site.snapshot.models for row in site.needed(model)]


def _served_by(site: Site, row: Row) -> list[Place]:
    model = site.models[row[0]]
    return [
        (model.model, config.config, pool.pool)
        for config in model.configs
        for pool in site.snapshot.pools
        if pool.gpu_model == config.gpu_model
        and site.lasts(pool)
        and site.is_under(pool.node, row[2])
        and not (pool.kind is PoolKind.SPOT and model.max_spot_share == 0)
    ]


def _pulp_capacity(
    program: pulp.LpProblem, site: Site, replicas: _Replicas
) -> list[pulp.LpAffineExpression]:
    opportunity = float(site.snapshot.policy.opportunity_cost_per_gpu_hour)
    money = []
    for number, pool in enumerate(site.snapshot.pools):
        mine = {key: column for key, column in replicas.items() if key[1][2] == pool.pool}
        used = pulp.lpSum(site.gpus(place, 1) * column for (_, place), column in mine.items())
        money.append(opportunity * used)
        if pool.kind is PoolKind.CONTRACT:
            program.addConstraint(used <= pool.capacity_gpus)
            continue
        steps = pulp.LpVariable(f"u{number}", 0, pool.capacity_gpus // pool.step_gpus, "Integer")
        program.addConstraint(used <= pool.step_gpus * steps)
        money.append(float(pool.price_per_gpu_hour * pool.step_gpus) * steps)
    return money


def _pulp_demand(
    program: pulp.LpProblem, site: Site, replicas: _Replicas
) -> list[pulp.LpAffineExpression]:
    goals = []
    running = {(it.model, it.config, it.pool): it.replicas for it in site.snapshot.current}
    by_place = defaultdict[Place, list[pulp.LpVariable]](list)
    by_row = defaultdict[Row, list[pulp.LpAffineExpression]](list)
    for (row, place), column in replicas.items():
        by_place[place].append(column)
        by_row[row].append(site.strength(place) / 1000 * column)
    for number, (place, columns) in enumerate(by_place.items()):
        started = pulp.LpVariable(f"x{number}", 0)
        program.addConstraint(started >= pulp.lpSum(columns) - running.get(place, 0))
        goals.append(float(site.models[place[0]].start_cost) * started)
    for model in site.snapshot.models:
        for node, (row, needed) in enumerate(site.needed(model).items()):
            short = pulp.LpVariable(f"s_{model.model}_{node}", 0)
            program.addConstraint(pulp.lpSum(by_row[row]) + short >= needed / 1000)
            goals.append(_weight(model.priority) * short)
    return goals


def _pulp_promises(
    program: pulp.LpProblem, site: Site, replicas: _Replicas
) -> list[pulp.LpAffineExpression]:
    goals = []
    for model in site.snapshot.models:
        raw = site.raw_demand(model.model) / 1000
        mine = [
            (site.pools[place[2]], site.strength(place) / 1000 * column)
            for (row, place), column in replicas.items()
            if row[0] == model.model
        ]
        spot = pulp.lpSum(term for pool, term in mine if pool.kind is PoolKind.SPOT)
        program.addConstraint(spot <= model.max_spot_share * raw)
        gold = pulp.lpSum(term for pool, term in mine if site.is_firm_gold(pool))
        missing = pulp.LpVariable(f"z_{model.model}", 0)
        program.addConstraint(gold + missing >= model.min_gold_share * raw)
        goals.append(GOLD_DOLLARS * missing)
        for scope in sorted({site.scope_of(model, it.node) for it in site.demand[model.model]}):
            promised = model.survival * site.raw_demand(model.model, scope=scope) / 1000
            for lost in site.snapshot.providers:
                left = pulp.lpSum(
                    term
                    for pool, term in mine
                    if pool.provider != lost.provider and site.is_under(pool.node, scope)
                )
                missing = pulp.LpVariable(f"v_{model.model}_{scope}_{lost.provider}", 0)
                program.addConstraint(left + missing >= promised)
                goals.append(SURVIVAL_DOLLARS * missing)
    return goals


def _placements(placed: dict[Place, int]) -> tuple[Placement, ...]:
    return tuple(
        Placement(model=model, config=config, pool=pool, replicas=count)
        for (model, config, pool), count in sorted(placed.items())
        if count > 0
    )
