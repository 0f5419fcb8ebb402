"""A plan after a provider is lost: what still runs stays, demand first, and at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from benchmarks.placement_site import make_snapshot
from broker.errors import BadInputError
from broker.placement.checking import check_plan
from broker.placement.plan import Placement, Plan
from broker.placement.planning import make_plan
from broker.placement.repairing import after_loss, repair, replan
from broker.placement.scoring import score
from broker.placement.snapshot import Snapshot


def no_time() -> float:
    return 0.0


def planned(snapshot: Snapshot) -> Plan:
    return make_plan(snapshot, budget_seconds=2, elapsed=no_time)


def largest_provider(snapshot: Snapshot, plan: Plan) -> str:
    provider = {pool.pool: pool.provider for pool in snapshot.pools}
    runs = Counter[str]()
    for each in plan.placements:
        runs[provider[each.pool]] += each.replicas
    return runs.most_common(1)[0][0]


def served_no_worse(snapshot: Snapshot, one: Plan, other: Sequence[Placement]) -> bool:
    """Say whether the plan leaves no more unserved, the most important priorities first."""
    mine, theirs = (score(snapshot, runs).unserved for runs in (one.placements, other))
    for (_, lacks), (_, lacked) in zip(mine, theirs, strict=True):
        if abs(lacks - lacked) > 1e-6 * (1 + lacked):
            return lacks < lacked
    return True


@pytest.fixture(scope="module", params=[("small", 1), ("medium", 1)])
def loss(request: pytest.FixtureRequest) -> tuple[Snapshot, Plan, str]:
    size, seed = request.param
    snapshot = make_snapshot(size, seed)
    plan = planned(snapshot)
    return snapshot, plan, largest_provider(snapshot, plan)


def test_a_repair_keeps_every_rule_and_uses_nothing_of_who_is_lost(
    loss: tuple[Snapshot, Plan, str],
) -> None:
    snapshot, plan, lost = loss
    provider = {pool.pool: pool.provider for pool in snapshot.pools}

    repaired = repair(snapshot, plan, lost=lost, elapsed=no_time)

    assert check_plan(after_loss(snapshot, plan, lost=lost), repaired) == ()
    assert lost not in {provider[each.pool] for each in repaired.placements}
    assert lost in repaired.reasons[0]


def test_a_repair_serves_no_less_than_what_is_left_by_itself(
    loss: tuple[Snapshot, Plan, str],
) -> None:
    snapshot, plan, lost = loss
    left = after_loss(snapshot, plan, lost=lost)
    still = [
        Placement(model=run.model, config=run.config, pool=run.pool, replicas=run.replicas)
        for run in left.current
    ]

    repaired = repair(snapshot, plan, lost=lost, elapsed=no_time)

    assert served_no_worse(left, repaired, still)


def test_planning_anew_serves_at_least_what_the_repair_does(
    loss: tuple[Snapshot, Plan, str],
) -> None:
    snapshot, plan, lost = loss
    repaired = repair(snapshot, plan, lost=lost, elapsed=no_time)

    anew = replan(snapshot, plan, lost=lost, budget_seconds=2, elapsed=no_time)

    left = after_loss(snapshot, plan, lost=lost)
    assert check_plan(left, anew) == ()
    assert served_no_worse(left, anew, repaired.placements)


def test_a_repair_is_the_same_each_time(loss: tuple[Snapshot, Plan, str]) -> None:
    snapshot, plan, lost = loss

    digests = {repair(snapshot, plan, lost=lost, elapsed=no_time).digest for _ in range(2)}

    assert len(digests) == 1


def test_a_provider_that_is_not_there_cannot_be_lost() -> None:
    snapshot = make_snapshot("nano", 1)

    with pytest.raises(BadInputError, match="no provider 'p99'; known: p00, p01"):
        repair(snapshot, planned(snapshot), lost="p99", elapsed=no_time)
