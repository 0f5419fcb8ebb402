"""What each short model would need: the single changes that would do, the cheapest first.

Each is worked out by itself, all else being as the plan has it. Giving up a promise costs no money
but a part of the promise; GPUs cost what such GPUs are listed at.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from broker.placement.plan import Plan
from broker.placement.recount import Site
from broker.placement.snapshot import Config, Model, Pool, PoolKind


class Lever(StrEnum):
    """What would be changed."""

    SURVIVAL = "survival"
    SCOPE = "survival-scope"
    HEADROOM = "headroom"
    GOLD_SHARE = "gold-share"
    GPUS = "gpus"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxation:
    """One change that would end one shortfall of a model.

    `given_up` is the part of the promise that goes, between 0 and 1; `dollars_per_hour` what GPUs
    would cost at the lowest listed price of their kind, None where none is listed.
    """

    model: str
    lever: Lever
    change: str
    given_up: float = 0.0
    gpus: int = 0
    dollars_per_hour: Decimal | None = None

    def sentence(self) -> str:
        """Say it."""
        if self.lever is not Lever.GPUS:
            return f"{self.model}: {self.change}"
        price = (
            "no price is listed"
            if self.dollars_per_hour is None
            else (f"about {self.dollars_per_hour:,.2f} USD an hour at the lowest listed price")
        )
        return f"{self.model}: {self.change}, {price}"


def relaxations(site: Site, plan: Plan) -> tuple[Relaxation, ...]:
    """Return, for each short model, most important first, what would end its shortfalls."""
    order = sorted(site.snapshot.models, key=lambda model: (-model.priority, model.model))
    return tuple(
        each
        for model in order
        for found in (
            _unserved(site, plan, model),
            _survival(site, plan, model),
            _gold(plan, model, site),
        )
        for each in sorted(found, key=_dearness)
    )


def _dearness(change: Relaxation) -> tuple[bool, float, Decimal]:
    """Put promises given up a little before GPUs, and GPUs before half a promise."""
    is_much = change.given_up > 0.5
    return is_much, change.given_up, change.dollars_per_hour or Decimal(0)


def _unserved(site: Site, plan: Plan, model: Model) -> Iterator[Relaxation]:
    rows = [row for row in plan.unserved if row.model == model.model]
    if not rows:
        return
    lacking = math.fsum(row.tokens_per_second for row in rows)
    needed = math.fsum(site.needed(model).values())
    factor = site.snapshot.policy.headroom_factor
    raw = site.raw_demand(model.model)
    reserve = needed - raw
    if raw and reserve >= lacking:
        kept = (needed - lacking) / raw / factor - 1
        yield Relaxation(
            model=model.model,
            lever=Lever.HEADROOM,
            change=f"with headroom {max(kept, 0):.1%} instead of {model.headroom:.1%} all is served",
            given_up=lacking / reserve,
        )
    worst = max(rows, key=lambda row: row.tokens_per_second)
    yield from _gpus(site, model, lacking, where=worst.node, class_name=worst.class_name)


def _survival(site: Site, plan: Plan, model: Model) -> Iterator[Relaxation]:
    rows = [row for row in plan.survival_shortfall if row.model == model.model]
    if not rows:
        return
    worst = max(rows, key=lambda row: row.tokens_per_second)
    demand = site.raw_demand(model.model, scope=worst.scope)
    kept = max(0.0, model.survival - worst.tokens_per_second / demand)
    yield Relaxation(
        model=model.model,
        lever=Lever.SURVIVAL,
        change=(
            f"with survival {math.floor(kept * 1000) / 1000:.1%} instead of {model.survival:.1%} "
            f"the loss of {worst.provider} in {worst.scope} is survived"
        ),
        given_up=1 - kept / model.survival,
    )
    wider = _wider_scope(site, plan, model, lost=worst.provider)
    if wider is not None and wider != worst.scope:
        yield Relaxation(
            model=model.model,
            lever=Lever.SCOPE,
            change=f"if a loss might be made up for anywhere in {wider}, it is survived",
            given_up=0.25,
        )
    yield from _gpus(
        site, model, worst.tokens_per_second, where=worst.scope, other_than=worst.provider
    )


def _wider_scope(site: Site, plan: Plan, model: Model, *, lost: str) -> str | None:
    """Return the root, if all that the model has elsewhere in the world would make up for a loss."""
    root = next(node.node for node in site.snapshot.tree if node.parent is None)
    left = math.fsum(
        site.strength((run.model, run.config, run.pool)) * run.replicas
        for run in plan.placements
        if run.model == model.model and site.pools[run.pool].provider != lost
    )
    return root if left >= model.survival * site.raw_demand(model.model) else None


def _gold(plan: Plan, model: Model, site: Site) -> Iterator[Relaxation]:
    lacking = math.fsum(
        row.tokens_per_second for row in plan.gold_shortfall if row.model == model.model
    )
    if not lacking:
        return
    kept = max(0.0, model.min_gold_share - lacking / site.raw_demand(model.model))
    yield Relaxation(
        model=model.model,
        lever=Lever.GOLD_SHARE,
        change=(
            f"with {math.floor(kept * 1000) / 1000:.1%} on gold providers instead of "
            f"{model.min_gold_share:.1%} the share is met"
        ),
        given_up=1 - kept / model.min_gold_share,
    )


def _gpus(
    site: Site,
    model: Model,
    tokens: float,
    *,
    where: str,
    class_name: str | None = None,
    other_than: str | None = None,
) -> Iterator[Relaxation]:
    """Yield the GPUs that would do, of the kind for which they cost least."""
    offers = [
        (_dollars(site, config, count), config, count)
        for config in model.configs
        for count in (_count(config, tokens, class_name),)
        if count
    ]
    if not offers:
        return
    price, config, count = min(
        offers, key=lambda offer: (offer[0] is None, offer[0] or Decimal(0), offer[1].config)
    )
    elsewhere = f" from others than {other_than}" if other_than else ""
    yield Relaxation(
        model=model.model,
        lever=Lever.GPUS,
        change=f"{count * config.gpus} more {config.gpu_model} in {where}{elsewhere} would do",
        gpus=count * config.gpus,
        dollars_per_hour=price,
    )


def _count(config: Config, tokens: float, class_name: str | None) -> int:
    """Return the replicas that do so much work, or 0 where the configuration cannot."""
    pace = (
        config.highest_tokens_per_second
        if class_name is None
        else config.tokens_per_second.get(class_name, 0.0)
    )
    return math.ceil(tokens / pace) if pace > 0 else 0


def _dollars(site: Site, config: Config, count: int) -> Decimal | None:
    prices = [
        pool.price_per_gpu_hour
        for pool in site.snapshot.pools
        if _is_listed(pool) and pool.gpu_model == config.gpu_model
    ]
    return min(prices) * count * config.gpus if prices else None


def _is_listed(pool: Pool) -> bool:
    return pool.kind in (PoolKind.ON_DEMAND, PoolKind.RESERVED)
