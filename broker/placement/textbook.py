"""The best placements of a small snapshot, by the plainest program there is for them.

One whole number for the replicas of each place, one for the steps bought of each pool, and a flow
from each place to each demand row; stage after stage is minimised and then held. It grows with rows
times pools and is of no use at full size: it is there to check the planner, and shares nothing with
it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, milp
from scipy.sparse import coo_array

from broker.placement.plan import Placement, Plan
from broker.placement.recount import Place, Row, Site, must_stay, replicas_of
from broker.placement.snapshot import PoolKind, Snapshot
from broker.placement.violations import SHARE_APART, Violation, Wrong

NODE_LIMIT = 200_000
"""Nodes of a search before it is given up."""

_UNIT = 1000.0  # tokens per second are counted in thousands: solvers like figures near one
_HELD_APART = 1e-5  # by how many thousands a stage already minimised may grow

_Terms = dict[int, float]


def best_placements(
    snapshot: Snapshot, *, node_limit: int = NODE_LIMIT
) -> tuple[Placement, ...] | None:
    """Return optimal placements, or None if the search was given up."""
    program = _Program(site=Site.of(snapshot))
    _write(program)
    found = None
    for stage in program.stages:
        found = program.minimise(stage, node_limit=node_limit)
        if found.status != 0:
            return None
        program.add(stage, most=max(0.0, float(found.fun)) + _HELD_APART)
    found = program.minimise(program.money, node_limit=node_limit)
    if found.status != 0:
        return None
    return tuple(
        Placement(model=model, config=config, pool=pool, replicas=replicas)
        for (model, config, pool), column in program.replicas.items()
        if (replicas := round(found.x[column])) > 0
    )


def check_bound(
    snapshot: Snapshot, plan: Plan, *, node_limit: int = NODE_LIMIT
) -> tuple[Violation, ...]:
    """Check that no plan with the same shortfalls costs less than the bound that the plan claims.

    A search that is given up says nothing against the plan unless it has found one cheaper.
    """
    program = _Program(site=Site.of(snapshot))
    _write(program)
    short = _shortfalls(program.site, plan)
    for stage, tokens in zip(program.stages, short, strict=True):
        program.add(stage, most=tokens / _UNIT + _HELD_APART)
    found = program.minimise(program.money, node_limit=node_limit)
    if found.x is None or plan.bound_per_hour <= found.fun * (1 + SHARE_APART) + SHARE_APART:
        return ()
    return (
        Violation(
            code=Wrong.WRONG_BOUND,
            where="bound_per_hour",
            message=f"{plan.bound_per_hour:.4f} is no lower bound: a plan with no more shortfalls "
            f"costs {found.fun:.4f} dollars per hour",
        ),
    )


def _shortfalls(site: Site, plan: Plan) -> tuple[float, ...]:
    """Return what the plan claims is short, in the order of the stages."""
    unserved = defaultdict[int, float](float)
    for line in plan.unserved:
        unserved[site.models[line.model].priority] += line.tokens_per_second
    return (
        *(unserved[priority] for priority in _priorities(site)),
        math.fsum(line.tokens_per_second for line in plan.survival_shortfall),
        math.fsum(line.tokens_per_second for line in plan.gold_shortfall),
    )


def _priorities(site: Site) -> list[int]:
    return sorted({model.priority for model in site.snapshot.models}, reverse=True)


@dataclass(slots=True, kw_only=True)
class _Program:
    """Columns and rows as they are written down; `stages` and `money` are what is minimised."""

    site: Site
    upper: list[float] = field(default_factory=list)
    whole: list[bool] = field(default_factory=list)
    rows: list[tuple[_Terms, float, float]] = field(default_factory=list)
    replicas: dict[Place, int] = field(default_factory=dict)
    stages: list[_Terms] = field(default_factory=list)
    money: _Terms = field(default_factory=dict)

    def column(self, *, upper: float = math.inf, whole: bool = False) -> int:
        self.upper.append(upper)
        self.whole.append(whole)
        return len(self.upper) - 1

    def add(self, terms: _Terms, *, least: float = -math.inf, most: float = math.inf) -> None:
        self.rows.append((dict(terms), least, most))

    def minimise(self, goal: _Terms, *, node_limit: int) -> OptimizeResult:
        cost = np.zeros(len(self.upper))
        for column, weight in goal.items():
            cost[column] = weight
        entries = [
            (at, column, weight)
            for at, (terms, _, _) in enumerate(self.rows)
            for column, weight in terms.items()
        ]
        matrix = coo_array(
            ([it[2] for it in entries], ([it[0] for it in entries], [it[1] for it in entries])),
            shape=(len(self.rows), len(self.upper)),
        )
        return milp(
            cost,
            integrality=np.array(self.whole, dtype=np.int8),
            bounds=Bounds(0, np.array(self.upper)),
            constraints=LinearConstraint(
                matrix.tocsc(),
                np.array([least for _, least, _ in self.rows]),
                np.array([most for _, _, most in self.rows]),
            ),
            options={"mip_rel_gap": 0.0, "node_limit": node_limit},
        )


def _write(program: _Program) -> None:
    _write_pools(program)
    _write_starts(program)
    unserved = _write_flows(program)
    program.stages += [unserved[priority] for priority in _priorities(program.site)]
    program.stages.append(_write_survival(program))
    program.stages.append(_write_gold(program))
    _write_spot(program)


def _places(site: Site) -> Iterator[tuple[Place, int, int]]:
    """Yield each place with the fewest and the most replicas that may stand there."""
    stays = must_stay(site.snapshot)
    for model in site.snapshot.models:
        for config in model.configs:
            for pool in site.snapshot.pools:
                place = (model.model, config.config, pool.pool)
                if config.gpu_model == pool.gpu_model:
                    least = stays.get(place, 0)
                    room = pool.capacity_gpus // config.gpus if site.lasts(pool) else 0
                    yield place, least, max(least, room)


def _write_pools(program: _Program) -> None:
    site, used = program.site, defaultdict[str, _Terms](dict)
    opportunity = float(site.snapshot.policy.opportunity_cost_per_gpu_hour)
    for place, least, most in _places(site):
        gpus = site.gpus(place, 1)
        column = program.replicas[place] = program.column(upper=most, whole=True)
        program.add({column: 1.0}, least=least)
        program.money[column] = opportunity * gpus
        used[place[2]][column] = float(gpus)
    for name, terms in used.items():
        pool = site.pools[name]
        if pool.kind is PoolKind.CONTRACT:
            program.add(terms, most=pool.capacity_gpus)
            continue
        steps = program.column(upper=pool.capacity_gpus // pool.step_gpus, whole=True)
        program.money[steps] = float(pool.price_per_gpu_hour * pool.step_gpus)
        program.add({**terms, steps: -float(pool.step_gpus)}, most=0.0)


def _write_starts(program: _Program) -> None:
    running = replicas_of(program.site.snapshot.current)
    for place, column in program.replicas.items():
        cost = float(program.site.models[place[0]].start_cost)
        if cost > 0:
            started = program.column()
            program.money[started] = cost
            program.add({started: 1.0, column: -1.0}, least=-running.get(place, 0))


def _write_flows(program: _Program) -> Mapping[int, _Terms]:
    """Write who may serve what, and return what stays unserved by priority."""
    site, unserved = program.site, defaultdict[int, _Terms](dict)
    times: dict[Place, _Terms] = {
        place: {column: -1.0} for place, column in program.replicas.items()
    }
    for model in site.snapshot.models:
        for row, needed in site.needed(model).items():
            short = program.column()
            unserved[model.priority][short] = 1.0
            terms = {short: 1.0, **dict.fromkeys(_flows(program, row, times), 1.0)}
            program.add(terms, least=needed / _UNIT, most=needed / _UNIT)
    for terms in times.values():
        program.add(terms, most=0.0)
    return unserved


def _flows(program: _Program, row: Row, times: Mapping[Place, _Terms]) -> Iterator[int]:
    site, (model, class_name, node) = program.site, row
    for place in program.replicas:
        pool = site.pools[place[2]]
        speed = site.configs[place[0], place[1]].tokens_per_second.get(class_name, 0.0)
        if place[0] == model and site.is_under(pool.node, node) and speed > 0:
            flow = program.column()
            times[place][flow] = _UNIT / (speed * pool.availability)
            yield flow


def _strengths(program: _Program, model: str) -> Iterator[tuple[Place, int, float]]:
    for place, column in program.replicas.items():
        if place[0] == model:
            yield place, column, program.site.strength(place) / _UNIT


def _write_survival(program: _Program) -> _Terms:
    site, short = program.site, _Terms()
    for model in site.snapshot.models:
        for scope in {site.scope_of(model, row.node) for row in site.demand.get(model.model, ())}:
            promised = model.survival * site.raw_demand(model.model, scope=scope) / _UNIT
            for lost in site.snapshot.providers:
                missing = program.column()
                short[missing] = 1.0
                left = {
                    column: strength
                    for place, column, strength in _strengths(program, model.model)
                    if site.is_under(site.pools[place[2]].node, scope)
                    and site.pools[place[2]].provider != lost.provider
                }
                program.add({**left, missing: 1.0}, least=promised)
    return short


def _write_gold(program: _Program) -> _Terms:
    site, short = program.site, _Terms()
    for model in site.snapshot.models:
        missing = program.column()
        short[missing] = 1.0
        held = {
            column: strength
            for place, column, strength in _strengths(program, model.model)
            if site.is_firm_gold(site.pools[place[2]])
        }
        promised = model.min_gold_share * site.raw_demand(model.model) / _UNIT
        program.add({**held, missing: 1.0}, least=promised)
    return short


def _write_spot(program: _Program) -> None:
    site, stays = program.site, must_stay(program.site.snapshot)
    for model in site.snapshot.models:
        spot = {
            place: (column, strength)
            for place, column, strength in _strengths(program, model.model)
            if site.pools[place[2]].kind is PoolKind.SPOT
        }
        held = math.fsum(strength * stays.get(place, 0) for place, (_, strength) in spot.items())
        share = model.max_spot_share * site.raw_demand(model.model) / _UNIT
        program.add(dict(spot.values()), most=max(share, held))
