from __future__ import annotations

from datetime import UTC, datetime

import pytest

from broker.errors import BadInputError, NotFoundError, ReusedKeyError
from broker.flows.make_plan import Effort, make_from_document
from broker.flows.plan_placement import Asking, list_plans, newest, plan_snapshot, show_plan
from broker.placement.plan import Plan
from broker.placement.plan_json import read_plan
from broker.placement.snapshot import Running
from broker.placement.snapshot_reading import read_snapshot
from broker.store.engine import Database
from broker.store.plans import PlanKey, PlanKind, StoredPlan
from tests.broker.flows.plans import FakePlanner, a_snapshot_document

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DANA = Asking(actor="dana")


def planned(
    database: Database, asking: Asking = DANA, *, planner: FakePlanner | None = None
) -> StoredPlan:
    effort = Effort(planner=planner or FakePlanner())
    return plan_snapshot(database, a_snapshot_document(), asking, clock=lambda: NOW, effort=effort)


def test_a_plan_is_kept_with_its_snapshot(database: Database) -> None:
    made = planned(database)

    kept = show_plan(database, made.entry.id)

    assert kept == made
    assert (kept.entry.actor, kept.entry.kind) == ("dana", PlanKind.SNAPSHOT)
    assert kept.entry.created_at == NOW
    assert read_snapshot(kept.snapshot) == read_snapshot(a_snapshot_document())
    assert read_plan(kept.plan).placements[0].replicas == 1


def test_a_snapshot_with_a_fault_is_refused_and_nothing_is_kept(database: Database) -> None:
    document = a_snapshot_document() | {"tree": []}

    with pytest.raises(BadInputError, match="this snapshot has 4 faults"):
        plan_snapshot(database, document, DANA, clock=lambda: NOW)

    assert list_plans(database) == []


def test_the_newest_plan_comes_first(database: Database) -> None:
    first, second = planned(database), planned(database)

    assert [entry.id for entry in list_plans(database)] == [second.entry.id, first.entry.id]
    assert list_plans(database, limit=1, before=second.entry.id) == [first.entry]
    assert newest(database).entry == second.entry


def test_where_no_plan_is_on_record_the_way_to_one_is_told(database: Database) -> None:
    with pytest.raises(NotFoundError, match="tonnage plan"):
        newest(database)
    with pytest.raises(NotFoundError, match="tonnage plan list"):
        show_plan(database, "unknown")


def test_the_same_key_gets_the_same_plan_and_another_body_is_refused(database: Database) -> None:
    key = PlanKey(principal="k1", idempotency_key="one", fingerprint="a")
    first = planned(database, Asking(actor="dana", key=key))
    planner = FakePlanner()

    again = planned(database, Asking(actor="dana", key=key), planner=planner)

    assert again.entry == first.entry
    assert (first.is_replayed, again.is_replayed) == (False, True)
    assert planner.asked == []
    other = PlanKey(principal="k1", idempotency_key="one", fingerprint="b")
    with pytest.raises(ReusedKeyError):
        planned(database, Asking(actor="dana", key=other))


def test_of_two_requests_with_one_key_at_once_both_get_the_first_plan(database: Database) -> None:
    key = PlanKey(principal="k1", idempotency_key="one", fingerprint="a")
    asking = Asking(actor="dana", key=key)

    class Overtaken(FakePlanner):
        """While it plans, somebody else has planned the same already."""

        def __call__(self, *args, **named):  # type: ignore[no-untyped-def]
            planned(database, asking)
            return super().__call__(*args, **named)

    got = planned(database, asking, planner=Overtaken(replicas=2))

    assert got.is_replayed
    assert got.plan["placements"][0]["replicas"] == 1
    assert len(list_plans(database)) == 1


def test_what_a_plan_on_record_placed_runs_when_the_next_is_made(database: Database) -> None:
    first = planned(database, planner=FakePlanner(replicas=2))
    planner = FakePlanner()

    after = planned(database, Asking(actor="dana", current_plan=first.entry.id), planner=planner)

    (running,) = planner.asked[0].current
    assert (running.pool, running.replicas) == ("p1/H100", 2)
    assert after.entry.parent_id == first.entry.id


def test_what_ran_on_a_pool_that_is_gone_is_told_and_left_out() -> None:
    gone = Running(model="m1", config="H100-tp8", pool="p9/H100", replicas=3)
    here = Running(model="m1", config="H100-tp8", pool="p1/H100", replicas=1)
    planner = FakePlanner()

    made = make_from_document(
        a_snapshot_document(), current=[gone, here], effort=Effort(planner=planner)
    )

    assert made.snapshot.current == (here,)
    assert "p9/H100" in made.plan.reasons[0]
    assert made.plan.reasons[-1] == "it is the only one"


def test_the_budget_and_the_time_since_the_snapshot_came_reach_the_planner() -> None:
    planner = FakePlanner()
    heard: list[Plan] = []

    make_from_document(
        a_snapshot_document(),
        effort=Effort(planner=planner, budget_seconds=3.5, on_better=heard.append),
    )

    assert planner.budgets == [3.5]
    assert len(heard) == 1
