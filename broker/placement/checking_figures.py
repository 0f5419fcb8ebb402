"""What a plan says of itself: its cost, its bound and gaps, its status, its moves."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import fields

from broker.placement.plan import CostPerHour, Plan, PlanStatus
from broker.placement.recount import Site, replicas_of
from broker.placement.scoring import cost_of
from broker.placement.violations import SHARE_APART, Violation, Wrong

DOLLARS_APART = 0.01
"""How far above its bound an optimal plan may cost, in dollars per hour."""

GAPS_APART = 1e-6
"""How far two counts of a gap, which is a fraction, may lie apart."""


def check_cost(site: Site, plan: Plan) -> Iterator[Violation]:
    """Check each part of the cost to the last decimal."""
    bought = defaultdict[str, int](int)
    for line in plan.purchases:
        bought[line.pool] += line.gpus
    counted = cost_of(site, replicas_of(plan.placements), bought=bought)
    for field in fields(CostPerHour):
        told, right = getattr(plan.cost_per_hour, field.name), getattr(counted, field.name)
        if told != right:
            yield Violation(
                code=Wrong.WRONG_COST,
                where=f"cost_per_hour.{field.name}",
                message=f"is said to be {told} dollars per hour; it is {right}",
            )


def check_gaps(plan: Plan) -> Iterator[Violation]:
    """Check that the bound is below the money, and the gaps are those between the two."""
    money, bound = float(plan.cost_per_hour.money), plan.bound_per_hour
    if not (math.isfinite(bound) and bound <= money * (1 + SHARE_APART) + SHARE_APART):
        yield Violation(
            code=Wrong.WRONG_BOUND,
            where="bound_per_hour",
            message=f"{bound} is no lower bound of a plan that costs {money:.4f}",
        )
        return
    managed = bound + float(plan.cost_per_hour.sunk)
    for name, told, base in (
        ("gap_variable", plan.gap_variable, bound),
        ("gap_managed", plan.gap_managed, managed),
    ):
        right = _gap(money - bound, base)
        if not _same_gap(told, right):
            yield Violation(
                code=Wrong.WRONG_GAP, where=name, message=f"is said to be {told}; it is {right}"
            )


def _gap(above: float, base: float) -> float | None:
    """Return the gap; none above a bound of nothing, where no share can be taken of it."""
    if base > 0:
        return above / base
    return 0.0 if above <= DOLLARS_APART else None


def _same_gap(told: float | None, right: float | None) -> bool:
    if told is None or right is None:
        return told is right
    return math.isclose(told, right, rel_tol=GAPS_APART, abs_tol=GAPS_APART)


def check_status(plan: Plan) -> Iterator[Violation]:
    """Check that only a plan without shortfalls is feasible, and only one at its bound optimal."""
    is_short = bool(plan.unserved or plan.survival_shortfall or plan.gold_shortfall)
    above = float(plan.cost_per_hour.money) - plan.bound_per_hour
    fault = None
    if plan.status is PlanStatus.FEASIBLE and is_short:
        fault = "something is short, so the plan is not feasible but short"
    elif plan.status is PlanStatus.SHORT and not is_short:
        fault = "nothing is short"
    elif plan.status is PlanStatus.OPTIMAL and not above <= _slack(plan):
        fault = f"the bound leaves {above:.4f} dollars per hour, so the plan is not proven optimal"
    if fault is not None:
        yield Violation(code=Wrong.WRONG_STATUS, where="status", message=fault)


def _slack(plan: Plan) -> float:
    return DOLLARS_APART + SHARE_APART * float(plan.cost_per_hour.money)


def check_moves(site: Site, plan: Plan) -> Iterator[Violation]:
    """Check that the moves, where any are told, lead from what runs to what is planned."""
    if not plan.moves:
        return
    before, after = replicas_of(site.snapshot.current), replicas_of(plan.placements)
    change = defaultdict[tuple[str, str], int](int)
    for (model, config, pool), count in after.items():
        change[model, f"{config} on {pool}"] += count
    for (model, config, pool), count in before.items():
        change[model, f"{config} on {pool}"] -= count
    for move in plan.moves:
        if move.target is not None:
            change[move.model, move.target] -= move.replicas
        if move.source is not None:
            change[move.model, move.source] += move.replicas
    for (model, place), left in sorted(change.items()):
        if left:
            yield Violation(
                code=Wrong.WRONG_MOVES,
                where=f"moves of {model}, {place}",
                message=f"the moves leave {abs(left)} replicas too "
                f"{'few' if left > 0 else 'many'} there",
            )
