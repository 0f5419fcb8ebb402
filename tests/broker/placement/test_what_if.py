"""What if: snapshots as they would be, and two plans beside each other."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.placement_site import make_snapshot
from broker.errors import BadInputError
from broker.placement.plan import Plan
from broker.placement.planning import make_plan
from broker.placement.snapshot import Pool, PoolKind, Snapshot
from broker.placement.what_if import (
    AddPool,
    Change,
    ClosePool,
    LoseProvider,
    ScaleDemand,
    ScalePrices,
    changed,
    compared,
    running_by,
)

SNAPSHOT = make_snapshot("tiny", 2)


def planned(snapshot: Snapshot) -> Plan:
    return make_plan(snapshot, budget_seconds=1, elapsed=lambda: 0.0)


def a_pool(**changes: object) -> Pool:
    pool = Pool(
        pool="p00/offer",
        provider="p00",
        node=SNAPSHOT.pools[0].node,
        region="r01",
        gpu_model=SNAPSHOT.pools[0].gpu_model,
        kind=PoolKind.RESERVED,
        capacity_gpus=64,
        step_gpus=8,
        price_per_gpu_hour=Decimal("0.01"),
    )
    return replace(pool, **changes)  # type: ignore[arg-type]


def test_a_lost_provider_takes_its_pools_and_what_ran_there_with_it() -> None:
    running = replace(SNAPSHOT, current=running_by(planned(SNAPSHOT)))
    gone = {pool.pool for pool in SNAPSHOT.pools if pool.provider == "p01"}

    after = changed(running, [LoseProvider(provider="p01")])

    assert gone
    assert not gone & {pool.pool for pool in after.pools}
    assert not gone & {row.pool for row in after.current}
    assert "p01" not in {each.provider for each in after.providers}


def test_prices_of_what_is_paid_already_do_not_move() -> None:
    after = changed(SNAPSHOT, [ScalePrices(factor=Decimal("1.2"))])

    for was, now in zip(SNAPSHOT.pools, after.pools, strict=True):
        factor = Decimal("1.2") if was.kind.is_bought else Decimal(1)
        assert now.price_per_gpu_hour == was.price_per_gpu_hour * factor


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(["0.5", "1.5", "3"]))
def test_purchases_at_scaled_prices_cost_that_much_more(factor: str) -> None:
    free = replace(
        SNAPSHOT, policy=replace(SNAPSHOT.policy, opportunity_cost_per_gpu_hour=Decimal(0))
    )
    free = replace(
        free, models=tuple(replace(model, start_cost=Decimal(0)) for model in free.models)
    )
    scaled = changed(free, [ScalePrices(factor=Decimal(factor))])

    assert (
        planned(scaled).cost_per_hour.money == Decimal(factor) * planned(free).cost_per_hour.money
    )


def test_an_accepted_offer_never_makes_things_worse() -> None:
    before, after = planned(SNAPSHOT), planned(changed(SNAPSHOT, [AddPool(pool=a_pool())]))

    told = compared(before, after)

    assert told.unserved <= 1e-6
    assert told.survival_shortfall <= 1e-6 or told.unserved < 0


def test_more_demand_is_scaled_for_one_model_or_for_all() -> None:
    (first, *_), names = SNAPSHOT.demand, {row.model for row in SNAPSHOT.demand}

    one = changed(SNAPSHOT, [ScaleDemand(factor=1.3, model=first.model)])
    every = changed(SNAPSHOT, [ScaleDemand(factor=1.3)])

    assert len(names) > 1
    for was, alone, together in zip(SNAPSHOT.demand, one.demand, every.demand, strict=True):
        assert together.tokens_per_second == pytest.approx(1.3 * was.tokens_per_second)
        is_it = was.model == first.model
        assert alone.tokens_per_second == pytest.approx(
            (1.3 if is_it else 1.0) * was.tokens_per_second
        )


def test_a_plan_beside_itself_differs_in_nothing() -> None:
    plan = planned(SNAPSHOT)

    told = compared(plan, plan)

    assert told.money == told.new == Decimal(0)
    assert told.gpus_bought == 0
    assert (told.replicas_started, told.replicas_stopped) == (0, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (LoseProvider(provider="x"), "no provider 'x'; known: p00"),
        (ClosePool(pool="x"), "no pool 'x'; known: p00"),
        (ScalePrices(factor=Decimal(2), provider="x"), "no provider 'x'"),
        (ScaleDemand(factor=2, model="x"), "no model 'x'; known: m000"),
        (AddPool(pool=a_pool(node="mars")), "no node 'mars' in the tree"),
        (AddPool(pool=a_pool(provider="x")), "no provider 'x'"),
        (AddPool(pool=a_pool(pool=SNAPSHOT.pools[0].pool)), "there is a pool"),
    ],
)
def test_a_change_to_what_is_not_there_says_what_is(change: Change, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        changed(SNAPSHOT, [change])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (LoseProvider(provider="p01"), "p01 is lost"),
        (ClosePool(pool="a"), "pool a is gone"),
        (ScalePrices(factor=Decimal("1.2")), "prices of all providers times 1.2"),
        (ScaleDemand(factor=1.3, model="m1"), "demand for m1 times 1.3"),
        (AddPool(pool=a_pool()), "64 GPUs more: p00/offer"),
    ],
)
def test_a_change_says_what_happens(change: Change, sentence: str) -> None:
    assert change.sentence() == sentence
