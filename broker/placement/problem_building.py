"""Turning a snapshot into the arrays of a problem. One site for each pool."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from broker.placement.columns_building import columns_of
from broker.placement.geography import Geography, geography_of
from broker.placement.problem import THOUSAND, Models, Offers, Problem, Rows, Scopes, Sites
from broker.placement.snapshot import Model, Pool, PoolKind, Snapshot, SurvivalScope
from broker.placement.stays import Stays, stays_of, usable_gpus

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A snapshot set out in the order of names, with its arrays."""

    snapshot: Snapshot
    pools: tuple[Pool, ...]
    models: tuple[Model, ...]
    provider_names: tuple[str, ...]
    stays: Stays
    problem: Problem


def set_out(snapshot: Snapshot) -> Stage:
    """Return the snapshot in the order of names, and its problem with one site per pool."""
    pools = tuple(sorted(snapshot.pools, key=lambda pool: pool.pool))
    models = tuple(sorted(snapshot.models, key=lambda model: model.model))
    providers = tuple(sorted(provider.provider for provider in snapshot.providers))
    stays = stays_of(snapshot, pools)
    geography = geography_of(snapshot.tree)
    demand = _demand_by_model(snapshot)
    sites, offers = _sites_of(snapshot, pools, geography, stays)
    rows = _rows_of(snapshot, models, demand, geography)
    scopes = _scopes_of(snapshot, models, rows, geography)
    facts = _facts_of(models, rows, demand)
    configs = tuple(tuple(sorted(config.config for config in model.configs)) for model in models)
    count = len(models)
    first_row = np.searchsorted(rows.model, np.arange(count + 1))
    first_scope = np.searchsorted(scopes.model, np.arange(count + 1))
    columns = columns_of(
        models,
        pools,
        sites=sites,
        facts=facts,
        rows=rows,
        scopes=scopes,
        geography=geography,
        stays=stays,
    )
    problem = Problem(
        geography=geography,
        providers=len(providers),
        models=facts,
        configs=configs,
        sites=sites,
        offers=offers,
        rows=rows,
        scopes=scopes,
        columns=columns,
        first_column=np.searchsorted(columns.model, np.arange(count + 1)),
        first_row=first_row,
        first_scope=first_scope,
        opportunity=float(snapshot.policy.opportunity_cost_per_gpu_hour),
    )
    return Stage(
        snapshot=snapshot,
        pools=pools,
        models=models,
        provider_names=providers,
        stays=stays,
        problem=problem,
    )


_Wanted = Mapping[str, Mapping[tuple[str, str], float]]


def _demand_by_model(snapshot: Snapshot) -> _Wanted:
    wanted: dict[str, dict[tuple[str, str], float]] = defaultdict(lambda: defaultdict(float))
    for row in sorted(snapshot.demand, key=lambda row: (row.model, row.class_name, row.node)):
        if row.tokens_per_second > 0:
            wanted[row.model][row.class_name, row.node] += row.tokens_per_second / THOUSAND
    return wanted


def _sites_of(
    snapshot: Snapshot, pools: Sequence[Pool], geography: Geography, stays: Stays
) -> tuple[Sites, Offers]:
    node = {name: index for index, name in enumerate(geography.names)}
    provider_names = sorted(provider.provider for provider in snapshot.providers)
    provider = {name: index for index, name in enumerate(provider_names)}
    gold = {entry.provider for entry in snapshot.providers if entry.is_gold}
    gpu = {name: i for i, name in enumerate(sorted({pool.gpu_model for pool in pools}))}
    open_gpus = _open_gpus(snapshot, pools, stays)
    is_bought = np.array([pool.kind.is_bought for pool in pools], dtype=np.bool_)
    sites = Sites(
        provider=_ints(provider[pool.provider] for pool in pools),
        node=_ints(node[pool.node] for pool in pools),
        gpu=_ints(gpu[pool.gpu_model] for pool in pools),
        is_spot=np.array([pool.kind is PoolKind.SPOT for pool in pools], dtype=np.bool_),
        is_gold=np.array(
            [pool.kind.is_firm and pool.provider in gold for pool in pools], dtype=np.bool_
        ),
        availability=np.array([pool.availability for pool in pools], dtype=np.float64),
        paid=np.where(is_bought, 0, open_gpus),
        gpus=open_gpus,
    )
    bought = np.flatnonzero(is_bought & (open_gpus > 0))
    steps = _ints(pool.step_gpus for pool in pools)
    prices = np.array([float(pool.price_per_gpu_hour) for pool in pools], dtype=np.float64)
    offers = Offers(site=bought, gpus=open_gpus[bought], step=steps[bought], price=prices[bought])
    return sites, offers


