"""What must follow for a plan when its snapshot is changed in a known way."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.placement_site import make_snapshot
from broker.placement.checking import check_plan
from broker.placement.plan import Plan
from broker.placement.recount import Site
from broker.placement.snapshot import Demand, Pool, Running, Snapshot
from tests.broker.placement.sites_drawn import (
    are_as_good,
    is_no_worse,
    planned,
    sites,
    value_of,
)

drawn = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
SITES = [("nano", 1), ("nano", 5), ("tiny", 2), ("tiny", 4), ("small", 1)]


@pytest.fixture(params=SITES, ids=lambda it: f"{it[0]}-{it[1]}")
def site(request: pytest.FixtureRequest) -> Snapshot:
    """A site that is planned to the optimum."""
    return make_snapshot(*request.param)


def with_prices_times(snapshot: Snapshot, factor: int) -> Snapshot:
    cost = snapshot.policy.opportunity_cost_per_gpu_hour
    return replace(
        snapshot,
        pools=tuple(
            replace(
                pool,
                price_per_gpu_hour=pool.price_per_gpu_hour * factor,
                sunk_price_per_gpu_hour=pool.sunk_price_per_gpu_hour * factor,
            )
            for pool in snapshot.pools
        ),
        models=tuple(replace(it, start_cost=it.start_cost * factor) for it in snapshot.models),
        policy=replace(snapshot.policy, opportunity_cost_per_gpu_hour=cost * factor),
    )


def with_pool_split(snapshot: Snapshot, pool: Pool, gpus: int) -> Snapshot:
    """Offer what one pool has as two, of so many GPUs and of the rest."""
    one = replace(pool, capacity_gpus=gpus)
    two = replace(pool, pool=f"{pool.pool}/more", capacity_gpus=pool.capacity_gpus - gpus)
    others = tuple(it for it in snapshot.pools if it.pool != pool.pool)
    return replace(snapshot, pools=(*others, one, two))


def running_as_planned(snapshot: Snapshot, plan: Plan) -> Snapshot:
    return replace(
        snapshot,
        current=tuple(
            Running(model=it.model, config=it.config, pool=it.pool, replicas=it.replicas)
            for it in plan.placements
        ),
    )


def test_three_times_the_prices_are_three_times_the_money(site: Snapshot) -> None:
    once, thrice = planned(site), planned(with_prices_times(site, 3))

    assert thrice.cost_per_hour.money == 3 * once.cost_per_hour.money
    assert thrice.cost_per_hour.sunk == 3 * once.cost_per_hour.sunk
    assert thrice.gap_variable == pytest.approx(once.gap_variable, abs=1e-6)


def test_it_is_no_matter_what_providers_are_called(site: Snapshot) -> None:
    names = {it.provider: f"z{9 - at}" for at, it in enumerate(site.providers)}
    renamed = replace(
        site,
        providers=tuple(replace(it, provider=names[it.provider]) for it in site.providers),
        pools=tuple(replace(it, provider=names[it.provider]) for it in site.pools),
    )

    assert are_as_good(value_of(renamed, planned(renamed)), value_of(site, planned(site)))


def test_one_pool_is_as_good_as_two_halves_of_it(site: Snapshot) -> None:
    pool = max(site.pools, key=lambda it: it.capacity_gpus)
    half = pool.capacity_gpus // 2 // pool.step_gpus * pool.step_gpus
    halves = with_pool_split(site, pool, half)

    assert is_no_worse(value_of(site, planned(site)), value_of(halves, planned(halves)))


def test_halves_that_every_replica_divides_are_as_good_as_the_whole() -> None:
    snapshot = make_snapshot("nano", 1)
    pool = next(it for it in snapshot.pools if it.capacity_gpus == it.step_gpus == 8)
    small_steps = replace(pool, step_gpus=1)
    whole = replace(
        snapshot,
        pools=tuple(small_steps if it.pool == pool.pool else it for it in snapshot.pools),
    )
    halves = with_pool_split(whole, small_steps, 4)

    assert are_as_good(value_of(halves, planned(halves)), value_of(whole, planned(whole)))


def test_demand_told_in_two_rows_is_the_same_demand(site: Snapshot) -> None:
    def halves(row: Demand) -> tuple[Demand, Demand]:
        part = replace(row, tokens_per_second=row.tokens_per_second / 4)
        return part, replace(row, tokens_per_second=row.tokens_per_second * 3 / 4)

    split = replace(site, demand=tuple(it for row in site.demand for it in halves(row)))

    assert are_as_good(value_of(split, planned(split)), value_of(site, planned(site)))


@pytest.mark.parametrize("which", range(3))
def test_one_more_step_of_a_pool_never_makes_a_plan_worse(site: Snapshot, which: int) -> None:
    pool = site.pools[which % len(site.pools)]
    more = replace(pool, capacity_gpus=pool.capacity_gpus + pool.step_gpus)
    larger = replace(site, pools=tuple(more if it is pool else it for it in site.pools))

    assert is_no_worse(value_of(larger, planned(larger)), value_of(site, planned(site)))


def test_a_stricter_survival_never_makes_a_plan_cheaper(site: Snapshot) -> None:
    strict = replace(
        site,
        models=tuple(replace(it, survival=min(1.0, it.survival + 0.05)) for it in site.models),
    )

    assert is_no_worse(value_of(site, planned(site)), value_of(strict, planned(strict)))


def test_what_runs_as_planned_stays_where_it_is(site: Snapshot) -> None:
    plan = planned(site)

    again = planned(running_as_planned(site, plan))

    assert again.placements == plan.placements
    assert again.moves == ()
    assert again.cost_per_hour.starts == 0


def test_a_small_change_of_price_moves_nothing_that_costs_more_to_start(site: Snapshot) -> None:
    plan = planned(site)
    running = running_as_planned(site, plan)
    dearer = replace(
        running,
        models=tuple(replace(it, start_cost=Decimal(100)) for it in running.models),
        pools=tuple(
            replace(it, price_per_gpu_hour=it.price_per_gpu_hour * Decimal("1.05"))
            for it in running.pools
        ),
    )

    assert planned(dearer).cost_per_hour.starts == 0


@drawn
@given(snapshot=sites(), which=st.integers(0, 2), more=st.integers(1, 3))
def test_more_gpus_never_make_a_drawn_plan_worse(snapshot: Snapshot, which: int, more: int) -> None:
    pool = snapshot.pools[which % len(snapshot.pools)]
    larger = replace(pool, capacity_gpus=pool.capacity_gpus + more)
    roomier = replace(snapshot, pools=tuple(larger if it is pool else it for it in snapshot.pools))

    assert is_no_worse(value_of(roomier, planned(roomier)), value_of(snapshot, planned(snapshot)))


@drawn
@given(snapshot=sites())
def test_a_lost_provider_leaves_what_the_plan_says(snapshot: Snapshot) -> None:
    plan = planned(snapshot)
    told = {(it.model, it.scope, it.provider): it for it in plan.survival_shortfall}
    site = Site.of(snapshot)

    for provider in snapshot.providers:
        left = [it for it in plan.placements if site.pools[it.pool].provider != provider.provider]
        for model in snapshot.models:
            for row in site.demand[model.model]:
                scope = site.scope_of(model, row.node)
                short = told.get((model.model, scope, provider.provider))
                strength = sum(
                    site.strength((it.model, it.config, it.pool)) * it.replicas
                    for it in left
                    if it.model == model.model and site.is_under(site.pools[it.pool].node, scope)
                )
                promised = model.survival * site.raw_demand(model.model, scope=scope)
                lacking = 0.0 if short is None else short.tokens_per_second
                assert strength + lacking >= promised - 0.05


@drawn
@given(snapshot=sites())
def test_a_drawn_plan_holds_again_when_it_runs(snapshot: Snapshot) -> None:
    plan = planned(snapshot)
    running = running_as_planned(snapshot, plan)

    again = planned(running)

    assert check_plan(running, again) == ()
    assert again.cost_per_hour.money <= plan.cost_per_hour.money
