"""What if, and what now: plans made anew from plans on record, and from files."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from broker.errors import BadInputError, NotAllowedError, NotFoundError
from broker.flows.change_plan import (
    answer_loss,
    plan_of_documents,
    plan_on_record,
    replan_after_loss,
    suppose,
    what_if,
)
from broker.flows.explain_plan import explain_plan
from broker.flows.make_plan import Effort, Made, make_from_document
from broker.flows.offer_query import confidential_suppliers
from broker.flows.plan_placement import Asking, keep_plan, list_plans, plan_snapshot, show_plan
from broker.placement.plan_figures import SideBySide
from broker.placement.plan_json import plan_document
from broker.placement.what_if import (
    AddPool,
    ClosePool,
    LoseProvider,
    ScaleDemand,
    ScalePrices,
)
from broker.store.engine import Database
from broker.store.plans import PlanKind, StoredPlan
from tests.broker.flows.plans import FakePlanner, a_snapshot_document, too_much, two_providers

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DANA = Asking(actor="dana")
QUICK = Effort(budget_seconds=1)


def kept(database: Database, document: dict[str, Any]) -> StoredPlan:
    return plan_snapshot(database, document, DANA, clock=lambda: NOW, effort=QUICK)


def made(document: dict[str, Any]) -> Made:
    return make_from_document(document, effort=QUICK)


def test_a_loss_is_answered_at_once_and_then_in_full_and_both_are_kept(database: Database) -> None:
    before = kept(database, two_providers())
    told_at: list[tuple[SideBySide, list[PlanKind]]] = []

    def on_repair(_: Made, comparison: SideBySide) -> None:
        told_at.append((comparison, [entry.kind for entry in list_plans(database)]))

    found = replan_after_loss(
        database, DANA, lost="p1", clock=lambda: NOW, effort=QUICK, on_repair=on_repair
    )

    ((comparison, on_record),) = told_at
    assert comparison.after.served_share == 1
    assert on_record == [PlanKind.REPLAN, PlanKind.SNAPSHOT], "the repair is there, the rest not"
    assert [each.entry.parent_id for each in (found.repair, found.full)] == [before.entry.id] * 2
    assert found.full.plan["purchases"][0]["pool"] == "p2/H100"
    assert "repaired after the loss of p1" in found.repair.plan["reasons"][0]
    assert found.full.plan["reasons"][0] == "p1 is lost"
    assert found.told.after_full.after.new == Decimal(24)


def test_what_is_lost_must_be_there(database: Database) -> None:
    kept(database, two_providers())

    with pytest.raises(BadInputError, match="no provider 'p9'; known: p1, p2"):
        replan_after_loss(database, DANA, lost="p9", clock=lambda: NOW)

    assert len(list_plans(database)) == 1


def test_the_loss_of_everything_leaves_everything_unserved() -> None:
    told = answer_loss(made(a_snapshot_document()), lost="p1", effort=QUICK)

    assert told.repair.plan.placements == told.full.plan.placements == ()
    assert told.after_full.after.served_share == 0


def test_changes_are_supposed_and_the_plan_of_them_is_kept(database: Database) -> None:
    before = kept(database, two_providers())

    found = what_if(
        database,
        [ScalePrices(factor=Decimal(2), provider="p1"), ScaleDemand(factor=2)],
        DANA,
        clock=lambda: NOW,
        effort=QUICK,
    )

    assert (found.plan.entry.kind, found.plan.entry.parent_id) == (
        PlanKind.WHAT_IF,
        before.entry.id,
    )
    assert found.plan.plan["reasons"][:2] == [
        "what if: prices of p1 times 2",
        "what if: demand for all models times 2",
    ]
    assert found.told.comparison.before.new == Decimal(16)
    assert found.told.comparison.after.new == Decimal(48)
    assert show_plan(database, before.entry.id) == before


def test_what_the_plan_placed_is_what_runs_when_changes_are_supposed() -> None:
    planner = FakePlanner()

    suppose(made(two_providers()), [ClosePool(pool="p2/H100")], effort=Effort(planner=planner))

    (snapshot,) = planner.asked
    assert [(row.pool, row.replicas) for row in snapshot.current] == [("p1/H100", 1)]
    assert "p2/H100" not in {pool.pool for pool in snapshot.pools}


def test_the_newest_real_plan_is_what_changes_are_made_to(database: Database) -> None:
    real = kept(database, two_providers())
    first = what_if(database, [LoseProvider(provider="p1")], DANA, clock=lambda: NOW, effort=QUICK)

    again = what_if(database, [LoseProvider(provider="p1")], DANA, clock=lambda: NOW, effort=QUICK)

    assert first.plan.entry.parent_id == again.plan.entry.parent_id == real.entry.id


def test_every_change_that_cannot_be_made_is_told_and_nothing_kept(database: Database) -> None:
    kept(database, two_providers())
    pool = plan_on_record(kept(database, two_providers())).snapshot.pools[0]

    with pytest.raises(BadInputError) as refused:
        what_if(
            database,
            [LoseProvider(provider="p9"), ClosePool(pool="x"), AddPool(pool=pool)],
            DANA,
            clock=lambda: NOW,
        )

    assert [fault.field for fault in refused.value.faults] == [
        "changes[0].provider",
        "changes[1].pool",
        "changes[2].pool.pool",
    ]
    assert len(list_plans(database)) == 2


def test_numbers_scaled_beyond_what_a_snapshot_may_hold_are_refused() -> None:
    changes = [ScaleDemand(factor=1000)] * 5

    with pytest.raises(BadInputError, match="this snapshot has 1 fault"):
        suppose(made(too_much()), changes, effort=QUICK)


def test_without_any_plan_the_way_to_one_is_told(sqlite: Database) -> None:
    for ask in (
        lambda: what_if(sqlite, [ScaleDemand(factor=2)], DANA, clock=lambda: NOW),
        lambda: replan_after_loss(sqlite, DANA, lost="p1", clock=lambda: NOW),
        lambda: explain_plan(sqlite),
    ):
        with pytest.raises(NotFoundError, match="tonnage plan"):
            ask()


def test_whoever_may_not_see_prices_cannot_find_them_by_moving_others(sqlite: Database) -> None:
    secret = sorted(confidential_suppliers())[0]
    document = two_providers()
    document["providers"][1]["provider"] = secret
    document["pools"][2]["provider"] = secret
    before = keep_plan(sqlite, made(document), PlanKind.LIVE, DANA, clock=lambda: NOW)
    asking = Asking(actor="s", current_plan=before.entry.id, with_confidential=False)

    with pytest.raises(NotAllowedError, match=secret):
        what_if(sqlite, [ScalePrices(factor=Decimal(2))], asking, clock=lambda: NOW)

    assert replan_after_loss(sqlite, asking, lost="p1", clock=lambda: NOW, effort=QUICK).full


def test_a_plan_on_record_is_explained(database: Database) -> None:
    stored = kept(database, too_much())

    newest, named = explain_plan(database), explain_plan(database, stored.entry.id, model="m1")

    assert newest.plan.entry == named.plan.entry == stored.entry
    assert "56 more H100" in newest.explanation.relaxations[0].change
    with pytest.raises(NotFoundError, match="no model 'm9'"):
        explain_plan(database, model="m9")


def test_files_of_two_snapshots_do_not_go_together() -> None:
    plan = plan_document(made(two_providers()).plan)
    other = a_snapshot_document()
    other["pools"][0]["pool"] = "p1/other"

    assert plan_of_documents(two_providers(), plan).plan.placements
    with pytest.raises(BadInputError, match="not of this snapshot"):
        plan_of_documents(other, plan)
