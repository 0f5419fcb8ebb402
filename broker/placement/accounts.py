"""What a plan buys and costs, in exact amounts from whole GPUs."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

import numpy as np

from broker.placement.plan import CostPerHour, Placement, Purchase
from broker.placement.problem_building import Stage
from broker.placement.snapshot import PoolKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_BOUND_STEP = Decimal("0.000001")


def placements_of(stage: Stage, replicas: Ints) -> tuple[Placement, ...]:
    """Return where replicas run, in the order of model, configuration and pool."""
    columns = stage.problem.columns
    return tuple(
        Placement(
            model=stage.models[columns.model[column]].model,
            config=stage.problem.configs[columns.model[column]][columns.config[column]],
            pool=stage.pools[columns.site[column]].pool,
            replicas=int(replicas[column]),
        )
        for column in np.flatnonzero(replicas)
    )


def purchases_of(stage: Stage, replicas: Ints) -> tuple[Purchase, ...]:
    """Return what must be bought: the whole steps that hold the replicas, pool by pool."""
    used = stage.problem.gpus_used(replicas)
    return tuple(
        Purchase(
            pool=pool.pool,
            gpus=-(-int(gpus) // pool.step_gpus) * pool.step_gpus,
            price_per_gpu_hour=pool.price_per_gpu_hour,
        )
        for pool, gpus in zip(stage.pools, used, strict=True)
        if pool.kind.is_bought and gpus > 0
    )


def cost_of(stage: Stage, replicas: Ints) -> CostPerHour:
    """Return what the plan costs per hour."""
    columns = stage.problem.columns
    started = np.maximum(replicas - columns.running, 0)
    starts = np.bincount(columns.model, started, minlength=len(stage.models))
    gpus = int(stage.problem.gpus_used(replicas).sum())
    return CostPerHour(
        new=sum(
            (buy.gpus * buy.price_per_gpu_hour for buy in purchases_of(stage, replicas)), Decimal(0)
        ),
        sunk=sum(
            (
                pool.capacity_gpus * pool.sunk_price_per_gpu_hour
                for pool in stage.pools
                if pool.kind is PoolKind.CONTRACT
            ),
            Decimal(0),
        ),
        starts=sum(
            (
                round(count) * model.start_cost
                for count, model in zip(starts, stage.models, strict=True)
            ),
            Decimal(0),
        ),
        opportunity=gpus * stage.snapshot.policy.opportunity_cost_per_gpu_hour,
    )


def settled_bound(stage: Stage, bound: float, money: Decimal) -> Decimal:
    """Return the bound rounded down, or the money itself where nothing lies between.

    All plans cost whole multiples of the smallest unit of the prices. A bound less than one unit
    below the plan's money therefore proves that no plan costs less.
    """
    if not np.isfinite(bound):
        return Decimal(0)
    lower = Decimal(bound).quantize(_BOUND_STEP, rounding=ROUND_FLOOR)
    unit = _smallest_unit(stage)
    if lower >= money or money - lower < unit * Decimal("0.9"):
        return money
    return max(lower, Decimal(0))


def _smallest_unit(stage: Stage) -> Decimal:
    amounts = [stage.snapshot.policy.opportunity_cost_per_gpu_hour]
    amounts += [pool.price_per_gpu_hour for pool in stage.pools if pool.kind.is_bought]
    amounts += [model.start_cost for model in stage.models]
    exponents = [amount.normalize().as_tuple().exponent for amount in amounts]
    return Decimal(1).scaleb(min(0, *(e for e in exponents if isinstance(e, int))))
