from dataclasses import replace

import pytest

from benchmarks.placement_site import make_snapshot
from broker.placement.scoring import score
from broker.placement.textbook import best_placements, check_bound
from broker.placement.violations import Wrong
from tests.broker.placement.known_plan import PLAN, SNAPSHOT


@pytest.mark.parametrize(("size", "seed", "dollars"), [("nano", 1, 159.042), ("tiny", 2, 38.3866)])
def test_the_optimum_of_a_sample_is_found(size: str, seed: int, dollars: float) -> None:
    snapshot = make_snapshot(size, seed)

    placements = best_placements(snapshot)

    assert placements is not None
    assert float(score(snapshot, placements).money) == pytest.approx(dollars)


def test_a_search_that_is_given_up_returns_nothing() -> None:
    assert best_placements(make_snapshot("small", 2), node_limit=0) is None


def test_the_best_is_no_worse_than_a_plan_made_by_hand() -> None:
    placements = best_placements(SNAPSHOT)

    assert placements is not None
    assert score(SNAPSHOT, placements).stages <= score(SNAPSHOT, PLAN.placements).stages


def test_a_bound_above_what_a_plan_could_cost_is_found_out() -> None:
    best = best_placements(SNAPSHOT)
    assert best is not None
    least = float(score(SNAPSHOT, best).money)

    assert check_bound(SNAPSHOT, replace(PLAN, bound_per_hour=least)) == ()
    (violation,) = check_bound(SNAPSHOT, replace(PLAN, bound_per_hour=least + 0.01))
    assert violation.code is Wrong.WRONG_BOUND


def test_a_leased_replica_stays_in_the_best_plan() -> None:
    places = {(it.model, it.pool): it.replicas for it in best_placements(SNAPSHOT) or ()}

    assert places["chat", "a/owned"] >= 1
