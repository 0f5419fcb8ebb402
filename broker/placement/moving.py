"""What a plan changes against what runs now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from broker.placement.plan import Move
from broker.placement.problem_building import Stage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

Spot = tuple[str, str]
"""A configuration and a pool."""


def moves_of(stage: Stage, replicas: Ints) -> tuple[Move, ...]:
    """Pair what stops with what starts, model by model, in the order of names."""
    change: dict[str, dict[Spot, int]] = defaultdict(lambda: defaultdict(int))
    for (model, config, pool), count in stage.stays.running.items():
        change[model][config, pool] -= count
    columns = stage.problem.columns
    for column in np.flatnonzero(replicas):
        number = int(columns.model[column])
        spot = (
            stage.problem.configs[number][columns.config[column]],
            stage.pools[columns.site[column]].pool,
        )
        change[stage.models[number].model][spot] += int(replicas[column])
    prices = _Prices(stage)
    return tuple(
        move for model in sorted(change) for move in _model_moves(model, change[model], prices)
    )


class _Prices:
    def __init__(self, stage: Stage) -> None:
        self._opportunity = stage.snapshot.policy.opportunity_cost_per_gpu_hour
        self._pools = {pool.pool: pool for pool in stage.pools}
        self._gpus = {
            (model.model, config.config): config.gpus
            for model in stage.models
            for config in model.configs
        }
        self._starts = {model.model: model.start_cost for model in stage.models}

    def running(self, model: str, spot: Spot | None) -> Decimal:
        """Return what a replica costs per hour there; a pool that is gone costs nothing."""
        if spot is None or spot[1] not in self._pools or (model, spot[0]) not in self._gpus:
            return Decimal(0)
        price = self._pools[spot[1]].marginal_price_per_gpu_hour
        return self._gpus[model, spot[0]] * (price + self._opportunity)

    def start(self, model: str, spot: Spot | None) -> Decimal:
        return Decimal(0) if spot is None else self._starts.get(model, Decimal(0))


def _model_moves(model: str, change: dict[Spot, int], prices: _Prices) -> Iterator[Move]:
    for source, target, count in _pairs(change):
        saved = (
            prices.running(model, source)
            - prices.running(model, target)
            - prices.start(model, target)
        )
        yield Move(
            model=model,
            source=_said(source),
            target=_said(target),
            replicas=count,
            saves_per_hour=count * saved,
        )


def _pairs(change: dict[Spot, int]) -> Iterator[tuple[Spot | None, Spot | None, int]]:
    stops = {spot: -count for spot, count in sorted(change.items()) if count < 0}
    starts = {spot: count for spot, count in sorted(change.items()) if count > 0}
    while stops and starts:
        source, target = next(iter(stops)), next(iter(starts))
        count = min(stops[source], starts[target])
        yield source, target, count
        for left, spot in ((stops, source), (starts, target)):
            left[spot] -= count
            if not left[spot]:
                del left[spot]
    for source, count in stops.items():
        yield source, None, count
    for target, count in starts.items():
        yield None, target, count


def _said(spot: Spot | None) -> str | None:
    return None if spot is None else f"{spot[0]} on {spot[1]}"
