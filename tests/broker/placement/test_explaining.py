"""Why a plan is as it is: every reason is found by trying, so every reason can be checked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from benchmarks.placement_site import make_snapshot
from broker.errors import NotFoundError
from broker.placement.explaining import MOST_OF_EACH, Explanation, explain
from broker.placement.plan import Plan
from broker.placement.planning import make_plan
from broker.placement.pool_choice import Obstacle
from broker.placement.relaxation import Lever
from broker.placement.snapshot import (
    Config,
    Demand,
    Model,
    Policy,
    Pool,
    PoolKind,
    Provider,
    Running,
    Snapshot,
    SurvivalScope,
    TreeNode,
)
from broker.placement.what_if import ScaleDemand, changed

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def planned(snapshot: Snapshot) -> Plan:
    return make_plan(snapshot, budget_seconds=1, elapsed=lambda: 0.0)


def explained(snapshot: Snapshot) -> Explanation:
    return explain(snapshot, planned(snapshot))


def a_pool(
    name: str, price: str, *, gpus: int = 80, provider: str = "dear", **more: object
) -> Pool:
    pool = Pool(
        pool=name,
        provider=provider,
        node="world",
        region="r1",
        gpu_model="B200",
        kind=PoolKind.ON_DEMAND,
        capacity_gpus=gpus,
        step_gpus=8,
        price_per_gpu_hour=Decimal(price),
    )
    return replace(pool, **more)  # type: ignore[arg-type]


def a_site(
    *pools: Pool, tokens: float = 8000, current: tuple[Running, ...] = (), **model: object
) -> Snapshot:
    """One model of 1,000 tokens per second a replica of eight GPUs, on these pools."""
    config = Config(
        config="B200-tp8", gpu_model="B200", gpus=8, tokens_per_second={"default": 1000.0}
    )
    chat = Model(model="chat", configs=(config,), survival_scope=SurvivalScope.ROOT)
    return Snapshot(
        as_of=NOW,
        tree=(TreeNode(node="world"),),
        providers=tuple(
            Provider(provider=name, is_gold=name == "dear")
            for name in sorted({pool.provider for pool in pools})
        ),
        pools=pools,
        models=(replace(chat, **model),),  # type: ignore[arg-type]
        demand=(
            Demand(model="chat", class_name="default", node="world", tokens_per_second=tokens),
        ),
        current=current,
        policy=Policy(),
    )


CHEAP, DEAR = a_pool("cheap", "2", provider="low"), a_pool("dear", "4")


@pytest.mark.parametrize(
    ("snapshot", "obstacle", "words"),
    [
        (a_site(replace(CHEAP, capacity_gpus=24), DEAR), Obstacle.FULL, "24 of its 24 GPUs"),
        (a_site(CHEAP, DEAR, survival=0.5), Obstacle.SURVIVAL, "if low were lost"),
        (a_site(CHEAP, DEAR, min_gold_share=0.5), Obstacle.GOLD_SHARE, "50% of the demand"),
        (
            a_site(replace(CHEAP, kind=PoolKind.SPOT), DEAR, max_spot_share=0.25),
            Obstacle.SPOT_SHARE,
            "it is spot, of which 25%",
        ),
        (
            a_site(replace(CHEAP, ends_at=NOW + timedelta(minutes=5)), DEAR),
            Obstacle.PERIOD,
            "not there for the whole period",
        ),
        (
            a_site(
                CHEAP,
                DEAR,
                start_cost=Decimal(1000),
                current=(Running(model="chat", config="B200-tp8", pool="dear", replicas=8),),
            ),
            Obstacle.START,
            "1 new replicas would cost 1000 USD an hour to start",
        ),
        (
            a_site(
                CHEAP,
                DEAR,
                current=(
                    Running(model="chat", config="B200-tp8", pool="dear", replicas=8, must_stay=8),
                ),
            ),
            Obstacle.STAYS,
            "may not be given back",
        ),
    ],
    ids=lambda value: value.value if isinstance(value, Obstacle) else "",
)
def test_what_keeps_a_replica_off_the_cheaper_pool(
    snapshot: Snapshot, obstacle: Obstacle, words: str
) -> None:
    (choice,) = explained(snapshot).choices

    assert (choice.pool, choice.cheaper_pool, choice.obstacle) == ("dear", "cheap", obstacle)
    assert words in choice.because
    assert choice.price_per_million > choice.cheaper_price_per_million


def test_the_cheapest_pool_needs_no_reason() -> None:
    assert explained(a_site(CHEAP, DEAR)).choices == ()


def test_one_more_gpu_of_a_full_pool_saves_the_difference_to_the_next() -> None:
    """80 GPUs are needed; each that the cheap pool had more would spare one at 4 dollars."""
    snapshot = a_site(replace(CHEAP, capacity_gpus=24), DEAR)

    worth = {each.pool: each for each in explained(snapshot).worths}

    assert worth["cheap"].saves_per_gpu_hour == pytest.approx(Decimal(4), abs=Decimal("0.01"))
    assert worth["cheap"].net_per_gpu_hour == pytest.approx(Decimal(2), abs=Decimal("0.01"))
    assert worth["dear"].net_per_gpu_hour <= Decimal("0.01")


def test_survival_costs_what_is_held_beyond_the_demand() -> None:
    """Eight replicas serve; without either provider four must be left, so nothing more is held.

    With a promise of all of it each provider must carry all, eight replicas more at 4.02 dollars.
    """
    half, whole = (explained(a_site(CHEAP, DEAR, survival=share)) for share in (0.5, 1.0))

    assert half.survival == ()
    (price,) = whole.survival
    assert price.held == pytest.approx(8000)
    assert price.dollars_per_hour == 8 * 8 * Decimal("4.02")
    assert price.provider_share == 0.5


def test_a_model_that_is_not_served_is_told_how_many_gpus_would_do() -> None:
    snapshot = a_site(CHEAP, DEAR, tokens=21_500)

    (change,) = [each for each in explained(snapshot).relaxations if each.lever is Lever.GPUS]

    assert change.gpus == 2 * 8
    assert change.dollars_per_hour == 2 * 8 * Decimal(2)
    assert "16 more B200 in world would do, about 32.00 USD an hour" in change.sentence()


def test_a_small_lack_can_be_taken_from_the_headroom() -> None:
    snapshot = a_site(CHEAP, DEAR, tokens=20_000, headroom=0.1)

    first = explained(snapshot).relaxations[0]

    assert first.lever in (Lever.HEADROOM, Lever.GPUS)
    kept = replace(snapshot, models=(replace(snapshot.models[0], headroom=0.0),))
    assert planned(snapshot).unserved != ()
    assert planned(kept).unserved == ()


def test_the_survival_that_is_left_can_be_kept() -> None:
    """Ten replicas each: of 16,000 asked 90 % would need 14.4 without either provider."""
    snapshot = a_site(CHEAP, DEAR, tokens=16_000, survival=0.9)

    (change,) = [each for each in explained(snapshot).relaxations if each.lever is Lever.SURVIVAL]

    assert "with survival 62.5% instead of 90.0%" in change.change
    kept = replace(snapshot, models=(replace(snapshot.models[0], survival=0.625),))
    assert planned(kept).survival_shortfall == ()


def test_a_page_has_the_most_of_each_part_and_says_how_many_are_left() -> None:
    snapshot = changed(make_snapshot("small", 1), [ScaleDemand(factor=0.9)])

    page = dict(explained(snapshot).page())

    assert "Why not the cheaper pool" in page
    for lines in page.values():
        assert 0 < len(lines) <= MOST_OF_EACH + 1
        assert all(line.strip() for line in lines)


def test_an_explanation_can_be_of_one_model_or_of_one_pool() -> None:
    snapshot = make_snapshot("small", 1)
    plan = planned(snapshot)
    run = plan.placements[0]

    of_model = explain(snapshot, plan, model=run.model)
    of_pool = explain(snapshot, plan, pool=run.pool)

    assert {each.model for each in of_model.choices} <= {run.model}
    assert {each.pool for each in of_pool.worths} == {run.pool}
    assert all(run.pool in (each.pool, each.cheaper_pool) for each in of_pool.choices)
    with pytest.raises(NotFoundError, match="no model 'x'"):
        explain(snapshot, plan, model="x")
    with pytest.raises(NotFoundError, match="no pool 'x'"):
        explain(snapshot, plan, pool="x")
