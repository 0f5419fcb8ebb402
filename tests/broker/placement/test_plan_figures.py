"""Plans in few numbers, beside each other, and whether a plan is of a snapshot."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from broker.errors import BadInputError
from broker.placement.plan import (
    GoldShortfall,
    Placement,
    Plan,
    PlanStatus,
    Purchase,
    SurvivalShortfall,
    Unserved,
)
from broker.placement.plan_figures import figures_of, side_by_side
from broker.placement.plan_fit import require_fit
from broker.placement.planning import make_plan
from broker.placement.snapshot import Snapshot
from broker.placement.snapshot_reading import read_snapshot
from broker.placement.what_if import ScaleDemand
from tests.broker.flows.plans import a_snapshot_document, too_much

MET, SHORT = read_snapshot(a_snapshot_document()), read_snapshot(too_much())


def planned(snapshot: Snapshot) -> Plan:
    return make_plan(snapshot, budget_seconds=1, elapsed=lambda: 0.0)


def test_a_plan_that_meets_all_serves_all() -> None:
    figures = figures_of(MET, planned(MET))

    assert (figures.status, figures.served_share) == (PlanStatus.OPTIMAL, 1.0)
    assert (figures.gpus_bought, figures.new, figures.unserved) == (8, Decimal(16), 0.0)


def test_a_short_plan_serves_what_is_left_of_the_demand() -> None:
    figures = figures_of(SHORT, planned(SHORT))

    assert figures.served_share == pytest.approx(2 / 9)
    assert figures.unserved == pytest.approx(7000)


def test_where_nothing_is_asked_for_no_share_is_known() -> None:
    nothing = replace(MET, demand=())

    assert figures_of(nothing, planned(nothing)).served_share is None


def test_two_plans_stand_beside_each_other() -> None:
    told = side_by_side(
        (MET, planned(MET)), (SHORT, planned(SHORT)), changes=[ScaleDemand(factor=10)]
    )

    assert told.changes == ("demand for all models times 10",)
    assert (told.before.gpus_bought, told.after.gpus_bought) == (8, 16)
    assert (told.replicas_started, told.replicas_stopped) == (1, 0)


def test_a_plan_is_of_the_snapshot_that_it_was_made_from() -> None:
    require_fit(SHORT, planned(SHORT))


def test_every_name_of_a_plan_that_the_snapshot_does_not_know_is_told() -> None:
    plan = replace(
        planned(MET),
        placements=(Placement(model="m1", config="H100-tp8", pool="p9", replicas=1),),
        purchases=(Purchase(pool="p9", gpus=8, price_per_gpu_hour=Decimal(1)),),
        serving=(),
        unserved=(Unserved(model="m9", class_name="default", node="world", tokens_per_second=1.0),),
        survival_shortfall=(
            SurvivalShortfall(model="m1", scope="world", provider="p1", tokens_per_second=1.0),
        ),
        gold_shortfall=(GoldShortfall(model="m1", tokens_per_second=1.0),),
    )

    with pytest.raises(BadInputError, match="not of this snapshot") as refused:
        require_fit(MET, plan)

    assert [fault.field for fault in refused.value.faults] == [
        "placements[0]",
        "purchases[0]",
        "unserved[0]",
        "survival_shortfall[0]",
        "gold_shortfall[0]",
    ]
