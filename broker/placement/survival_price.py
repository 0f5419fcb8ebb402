"""Which provider and scope make survival dear: capacity that is there only for the day of a loss.

In a scope whose largest provider is relied on as far as the promise allows, everything beyond what
the demand itself needs is held for survival. It is valued at what the dearest GPUs in the scope
cost, for those are the ones that the plan would drop first.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from broker.placement.plan import Plan
from broker.placement.recount import Place, Site, by_model, replicas_of
from broker.placement.snapshot import Model

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalPrice:
    """What survival costs a model in a scope, and whose loss it is for.

    `spare` is what would be left beyond the promise if that provider were lost; `held` what is
    there beyond the need of the demand, both in tokens per second.
    """

    model: str
    scope: str
    provider: str
    provider_share: float
    spare: float
    held: float
    dollars_per_hour: Decimal

    def sentence(self) -> str:
        """Say it."""
        return (
            f"{self.model} holds {self.held:,.0f} tokens per second in {self.scope} only to survive "
            f"the loss of {self.provider}, which has {self.provider_share:.0%} of it there: "
            f"{self.dollars_per_hour} USD an hour"
        )


def survival_prices(site: Site, plan: Plan) -> tuple[SurvivalPrice, ...]:
    """Return what survival costs, the dearest first; nothing where it costs nothing."""
    own = by_model(replicas_of(plan.placements))
    found = []
    for model in site.snapshot.models:
        rows = site.demand.get(model.model, ())
        for scope in sorted({site.scope_of(model, row.node) for row in rows}):
            price = _price_in(site, model, scope, own.get(model.model, {}))
            if price is not None and price.dollars_per_hour > 0:
                found.append(price)
    return tuple(sorted(found, key=lambda each: (-each.dollars_per_hour, each.model, each.scope)))


def _price_in(
    site: Site, model: Model, scope: str, replicas: dict[Place, int]
) -> SurvivalPrice | None:
    inside = {
        place: count
        for place, count in replicas.items()
        if site.is_under(site.pools[place[2]].node, scope)
    }
    strengths = defaultdict[str, float](float)
    for place, count in inside.items():
        strengths[site.pools[place[2]].provider] += site.strength(place) * count
    if not strengths or model.survival <= 0:
        return None
    provider = max(sorted(strengths), key=lambda name: strengths[name])
    total = math.fsum(strengths.values())
    promised = model.survival * site.raw_demand(model.model, scope=scope)
    spare = total - strengths[provider] - promised
    one = min(site.strength(place) for place in inside)
    needed = math.fsum(
        tokens for (_, _, node), tokens in site.needed(model).items() if site.is_under(node, scope)
    )
    held = total - needed
    if spare >= one or held < one:
        return None
    return SurvivalPrice(
        model=model.model,
        scope=scope,
        provider=provider,
        provider_share=strengths[provider] / total,
        spare=spare,
        held=held,
        dollars_per_hour=_dearest(site, inside, held).quantize(_CENT),
    )


def _dearest(site: Site, replicas: dict[Place, int], tokens: float) -> Decimal:
    """Return what the dearest replicas cost that together do this much work."""
    opportunity = site.snapshot.policy.opportunity_cost_per_gpu_hour

    def dollars(place: Place) -> Decimal:
        price = site.pools[place[2]].marginal_price_per_gpu_hour + opportunity
        return price * site.gpus(place, 1)

    total, left = Decimal(0), tokens
    by_price = sorted(
        replicas, key=lambda place: (-dollars(place) / Decimal(site.strength(place)), place)
    )
    for place in by_price:
        count = min(replicas[place], int(left // site.strength(place)))
        total += dollars(place) * count
        left -= site.strength(place) * count
    return total
