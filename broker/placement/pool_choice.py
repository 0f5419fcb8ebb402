"""Why a model runs where it does, and not on a cheaper pool.

The answer is found by trying: one replica is taken from where it runs, as many as do its work are
put on the cheaper pool, and the first rule that this would break is the reason.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from broker.placement.plan import Plan
from broker.placement.recount import (
    Place,
    Site,
    gold_shortfalls,
    replicas_of,
    spot_strengths,
    survival_shortfalls,
    used_gpus,
)
from broker.placement.snapshot import PoolKind

_MILLION = Decimal(1_000_000)
_SECONDS = Decimal(3600)
_CENT = Decimal("0.0001")
_MORE = 1e-6

K = TypeVar("K")


class Obstacle(StrEnum):
    """What keeps a replica off a cheaper pool."""

    PERIOD = "period"
    FULL = "full"
    SPOT_SHARE = "spot-share"
    SURVIVAL = "survival"
    GOLD_SHARE = "gold-share"
    STAYS = "stays"
    START = "start"
    STEPS = "steps"


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolChoice:
    """A place that is used although another is cheaper, and why.

    Prices are dollars per million tokens at full use, of what is still to be paid.
    """

    model: str
    config: str
    pool: str
    replicas: int
    price_per_million: Decimal
    cheaper_config: str
    cheaper_pool: str
    cheaper_price_per_million: Decimal
    obstacle: Obstacle
    because: str

    def sentence(self) -> str:
        """Say it."""
        return (
            f"{self.model} runs {self.replicas} x {self.config} on {self.pool} at "
            f"{self.price_per_million} USD per million tokens, not on {self.cheaper_pool} at "
            f"{self.cheaper_price_per_million}: {self.because}"
        )


def pool_choices(site: Site, plan: Plan, model: str) -> tuple[PoolChoice, ...]:
    """Return the reasons for every place of a model that is not the cheapest it could have."""
    replicas = replicas_of(plan.placements)
    own = {place: count for place, count in replicas.items() if place[0] == model}
    places = sorted(_places(site, model), key=lambda place: (_price(site, place), place))
    trial = _Trial(site, plan, model, own, used_gpus(site, replicas))
    found = []
    for place in sorted(own, key=lambda place: (_price(site, place), place)):
        cheaper = next(
            (
                other
                for other in places
                if _price(site, other) < _price(site, place) and trial.reaches(place, other)
            ),
            None,
        )
        if cheaper is not None:
            obstacle, because = trial.obstacle(place, cheaper)
            found.append(
                PoolChoice(
                    model=model,
                    config=place[1],
                    pool=place[2],
                    replicas=own[place],
                    price_per_million=_price(site, place),
                    cheaper_config=cheaper[1],
                    cheaper_pool=cheaper[2],
                    cheaper_price_per_million=_price(site, cheaper),
                    obstacle=obstacle,
                    because=because,
                )
            )
    return tuple(found)


def _places(site: Site, model: str) -> Iterator[Place]:
    for config in site.models[model].configs:
        for pool in site.snapshot.pools:
            place = (model, config.config, pool.pool)
            if pool.gpu_model == config.gpu_model and pool.capacity_gpus and site.strength(place):
                yield place


def _price(site: Site, place: Place) -> Decimal:
    pool = site.pools[place[2]]
    dollars = pool.marginal_price_per_gpu_hour
    dollars += site.snapshot.policy.opportunity_cost_per_gpu_hour
    tokens = Decimal(site.strength(place)) * _SECONDS / _MILLION
    return (dollars * site.gpus(place, 1) / tokens).quantize(_CENT)


class _Trial:
    """Moves one replica in thought, and says what would break."""

    def __init__(
        self, site: Site, plan: Plan, model: str, own: dict[Place, int], used: dict[str, int]
    ) -> None:
        self._own, self._used, self._whole = own, used, site
        self._worth = defaultdict[str, float](float)
        self._worth.update({each.pool: each.value_per_gpu_hour for each in plan.shadow_prices})
        self._served = defaultdict[Place, set[str]](set)
        for row in plan.serving:
            if row.model == model:
                self._served[row.model, row.config, row.pool].add(row.node)
        self._alone = Site.of(
            replace(
                site.snapshot,
                models=(site.models[model],),
                demand=site.demand.get(model, ()),
                current=(),
            )
        )

    def reaches(self, place: Place, other: Place) -> bool:
        """Say whether replicas at the other place could serve all that those at the first do."""
        node = self._whole.pools[other[2]].node
        return all(self._whole.is_under(node, served) for served in self._served[place])

    def obstacle(self, place: Place, cheaper: Place) -> tuple[Obstacle, str]:
        """Return what stands in the way of moving one replica, and the sentence for it."""
        site, pool = self._whole, self._whole.pools[cheaper[2]]
        if not site.lasts(pool):
            return Obstacle.PERIOD, "it is not there for the whole period"
        count = math.ceil(site.strength(place) / site.strength(cheaper) - _MORE)
        free = pool.capacity_gpus - self._used.get(pool.pool, 0)
        if free < site.gpus(cheaper, count):
            return Obstacle.FULL, (
                f"{self._used.get(pool.pool, 0)} of its {pool.capacity_gpus} GPUs are taken, and "
                f"one more there would be worth {self._worth[pool.pool]:.2f} USD an hour"
            )
        return self._broken_share(place, cheaper, count)

    def _broken_share(self, place: Place, cheaper: Place, count: int) -> tuple[Obstacle, str]:
        model = self._whole.models[place[0]]
        moved = {**self._own, place: self._own[place] - 1}
        moved[cheaper] = moved.get(cheaper, 0) + count
        limit = model.max_spot_share * self._alone.raw_demand(model.model)
        if self._whole.pools[cheaper[2]].kind is PoolKind.SPOT:
            spot = spot_strengths(self._alone, moved).get(model.model, 0.0)
            if spot > limit * (1 + _MORE):
                return Obstacle.SPOT_SHARE, (
                    f"it is spot, of which {model.max_spot_share:.0%} of the demand are allowed"
                )
        lost = _worse(
            survival_shortfalls(self._alone, moved), survival_shortfalls(self._alone, self._own)
        )
        if lost is not None:
            (_, scope, provider), lacks = lost
            return Obstacle.SURVIVAL, (
                f"{scope} would lack {lacks:,.0f} tokens per second if {provider} were lost"
            )
        if _worse(gold_shortfalls(self._alone, moved), gold_shortfalls(self._alone, self._own)):
            return Obstacle.GOLD_SHARE, (
                f"{model.min_gold_share:.0%} of the demand must be on firm GPUs of gold providers"
            )
        return self._price_of_moving(place, count)

    def _price_of_moving(self, place: Place, count: int) -> tuple[Obstacle, str]:
        snapshot, model = self._whole.snapshot, self._whole.models[place[0]]
        running = replicas_of(snapshot.current)
        stays = {(row.model, row.config, row.pool): row.must_stay for row in snapshot.current}
        if self._own[place] <= stays.get(place, 0):
            return Obstacle.STAYS, "its leases may not be given back"
        if running.get(place, 0) >= self._own[place] and model.start_cost:
            return Obstacle.START, (
                f"it runs already, and {count} new replicas would cost "
                f"{count * model.start_cost} USD an hour to start"
            )
        return Obstacle.STEPS, "moving one replica saves nothing: GPUs are bought in whole steps"


def _worse(after: dict[K, float], before: dict[K, float]) -> tuple[K, float] | None:
    grown = {
        key: lacks
        for key, lacks in after.items()
        if lacks > before.get(key, 0.0) + _MORE * (1 + lacks)
    }
    if not grown:
        return None
    return max(grown.items(), key=lambda item: item[1])