def _open_gpus(snapshot: Snapshot, pools: Sequence[Pool], stays: Stays) -> Ints:
    gpus = {
        (model.model, config.config): config.gpus
        for model in snapshot.models
        for config in model.configs
    }
    kept: dict[str, int] = defaultdict(int)
    for (model, config, pool), count in stays.staying.items():
        kept[pool] += count * gpus[model, config]
    return _ints(
        -(-kept[pool.pool] // pool.step_gpus) * pool.step_gpus
        if pool.pool in stays.closed_pools
        else usable_gpus(pool)
        for pool in pools
    )


def _rows_of(
    snapshot: Snapshot, models: Sequence[Model], demand: _Wanted, geography: Geography
) -> Rows:
    node = {name: index for index, name in enumerate(geography.names)}
    found = []
    for number, model in enumerate(models):
        asked = demand.get(model.model, {})
        classes = sorted({class_name for class_name, _ in asked})
        factor = (1 + model.headroom) * snapshot.policy.headroom_factor
        for (class_name, place), raw in asked.items():
            found.append((number, classes.index(class_name), node[place], raw * factor, raw))
    found.sort()
    return Rows(
        model=_ints(row[0] for row in found),
        class_number=_ints(row[1] for row in found),
        node=_ints(row[2] for row in found),
        need=np.array([row[3] for row in found], dtype=np.float64),
        raw=np.array([row[4] for row in found], dtype=np.float64),
    )


def _scopes_of(
    snapshot: Snapshot, models: Sequence[Model], rows: Rows, geography: Geography
) -> Scopes:
    """Return the scopes of all demand rows; a row without demand today still has its scope."""
    number = {name: index for index, name in enumerate(geography.names)}
    asked: dict[str, set[int]] = defaultdict(set)
    for row in snapshot.demand:
        asked[row.model].add(number[row.node])
    found: list[tuple[int, int, float]] = []
    for index, model in enumerate(models):
        mine = np.flatnonzero(rows.model == index)
        if model.survival <= 0 or not len(mine):
            continue
        for scope in sorted({_scope(node, model, geography) for node in asked[model.model]}):
            inside = mine[geography.covers[scope, rows.node[mine]]]
            found.append((index, scope, model.survival * float(rows.raw[inside].sum())))
    found = [scope for scope in found if scope[2] > 0]
    return Scopes(
        model=_ints(scope[0] for scope in found),
        node=_ints(scope[1] for scope in found),
        required=np.array([scope[2] for scope in found], dtype=np.float64),
    )


def _scope(node: int, model: Model, geography: Geography) -> int:
    if model.survival_scope is SurvivalScope.NODE:
        return node
    if model.survival_scope is SurvivalScope.PARENT:
        return int(geography.parent[node])
    return geography.root_of(node)


def _facts_of(models: Sequence[Model], rows: Rows, demand: _Wanted) -> Models:
    total = np.bincount(rows.model, rows.raw, minlength=len(models)).astype(np.float64)
    return Models(
        names=tuple(model.model for model in models),
        priority=_ints(model.priority for model in models),
        start_cost=np.array([float(model.start_cost) for model in models], dtype=np.float64),
        spot_limit=total * np.array([model.max_spot_share for model in models], dtype=np.float64),
        gold_floor=total * np.array([model.min_gold_share for model in models], dtype=np.float64),
        served_classes=tuple(
            tuple(sorted({name for name, _ in demand.get(model.model, {})})) for model in models
        ),
    )


def _ints(values: object) -> Ints:
    return np.array(list(values), dtype=np.int64)  # type: ignore[call-overload]
