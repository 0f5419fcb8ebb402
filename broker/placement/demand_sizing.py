"""Demand to plan for: what was forecast beside what was metered, and which of the two counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from broker.placement.demand_forecast import FORECAST_QUANTILE
from broker.placement.demand_rates import DemandKey, SizedDemand
from broker.placement.quantile import SIZING_QUANTILE
from broker.placement.snapshot import Demand, Model
from broker.placement.throughput_profile import replicas_needed

METERED_FOR: Final = timedelta(days=14)
"""How far back metered use counts: two of each day of the week."""


class DemandBasis(StrEnum):
    """What a plan believes."""

    FORECAST = "forecast"
    METERED = "metered"
    HIGHER = "higher"  # of the two, so that neither a wrong forecast nor growth is missed


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandChoice:
    """What is planned for: a basis, and how sure to be of each."""

    basis: DemandBasis = DemandBasis.HIGHER
    forecast_quantile: float = FORECAST_QUANTILE
    metered_quantile: float = SIZING_QUANTILE
    metered_for: timedelta = METERED_FOR


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedDemand:
    """One demand in tokens per second; what nobody forecast or metered is None."""

    key: DemandKey
    forecast: float | None
    metered: SizedDemand | None
    tokens_per_second: float | None  # what counts; None where its basis is unknown

    def for_planning(self) -> Demand | None:
        """Return what a plan is made from; None where there is nothing to serve."""
        if not self.tokens_per_second:
            return None
        return Demand(
            model=self.key.model,
            class_name=self.key.class_name,
            node=self.key.node,
            tokens_per_second=self.tokens_per_second,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaNeed:
    """How many replicas of a configuration would serve a demand alone, headroom included."""

    config: str
    gpu_model: str
    replicas: int
    gpus: int


def planned_demand(
    forecast: Mapping[DemandKey, float], metered: Iterable[SizedDemand], *, basis: DemandBasis
) -> tuple[PlannedDemand, ...]:
    """Return every demand that was forecast or metered, by model, class and node."""
    by_key = {one.key: one for one in metered}
    return tuple(
        PlannedDemand(
            key=key,
            forecast=forecast.get(key),
            metered=by_key.get(key),
            tokens_per_second=_chosen(forecast.get(key), by_key.get(key), basis),
        )
        for key in sorted(forecast.keys() | by_key.keys())
    )


def replicas_for(planned: PlannedDemand, model: Model) -> tuple[ReplicaNeed, ...]:
    """Return the replicas of each configuration that would serve a demand alone, fewest GPUs first.

    Availability is taken as whole: where a replica runs is not known here.
    """
    needed = (planned.tokens_per_second or 0.0) * (1 + model.headroom)
    found = []
    for config in model.configs:
        delivered = config.tokens_per_second.get(planned.key.class_name)
        if delivered:
            replicas = replicas_needed(needed, delivered=delivered)
            found.append(
                ReplicaNeed(
                    config=config.config,
                    gpu_model=config.gpu_model,
                    replicas=replicas,
                    gpus=replicas * config.gpus,
                )
            )
    return tuple(sorted(found, key=lambda need: (need.gpus, need.config)))


def _chosen(
    forecast: float | None, metered: SizedDemand | None, basis: DemandBasis
) -> float | None:
    rate = None if metered is None else metered.sizing.tokens_per_second
    if basis is DemandBasis.FORECAST:
        return forecast
    if basis is DemandBasis.METERED:
        return rate
    return max((one for one in (forecast, rate) if one is not None), default=None)
