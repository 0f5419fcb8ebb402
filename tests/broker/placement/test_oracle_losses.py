"""Sites on which not everything can be had, and sites that lose their greatest provider."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from benchmarks.placement_site import make_snapshot
from broker.placement.checking import check_plan
from broker.placement.plan import Plan, PlanStatus
from broker.placement.recount import Site
from broker.placement.snapshot import Running, Snapshot
from tests.broker.placement.relaxed import least_short
from tests.broker.placement.sites_drawn import planned, value_of

UNSERVED_SHARE = 0.001
"""How much of demand may stay unserved that divided replicas could serve."""

SHORT_SHARE = 0.01
"""How much more survival may lack, as a share of demand, than with divided replicas."""


def needed_by(snapshot: Snapshot) -> float:
    site = Site.of(snapshot)
    return sum(sum(site.needed(model).values()) for model in snapshot.models)


def greatest_provider(snapshot: Snapshot, plan: Plan) -> str:
    site, gpus = Site.of(snapshot), Counter[str]()
    for it in plan.placements:
        used = site.gpus((it.model, it.config, it.pool), it.replicas)
        gpus[site.pools[it.pool].provider] += used
    return max(gpus, key=lambda provider: (gpus[provider], provider))


def after_losing(snapshot: Snapshot, plan: Plan, lost: str) -> Snapshot:
    site = Site.of(snapshot)
    return replace(
        snapshot,
        providers=tuple(it for it in snapshot.providers if it.provider != lost),
        pools=tuple(it for it in snapshot.pools if it.provider != lost),
        current=tuple(
            Running(model=it.model, config=it.config, pool=it.pool, replicas=it.replicas)
            for it in plan.placements
            if site.pools[it.pool].provider != lost
        ),
    )


def test_a_site_that_cannot_survive_every_loss_is_served_all_the_same() -> None:
    snapshot = make_snapshot("medium", 3)

    plan = planned(snapshot, budget_seconds=0)

    *unserved, survival, _, _ = value_of(snapshot, plan).stages
    *least_unserved, least_survival, _ = least_short(snapshot)
    needed = needed_by(snapshot)
    assert check_plan(snapshot, plan) == ()
    assert plan.status is PlanStatus.SHORT
    assert least_survival > 0
    assert sum(unserved) - sum(least_unserved) <= UNSERVED_SHARE * needed
    assert survival - least_survival <= SHORT_SHARE * needed


@pytest.mark.parametrize("second_class", [False, True], ids=["one class", "two classes"])
def test_a_site_that_lost_its_greatest_provider_is_planned_without_it(second_class: bool) -> None:
    snapshot = make_snapshot("modest", 8, second_class=second_class)
    before = planned(snapshot, budget_seconds=0)
    lost = greatest_provider(snapshot, before)

    left = after_losing(snapshot, before, lost)
    plan = planned(left, budget_seconds=0)

    assert check_plan(snapshot, before) == ()
    assert check_plan(left, plan) == ()
    assert all(not it.pool.startswith(f"{lost}/") for it in plan.placements)


def test_what_can_be_served_without_the_greatest_provider_is_served() -> None:
    snapshot = make_snapshot("medium", 1)
    before = planned(snapshot, budget_seconds=0)

    left = after_losing(snapshot, before, greatest_provider(snapshot, before))

    *unserved, _, _, _ = value_of(left, planned(left, budget_seconds=0)).stages
    *least_unserved, _, _ = least_short(left)
    assert sum(unserved) - sum(least_unserved) <= UNSERVED_SHARE * needed_by(left)


def test_losing_a_provider_never_makes_a_small_plan_better() -> None:
    snapshot = make_snapshot("small", 1)
    whole = value_of(snapshot, planned(snapshot))

    for provider in snapshot.providers:
        left = replace(
            snapshot, pools=tuple(it for it in snapshot.pools if it.provider != provider.provider)
        )
        assert value_of(left, planned(left)).stages >= whole.stages
