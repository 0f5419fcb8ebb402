"""The same model written down in PuLP and left to CBC: what many would do first.

Apart from the other baselines, because PuLP is of the extra `bench`.
"""

from __future__ import annotations

import time
from collections import defaultdict

import pulp
from placement_baselines import (
    GOLD_DOLLARS,
    SURVIVAL_DOLLARS,
    Answer,
    placements_of,
    weight,
)

from broker.placement.recount import Place, Row, Site
from broker.placement.snapshot import PoolKind, Snapshot


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
        placements=placements_of(placed) if is_found else None,
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
            goals.append(weight(model.priority) * short)
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
