"""Recount: a snapshot by its names, and what replicas on it come to, counted one by one.

The ground of the checker. It knows nothing of how plans are made: no matrices, no solver of the
builder, only names, whole numbers and additions that can be followed with a pencil.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from broker.placement.plan import Placement
from broker.placement.snapshot import (
    Config,
    Demand,
    Model,
    Pool,
    PoolKind,
    Running,
    Snapshot,
    SurvivalScope,
)

Place = tuple[str, str, str]
"""Model, config and pool of replicas."""

Row = tuple[str, str, str]
"""Model, class and node of demand."""

Replicas = Mapping[Place, int]


@dataclass(frozen=True, slots=True)
class Site:
    """A snapshot with its parts by name."""

    snapshot: Snapshot
    ways: Mapping[str, tuple[str, ...]]  # of each node: itself, its parent, and so on to the root
    pools: Mapping[str, Pool]
    models: Mapping[str, Model]
    configs: Mapping[tuple[str, str], Config]
    gold: frozenset[str]
    demand: Mapping[str, tuple[Demand, ...]]

    @classmethod
    def of(cls, snapshot: Snapshot) -> Self:
        """Return the snapshot by its names."""
        demand = defaultdict[str, list[Demand]](list)
        for row in snapshot.demand:
            demand[row.model].append(row)
        return cls(
            snapshot=snapshot,
            ways=_ways_up({node.node: node.parent for node in snapshot.tree}),
            pools={pool.pool: pool for pool in snapshot.pools},
            models={model.model: model for model in snapshot.models},
            configs={
                (model.model, config.config): config
                for model in snapshot.models
                for config in model.configs
            },
            gold=frozenset(it.provider for it in snapshot.providers if it.is_gold),
            demand={model: tuple(rows) for model, rows in demand.items()},
        )

    def is_under(self, node: str, other: str) -> bool:
        """Say whether the node is the other one or lies below it."""
        return other in self.ways[node]

    def scope_of(self, model: Model, node: str) -> str:
        """Return the node inside which a lost provider must be made up for."""
        if model.survival_scope is SurvivalScope.NODE:
            return node
        way = self.ways[node]
        if model.survival_scope is SurvivalScope.PARENT:
            return way[min(1, len(way) - 1)]
        return way[-1]

    def needed(self, model: Model) -> dict[Row, float]:
        """Return what must be served: demand with the headroom of its model and of the policy."""
        factor = (1 + model.headroom) * self.snapshot.policy.headroom_factor
        needed = defaultdict[Row, float](float)
        for row in self.demand.get(model.model, ()):
            needed[model.model, row.class_name, row.node] += row.tokens_per_second * factor
        return dict(needed)

    def raw_demand(self, model: str, *, scope: str | None = None) -> float:
        """Return the model's demand without headroom, of all rows or of those inside a scope."""
        return math.fsum(
            row.tokens_per_second
            for row in self.demand.get(model, ())
            if scope is None or self.is_under(row.node, scope)
        )

    def lasts(self, pool: Pool) -> bool:
        """Say whether the pool is there for the whole planned period."""
        begins = self.snapshot.as_of
        ends = begins + timedelta(hours=self.snapshot.policy.period_hours)
        return (pool.starts_at is None or pool.starts_at <= begins) and (
            pool.ends_at is None or pool.ends_at >= ends
        )

    def is_firm_gold(self, pool: Pool) -> bool:
        """Say whether the pool is firm and of a gold provider."""
        return pool.provider in self.gold and pool.kind is not PoolKind.SPOT

    def strength(self, place: Place) -> float:
        """Return what one replica there counts with for survival and shares."""
        model, config, pool = place
        best = max(self.configs[model, config].tokens_per_second.values(), default=0.0)
        return best * self.pools[pool].availability

    def gpus(self, place: Place, replicas: int) -> int:
        """Return the GPUs that so many replicas take."""
        return self.configs[place[0], place[1]].gpus * replicas


def replicas_of(placed: Iterable[Placement | Running]) -> dict[Place, int]:
    """Return how many replicas stand where, lines of the same place added up."""
    replicas = defaultdict[Place, int](int)
    for line in placed:
        replicas[line.model, line.config, line.pool] += line.replicas
    return dict(replicas)


def must_stay(snapshot: Snapshot) -> dict[Place, int]:
    """Return how many replicas hold leases that may not be given back, and where."""
    return {(line.model, line.config, line.pool): line.must_stay for line in snapshot.current}


def used_gpus(site: Site, replicas: Replicas) -> dict[str, int]:
    """Return the GPUs in use by pool."""
    used = defaultdict[str, int](int)
    for place, count in replicas.items():
        used[place[2]] += site.gpus(place, count)
    return dict(used)


def by_model(replicas: Replicas) -> dict[str, dict[Place, int]]:
    """Return the replicas of each model."""
    own = defaultdict[str, dict[Place, int]](dict)
    for place, count in replicas.items():
        own[place[0]][place] = count
    return dict(own)


def survival_shortfalls(site: Site, replicas: Replicas) -> dict[tuple[str, str, str], float]:
    """Return what lacks by model, scope and lost provider, where anything does.

    Each provider is removed in turn, and what the other ones have in the scope is counted anew.
    """
    short: dict[tuple[str, str, str], float] = {}
    own = by_model(replicas)
    for model in site.snapshot.models:
        standing = [
            (site.pools[place[2]], site.strength(place) * count)
            for place, count in own.get(model.model, {}).items()
        ]
        rows = site.demand.get(model.model, ())
        for scope in sorted({site.scope_of(model, row.node) for row in rows}):
            promised = model.survival * site.raw_demand(model.model, scope=scope)
            inside = [
                (pool.provider, strength)
                for pool, strength in standing
                if site.is_under(pool.node, scope)
            ]
            for lost in site.snapshot.providers:
                left = math.fsum(
                    strength for provider, strength in inside if provider != lost.provider
                )
                if promised > left:
                    short[model.model, scope, lost.provider] = promised - left
    return short


def gold_shortfalls(site: Site, replicas: Replicas) -> dict[str, float]:
    """Return what lacks of each model's share on firm pools of gold providers."""
    short: dict[str, float] = {}
    own = by_model(replicas)
    for model in site.snapshot.models:
        held = math.fsum(
            site.strength(place) * count
            for place, count in own.get(model.model, {}).items()
            if site.is_firm_gold(site.pools[place[2]])
        )
        promised = model.min_gold_share * site.raw_demand(model.model)
        if promised > held:
            short[model.model] = promised - held
    return short


def spot_strengths(site: Site, replicas: Replicas) -> dict[str, float]:
    """Return what each model's replicas on spot count with, where it has any."""
    return {
        model: math.fsum(
            site.strength(place) * count
            for place, count in mine.items()
            if site.pools[place[2]].kind is PoolKind.SPOT
        )
        for model, mine in by_model(replicas).items()
    }


def _ways_up(parents: Mapping[str, str | None]) -> dict[str, tuple[str, ...]]:
    ways: dict[str, tuple[str, ...]] = {}
    for node in parents:
        way, parent = [node], parents[node]
        while parent is not None:
            way.append(parent)
            parent = parents[parent]
        ways[node] = tuple(way)
    return ways
