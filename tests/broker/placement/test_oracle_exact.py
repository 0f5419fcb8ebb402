"""Plans of small sites beside every placement there is, and beside two other formulations."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from scipy.optimize import Bounds, LinearConstraint, milp

from benchmarks.placement_laminar import Laminar
from benchmarks.placement_site import make_snapshot
from broker.placement.checking import check_plan
from broker.placement.plan import Placement, PlanStatus
from broker.placement.recount import Place, Site, must_stay, spot_strengths
from broker.placement.scoring import Score, score, steps_needed
from broker.placement.snapshot import Snapshot
from broker.placement.textbook import best_placements, check_bound
from tests.broker.placement.sites_drawn import are_as_good, planned, sites, value_of

MOST_PLACEMENTS = 3_000


def placements_on(snapshot: Snapshot) -> list[tuple[Place, range]]:
    site, stays = Site.of(snapshot), must_stay(snapshot)
    return [
        (
            (model.model, config.config, pool.pool),
            range(
                stays.get((model.model, config.config, pool.pool), 0),
                max(
                    stays.get((model.model, config.config, pool.pool), 0),
                    pool.capacity_gpus // config.gpus if site.lasts(pool) else 0,
                )
                + 1,
            ),
        )
        for model in snapshot.models
        for config in model.configs
        for pool in snapshot.pools
        if config.gpu_model == pool.gpu_model
    ]


def every_score(snapshot: Snapshot) -> Iterator[Score]:
    """Yield the score of every placement that the ground allows."""
    site, stays = Site.of(snapshot), must_stay(snapshot)
    places = placements_on(snapshot)
    leased = spot_strengths(site, stays)
    for counts in itertools.product(*(counts for _, counts in places)):
        replicas = {place: it for (place, _), it in zip(places, counts, strict=True) if it}
        used = dict.fromkeys(site.pools, 0)
        for place, count in replicas.items():
            used[place[2]] += site.gpus(place, count)
        if any(gpus > site.pools[name].capacity_gpus for name, gpus in used.items()):
            continue
        bought = steps_needed(site, replicas)
        if any(gpus > site.pools[name].capacity_gpus for name, gpus in bought.items()):
            continue
        if any(
            strength
            > max(site.models[model].max_spot_share * site.raw_demand(model), leased.get(model, 0))
            for model, strength in spot_strengths(site, replicas).items()
        ):
            continue
        yield score(
            snapshot,
            [
                Placement(model=model, config=config, pool=pool, replicas=count)
                for (model, config, pool), count in replicas.items()
            ],
        )


def best_of(scores: Iterator[Score]) -> Score:
    """Return the best, with figures rounded so that the last digits of tokens decide nothing."""
    return min(scores, key=lambda it: tuple(round(stage, 3) for stage in it.stages))


def laminar_best(snapshot: Snapshot) -> Score:
    """Return the optimum of the program over the tree, stage after stage."""
    program = Laminar.of(snapshot)
    values = np.zeros(len(program.upper))
    for goal in (*program.stages, program.money):
        lower, upper = (np.array(it) for it in zip(*program.limits, strict=True))
        found = milp(
            program.cost((goal, 1.0)),
            integrality=np.array(program.whole, dtype=np.int8),
            bounds=Bounds(0, np.array(program.upper)),
            constraints=LinearConstraint(program.matrix, lower, upper),
            options={"mip_rel_gap": 0.0},
        )
        assert found.x is not None
        values = np.asarray(found.x)
        program.add(goal, most=max(0.0, float(found.fun or 0.0)) + 1e-5)
    return score(snapshot, program.placements(values))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(snapshot=sites())
def test_no_placement_on_a_tiny_site_is_better_than_the_plan(snapshot: Snapshot) -> None:
    assume(math.prod(len(counts) for _, counts in placements_on(snapshot)) <= MOST_PLACEMENTS)

    plan = planned(snapshot)

    assert check_plan(snapshot, plan) == ()
    assert are_as_good(value_of(snapshot, plan), best_of(every_score(snapshot)))


@pytest.mark.parametrize("second_class", [False, True], ids=["one class", "two classes"])
@pytest.mark.parametrize("seed", range(1, 25))
def test_the_plan_of_a_nano_site_is_what_the_textbook_finds(seed: int, second_class: bool) -> None:
    snapshot = make_snapshot("nano", seed, second_class=second_class)

    plan, best = planned(snapshot), best_placements(snapshot)

    assert best is not None
    assert check_plan(snapshot, plan) == ()
    assert check_bound(snapshot, plan) == ()
    assert are_as_good(value_of(snapshot, plan), score(snapshot, best))


@pytest.mark.parametrize(
    ("size", "seed"),
    [*(("nano", it) for it in range(1, 13)), ("tiny", 1), ("tiny", 2), ("small", 1)],
)
def test_three_formulations_agree(size: str, seed: int) -> None:
    snapshot = make_snapshot(size, seed)

    plan, best = planned(snapshot), best_placements(snapshot)

    assert best is not None
    assert are_as_good(value_of(snapshot, plan), score(snapshot, best))
    assert are_as_good(value_of(snapshot, plan), laminar_best(snapshot))


@pytest.mark.parametrize(("size", "seed"), [("nano", 1), ("tiny", 2), ("small", 1)])
def test_a_sample_is_planned_to_its_proven_optimum(size: str, seed: int) -> None:
    snapshot = make_snapshot(size, seed)

    plan = planned(snapshot)

    assert plan.status is not PlanStatus.FEASIBLE
    assert plan.gap_variable == pytest.approx(0, abs=1e-6)
