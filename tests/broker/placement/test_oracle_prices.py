"""What a GPU is said to be worth, beside what one more or one less of it really changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.placement_site import make_snapshot
from broker.placement.snapshot import Pool, PoolKind, Snapshot
from tests.broker.placement.relaxed import least_money
from tests.broker.placement.sites_drawn import planned

DOLLARS_APART = 0.01
SHARE_APART = 0.03
MOSTLY = 0.9
"""The part of pools whose worth is exact; where one model fills a pool, it may be told too low."""


def easier(snapshot: Snapshot) -> Snapshot:
    """Return the site with so little to serve and to promise that nothing lacks."""
    return replace(
        snapshot,
        models=tuple(
            replace(it, survival=min(it.survival, 0.4), min_gold_share=0.0)
            for it in snapshot.models
        ),
        demand=tuple(
            replace(it, tokens_per_second=it.tokens_per_second * 0.6) for it in snapshot.demand
        ),
    )


def saved_by(snapshot: Snapshot, pool: Pool, steps: int) -> float:
    """Return the dollars that each GPU of so many more steps saves, replicas divided at will."""
    more = pool.step_gpus * steps
    larger = replace(pool, capacity_gpus=pool.capacity_gpus + more)
    changed = replace(
        snapshot, pools=tuple(larger if it.pool == pool.pool else it for it in snapshot.pools)
    )
    return (least_money(snapshot) - least_money(changed)) / more


def agrees(value: float, *, more: float, less: float) -> bool:
    """Say whether the value lies between what one more step saves and what one less costs."""
    slack = DOLLARS_APART + SHARE_APART * less
    return more - slack <= value <= less + slack


@pytest.mark.parametrize(("size", "seed"), [("small", 3), ("tiny", 4)])
def test_a_gpu_is_worth_what_one_more_saves_and_one_less_costs(size: str, seed: int) -> None:
    snapshot = easier(make_snapshot(size, seed))

    worth = {it.pool: it.value_per_gpu_hour for it in planned(snapshot).shadow_prices}

    for pool in snapshot.pools:
        net = worth.get(pool.pool, 0.0) - float(pool.marginal_price_per_gpu_hour)
        more, less = saved_by(snapshot, pool, 1), saved_by(snapshot, pool, -1)
        assert agrees(max(0.0, net), more=more, less=less), pool.pool


@pytest.mark.parametrize("seed", [2, 8])
def test_a_gpu_of_a_site_too_big_for_an_exact_plan_is_never_said_to_be_worth_more(
    seed: int,
) -> None:
    snapshot = make_snapshot("modest", seed)
    plan = planned(snapshot, budget_seconds=0)
    worth = {it.pool: it.value_per_gpu_hour for it in plan.shadow_prices}

    owned = [it for it in snapshot.pools if it.kind is PoolKind.CONTRACT]
    right = 0
    for pool in owned:
        more, less = saved_by(snapshot, pool, 1), saved_by(snapshot, pool, -1)
        assert worth.get(pool.pool, 0.0) <= less * (1 + SHARE_APART) + DOLLARS_APART, pool.pool
        right += agrees(worth.get(pool.pool, 0.0), more=more, less=less)
    assert right >= MOSTLY * len(owned)


@pytest.mark.parametrize(("size", "seed"), [("modest", 2), ("modest", 8)])
def test_a_bound_is_near_what_divided_replicas_cost(size: str, seed: int) -> None:
    snapshot = make_snapshot(size, seed)

    plan = planned(snapshot, budget_seconds=0)

    assert plan.bound_per_hour <= float(plan.cost_per_hour.money)
    assert plan.bound_per_hour >= least_money(snapshot) * 0.999
