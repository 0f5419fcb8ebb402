"""Check a plan against its snapshot, sharing nothing with what made the plan.

Everything that a plan claims is worked out again from names and whole numbers: who stands where,
what is bought for it, what is served, what is left when each provider is removed in turn, what it
costs to the last decimal. A plan without violations can be carried out and is worth what it says.
"""

from __future__ import annotations

from collections.abc import Iterator

from broker.placement.checking_figures import check_cost, check_gaps, check_moves, check_status
from broker.placement.checking_ground import (
    check_capacity,
    check_leases,
    check_period,
    check_purchases,
    check_spot,
)
from broker.placement.checking_service import (
    check_gold,
    check_serving,
    check_survival,
    check_unserved,
)
from broker.placement.plan import Placement, Plan, Serving
from broker.placement.recount import Site
from broker.placement.snapshot import Snapshot
from broker.placement.violations import Violation, Wrong

_CHECKS = (
    check_capacity,
    check_period,
    check_leases,
    check_purchases,
    check_spot,
    check_serving,
    check_unserved,
    check_survival,
    check_gold,
    check_cost,
    check_moves,
)


def check_plan(snapshot: Snapshot, plan: Plan) -> tuple[Violation, ...]:
    """Return everything that is wrong with the plan; nothing when it can be trusted.

    A plan that speaks of what the snapshot does not hold is not counted any further.
    """
    site = Site.of(snapshot)
    unreadable = (*_unknown_names(site, plan), *_odd_counts(plan))
    if unreadable:
        return unreadable
    found = [violation for check in _CHECKS for violation in check(site, plan)]
    return (*found, *check_gaps(plan), *check_status(plan))


def _unknown_names(site: Site, plan: Plan) -> Iterator[Violation]:
    rows = {(row.model, row.class_name, row.node) for row in site.snapshot.demand}
    providers = {provider.provider for provider in site.snapshot.providers}
    known = {
        "placements": [_is_place(site, it) for it in plan.placements],
        "purchases": [it.pool in site.pools for it in plan.purchases],
        "serving": [
            _is_place(site, it) and (it.model, it.class_name, it.node) in rows
            for it in plan.serving
        ],
        "unserved": [(it.model, it.class_name, it.node) in rows for it in plan.unserved],
        "survival_shortfall": [
            it.model in site.models and it.scope in site.ways and it.provider in providers
            for it in plan.survival_shortfall
        ],
        "gold_shortfall": [it.model in site.models for it in plan.gold_shortfall],
        "shadow_prices": [it.pool in site.pools for it in plan.shadow_prices],
        "moves": [it.model in site.models for it in plan.moves],
    }
    for part, answers in known.items():
        for at, answer in enumerate(answers):
            if not answer:
                yield Violation(
                    code=Wrong.UNKNOWN_NAME,
                    where=f"{part}[{at}]",
                    message="names something that the snapshot does not hold; "
                    "check the plan against the snapshot that it was made from",
                )


def _is_place(site: Site, line: Placement | Serving) -> bool:
    return (line.model, line.config) in site.configs and line.pool in site.pools


def _odd_counts(plan: Plan) -> Iterator[Violation]:
    counts: dict[str, list[float]] = {
        "placements": [it.replicas for it in plan.placements],
        "purchases": [it.gpus for it in plan.purchases],
        "serving": [it.tokens_per_second for it in plan.serving],
        "unserved": [it.tokens_per_second for it in plan.unserved],
        "survival_shortfall": [it.tokens_per_second for it in plan.survival_shortfall],
        "gold_shortfall": [it.tokens_per_second for it in plan.gold_shortfall],
        "moves": [it.replicas for it in plan.moves],
    }
    for part, numbers in counts.items():
        for at, number in enumerate(numbers):
            if not number > 0:
                yield Violation(
                    code=Wrong.NOT_POSITIVE,
                    where=f"{part}[{at}]",
                    message=f"counts {number}; what is not there is left out of a plan",
                )
