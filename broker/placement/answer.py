"""Writing a solution down as a plan."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from broker.placement.accounts import cost_of, placements_of, purchases_of, settled_bound
from broker.placement.moving import moves_of
from broker.placement.plan import (
    CostPerHour,
    GoldShortfall,
    Placement,
    Plan,
    PlanStatus,
    Purchase,
    Seconds,
    ShadowPrice,
    SurvivalShortfall,
    Unserved,
)
from broker.placement.problem import THOUSAND
from broker.placement.problem_building import Stage
from broker.placement.serving import serving_of
from broker.placement.shortfall import Standing, standing_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """Replicas by column, what is proven about them, and what a GPU is worth at each site."""

    replicas: Ints
    bound: float
    gpu_values: Floats
    reasons: tuple[str, ...] = ()


def written(stage: Stage, solution: Solution, seconds: Seconds) -> Plan:
    """Return the plan: whole GPUs, exact money, what lacks and why."""
    replicas = solution.replicas
    placements, purchases = placements_of(stage, replicas), purchases_of(stage, replicas)
    cost, standing = cost_of(stage, replicas), standing_of(stage.problem, replicas)
    bound = settled_bound(stage, solution.bound, cost.money)
    return Plan(
        status=_status(standing, bound=bound, money=cost.money),
        digest=digest_of(placements, purchases),
        placements=placements,
        purchases=purchases,
        serving=serving_of(stage, replicas),
        unserved=tuple(_unserved(stage, standing)),
        survival_shortfall=tuple(_survival(stage, standing)),
        gold_shortfall=tuple(_gold(stage, standing)),
        cost_per_hour=cost,
        bound_per_hour=float(bound),
        gap_variable=_gap(cost, bound, bound),
        gap_managed=_gap(cost, bound, bound + cost.sunk),
        shadow_prices=tuple(_shadow_prices(stage, solution.gpu_values)),
        moves=moves_of(stage, replicas),
        reasons=(*stage.stays.reasons, *solution.reasons),
        seconds=seconds,
    )


def digest_of(placements: Sequence[Placement], purchases: Sequence[Purchase]) -> str:
    """Return the hash of what is to be done, the same whatever the order it is listed in."""
    runs = sorted((run.model, run.config, run.pool, run.replicas) for run in placements)
    buys = sorted((buy.pool, buy.gpus) for buy in purchases)
    text = json.dumps({"placements": runs, "purchases": buys}, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _status(standing: Standing, *, bound: Decimal, money: Decimal) -> PlanStatus:
    if standing.is_short:
        return PlanStatus.SHORT
    return PlanStatus.OPTIMAL if bound >= money else PlanStatus.FEASIBLE


def _gap(cost: CostPerHour, bound: Decimal, measure: Decimal) -> float | None:
    left = cost.money - bound
    if left <= 0:
        return 0.0
    return float(left / measure) if measure > 0 else None


def _unserved(stage: Stage, standing: Standing) -> Iterator[Unserved]:
    problem = stage.problem
    for model, short in enumerate(standing.by_model):
        asked = problem.rows_of(model)
        for index in np.flatnonzero(short.unserved):
            row = asked.start + int(index)
            yield Unserved(
                model=stage.models[model].model,
                class_name=problem.models.served_classes[model][problem.rows.class_number[row]],
                node=problem.geography.names[problem.rows.node[row]],
                tokens_per_second=float(short.unserved[index]) * THOUSAND,
            )


def _survival(stage: Stage, standing: Standing) -> Iterator[SurvivalShortfall]:
    problem = stage.problem
    for model, short in enumerate(standing.by_model):
        watched = problem.scopes_of(model)
        for scope, provider in zip(*np.nonzero(short.survival), strict=True):
            yield SurvivalShortfall(
                model=stage.models[model].model,
                scope=problem.geography.names[problem.scopes.node[watched.start + scope]],
                provider=stage.provider_names[provider],
                tokens_per_second=float(short.survival[scope, provider]) * THOUSAND,
            )


def _gold(stage: Stage, standing: Standing) -> Iterator[GoldShortfall]:
    for model, short in enumerate(standing.by_model):
        if short.gold:
            yield GoldShortfall(
                model=stage.models[model].model, tokens_per_second=short.gold * THOUSAND
            )


def _shadow_prices(stage: Stage, values: Floats) -> Iterator[ShadowPrice]:
    wanted = np.zeros(len(stage.pools), dtype=np.bool_)
    gpu_models = {config.gpu_model for model in stage.models for config in model.configs}
    for index, pool in enumerate(stage.pools):
        wanted[index] = pool.gpu_model in gpu_models
    for site in np.flatnonzero(wanted):
        yield ShadowPrice(pool=stage.pools[site].pool, value_per_gpu_hour=float(values[site]))
