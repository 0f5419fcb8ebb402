"""Placement as one program over a tree of places, for baselines and for the tests.

Capacity under a node covers the demand under it, so no flow is needed: rows grow with models times
nodes. Of one class of requests this is exact; a snapshot with several is refused. Built from names
and dictionaries, independently of the planner's own arrays.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, csc_array

from broker.placement.plan import Placement
from broker.placement.recount import Place, Site
from broker.placement.snapshot import Model, PoolKind, Snapshot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

UNIT = 1000.0
"""Tokens per second are counted in thousands."""

_Terms = dict[int, float]


@dataclass(slots=True, kw_only=True)
class Laminar:
    """Columns from zero to `upper`, rows between their limits, and the goals in their order."""

    site: Site
    places: dict[Place, int] = field(default_factory=dict)
    upper: list[float] = field(default_factory=list)
    whole: list[bool] = field(default_factory=list)
    entries: list[tuple[int, int, float]] = field(default_factory=list)
    limits: list[tuple[float, float]] = field(default_factory=list)
    unserved: dict[int, _Terms] = field(default_factory=dict)
    survival: _Terms = field(default_factory=dict)
    gold: _Terms = field(default_factory=dict)
    money: _Terms = field(default_factory=dict)

    @classmethod
    def of(cls, snapshot: Snapshot) -> Laminar:
        """Write down the program of a snapshot whose models have one class each."""
        if any(len(model.classes) > 1 for model in snapshot.models):
            raise ValueError("the laminar program takes models of one class of requests")
        program = cls(site=Site.of(snapshot))
        _write_pools(program)
        by_model = defaultdict[str, list[Place]](list)
        for place in program.places:
            by_model[place[0]].append(place)
        for model in snapshot.models:
            _write_model(program, model, by_model[model.model])
        return program

    @property
    def stages(self) -> tuple[_Terms, ...]:
        """The goals before money, the first to be met first."""
        priorities = sorted(self.unserved, reverse=True)
        return (*(self.unserved[it] for it in priorities), self.survival, self.gold)

    @property
    def matrix(self) -> csc_array:
        """The rows as a sparse matrix."""
        rows, columns, weights = zip(*self.entries, strict=True)
        shape = (len(self.limits), len(self.upper))
        return coo_array((weights, (rows, columns)), shape=shape).tocsc()

    def cost(self, *goals: tuple[_Terms, float]) -> Floats:
        """Return the weight of each column in a sum of weighted goals."""
        cost = np.zeros(len(self.upper))
        for terms, weight in goals:
            for column, factor in terms.items():
                cost[column] += weight * factor
        return cost

    def placements(self, values: Floats) -> tuple[Placement, ...]:
        """Return the replicas of a solution."""
        return tuple(
            Placement(model=model, config=config, pool=pool, replicas=count)
            for (model, config, pool), column in self.places.items()
            if (count := round(float(values[column]))) > 0
        )

    def column(self, *, upper: float = math.inf, whole: bool = False) -> int:
        """Add a column and return its number."""
        self.upper.append(upper)
        self.whole.append(whole)
        return len(self.upper) - 1

    def add(self, terms: _Terms, *, least: float = -math.inf, most: float = math.inf) -> None:
        """Add a row."""
        at = len(self.limits)
        self.entries += [(at, column, weight) for column, weight in terms.items() if weight]
        self.limits.append((least, most))


def _write_pools(program: Laminar) -> None:
    site = program.site
    opportunity = float(site.snapshot.policy.opportunity_cost_per_gpu_hour)
    running = {(it.model, it.config, it.pool): it.replicas for it in site.snapshot.current}
    used = defaultdict[str, _Terms](dict)
    for place, most in _places(site):
        gpus = site.gpus(place, 1)
        column = program.places[place] = program.column(upper=most, whole=True)
        start_cost = float(site.models[place[0]].start_cost)
        program.money[column] = opportunity * gpus + start_cost
        if (kept := min(most, running.get(place, 0))) > 0 and start_cost > 0:
            stays = program.column(upper=kept)
            program.money[stays] = -start_cost
            program.add({column: 1.0, stays: -1.0}, least=0.0)
        used[place[2]][column] = float(gpus)
    for name, terms in used.items():
        pool = site.pools[name]
        if pool.kind is PoolKind.CONTRACT:
            program.add(terms, most=pool.capacity_gpus)
            continue
        steps = program.column(upper=pool.capacity_gpus // pool.step_gpus, whole=True)
        program.money[steps] = float(pool.price_per_gpu_hour * pool.step_gpus)
        program.add({**terms, steps: -float(pool.step_gpus)}, most=0.0)


def _places(site: Site) -> Iterator[tuple[Place, int]]:
    by_gpu = defaultdict[str, list[str]](list)
    for pool in site.snapshot.pools:
        if site.lasts(pool):
            by_gpu[pool.gpu_model].append(pool.pool)
    for model in site.snapshot.models:
        for config in model.configs:
            for name in by_gpu[config.gpu_model]:
                most = site.pools[name].capacity_gpus // config.gpus
                is_refused = site.pools[name].kind is PoolKind.SPOT and model.max_spot_share == 0
                if most > 0 and not is_refused:
                    yield (model.model, config.config, name), most


def _write_model(program: Laminar, model: Model, places: list[Place]) -> None:
    site = program.site
    strengths = [(it, program.places[it], site.strength(it) / UNIT) for it in places]
    needed = defaultdict[str, float](float)
    for (_, _, node), tokens in site.needed(model).items():
        needed[node] += tokens / UNIT
    short = {node: program.column() for node in needed}
    program.unserved.setdefault(model.priority, {}).update(dict.fromkeys(short.values(), 1.0))
    for node in needed:
        below = [other for other in needed if site.is_under(other, node)]
        terms = _inside(site, strengths, node)
        terms |= {short[other]: 1.0 for other in below}
        program.add(terms, least=sum(needed[other] for other in below))
    _write_survival(program, model, strengths)
    raw = site.raw_demand(model.model) / UNIT
    spot, gold = _Terms(), _Terms()
    for place, column, strength in strengths:
        pool = site.pools[place[2]]
        if pool.kind is PoolKind.SPOT:
            spot[column] = strength
        if site.is_firm_gold(pool):
            gold[column] = strength
    program.add(spot, most=model.max_spot_share * raw)
    if model.min_gold_share > 0:
        missing = program.column()
        program.gold[missing] = 1.0
        program.add({**gold, missing: 1.0}, least=model.min_gold_share * raw)


def _write_survival(
    program: Laminar, model: Model, strengths: list[tuple[Place, int, float]]
) -> None:
    """Write a row for each scope and each provider in it, over what the scope has in all."""
    site = program.site
    for scope in sorted({site.scope_of(model, it.node) for it in site.demand[model.model]}):
        promised = model.survival * site.raw_demand(model.model, scope=scope) / UNIT
        inside = _inside(site, strengths, scope)
        activity = program.column()
        program.add({**inside, activity: -1.0}, least=0.0, most=0.0)
        by_provider = defaultdict[str, _Terms](dict)
        for place, column, strength in strengths:
            if column in inside:
                by_provider[site.pools[place[2]].provider][column] = -strength
        for provider in site.snapshot.providers:
            missing = program.column()
            program.survival[missing] = 1.0
            terms = {activity: 1.0, missing: 1.0, **by_provider[provider.provider]}
            program.add(terms, least=promised)


def _inside(site: Site, strengths: list[tuple[Place, int, float]], node: str) -> _Terms:
    return {
        column: strength
        for place, column, strength in strengths
        if site.is_under(site.pools[place[2]].node, node)
    }
