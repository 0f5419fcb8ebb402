"""The figures by which people compare plans, and two plans beside each other."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from broker.placement.plan import Plan, PlanStatus
from broker.placement.recount import Site
from broker.placement.snapshot import Snapshot
from broker.placement.what_if import Change, compared


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFigures:
    """A plan in few numbers: dollars per hour, tokens per second, GPUs, fractions of one.

    `served_share` is of the demand with its headroom; None where nothing is asked for.
    """

    status: PlanStatus
    new: Decimal
    starts: Decimal
    opportunity: Decimal
    money: Decimal
    sunk: Decimal
    bound: float
    gap_variable: float | None
    gap_managed: float | None
    served_share: float | None
    unserved: float
    survival_shortfall: float
    gold_shortfall: float
    gpus_bought: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SideBySide:
    """Two plans by their figures, and the replicas that only one of them runs."""

    changes: tuple[str, ...]
    before: PlanFigures
    after: PlanFigures
    replicas_started: int
    replicas_stopped: int


def figures_of(snapshot: Snapshot, plan: Plan) -> PlanFigures:
    """Return the figures of a plan of a snapshot."""
    cost = plan.cost_per_hour
    unserved = math.fsum(each.tokens_per_second for each in plan.unserved)
    return PlanFigures(
        status=plan.status,
        new=cost.new,
        starts=cost.starts,
        opportunity=cost.opportunity,
        money=cost.money,
        sunk=cost.sunk,
        bound=plan.bound_per_hour,
        gap_variable=plan.gap_variable,
        gap_managed=plan.gap_managed,
        served_share=_served_share(snapshot, unserved),
        unserved=unserved,
        survival_shortfall=math.fsum(each.tokens_per_second for each in plan.survival_shortfall),
        gold_shortfall=math.fsum(each.tokens_per_second for each in plan.gold_shortfall),
        gpus_bought=sum(each.gpus for each in plan.purchases),
    )


def side_by_side(
    before: tuple[Snapshot, Plan], after: tuple[Snapshot, Plan], *, changes: Iterable[Change]
) -> SideBySide:
    """Return two plans, each with its snapshot, beside each other, and what lies between them."""
    difference = compared(before[1], after[1])
    return SideBySide(
        changes=tuple(change.sentence() for change in changes),
        before=figures_of(*before),
        after=figures_of(*after),
        replicas_started=difference.replicas_started,
        replicas_stopped=difference.replicas_stopped,
    )


def _served_share(snapshot: Snapshot, unserved: float) -> float | None:
    site = Site.of(snapshot)
    needed = math.fsum(
        tokens for model in snapshot.models for tokens in site.needed(model).values()
    )
    return max(0.0, 1 - unserved / needed) if needed else None
