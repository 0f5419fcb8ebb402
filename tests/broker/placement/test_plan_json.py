from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.errors import BadInputError
from broker.placement.plan import Plan
from broker.placement.plan_json import plan_document, read_placements, read_plan
from tests.broker.placement.strategies import plans

A_PLAN: dict[str, Any] = {
    "status": "feasible",
    "hash": "ab" * 32,
    "placements": [{"model": "m1", "config": "H100-tp8", "pool": "p1", "replicas": 3}],
    "purchases": [{"pool": "p1", "gpus": 24, "price_per_gpu_hour": "2.10"}],
    "serving": [],
    "unserved": [],
    "survival_shortfall": [],
    "gold_shortfall": [],
    "cost_per_hour": {"new": "50.4", "sunk": "0", "starts": "0", "opportunity": "0.48"},
    "bound_per_hour": 50.1,
    "gap_variable": 0.01,
    "gap_managed": None,
    "moves": [
        {
            "model": "m1",
            "from": None,
            "to": "H100-tp8 on p1",
            "replicas": 3,
            "saves_per_hour": "-0.5",
        }
    ],
}


@given(plans())
@settings(max_examples=40)
def test_a_plan_reads_back_as_it_was_written(plan: Plan) -> None:
    assert read_plan(json.loads(json.dumps(plan_document(plan)), parse_float=Decimal)) == plan


def test_what_only_explains_a_plan_may_be_missing() -> None:
    plan = read_plan(A_PLAN)

    assert plan.shadow_prices == ()
    assert plan.moves[0].saves_per_hour == Decimal("-0.5")
    assert plan.cost_per_hour.money == Decimal("50.88")


def test_prices_are_text_and_the_bound_is_a_number() -> None:
    document: Any = plan_document(read_plan(A_PLAN))

    assert document["cost_per_hour"]["new"] == "50.4"
    assert document["bound_per_hour"] == 50.1


def test_every_fault_of_a_plan_is_told_with_its_place() -> None:
    document = A_PLAN | {"status": "best", "cost_per_hour": {"new": True}, "purchases": [{}]}

    with pytest.raises(BadInputError) as refused:
        read_plan(document)

    assert {fault.field for fault in refused.value.faults} == {
        "status",
        "purchases[0].pool",
        "purchases[0].gpus",
        "purchases[0].price_per_gpu_hour",
        "cost_per_hour.new",
        "cost_per_hour.sunk",
        "cost_per_hour.starts",
        "cost_per_hour.opportunity",
    }


def test_the_placements_of_any_plan_can_be_what_runs_now() -> None:
    (running,) = read_placements({"placements": A_PLAN["placements"], "reference": {}})

    assert (running.pool, running.replicas, running.must_stay) == ("p1", 3, 0)


def test_placements_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(BadInputError) as refused:
        read_placements([])

    assert refused.value.faults


@given(
    st.dictionaries(
        st.sampled_from(sorted(A_PLAN)),
        st.none() | st.integers() | st.text(max_size=3) | st.lists(st.none(), max_size=2),
    )
)
@settings(max_examples=60)
def test_any_document_reads_or_gives_faults(changes: dict[str, Any]) -> None:
    document = A_PLAN | changes

    try:
        plan = read_plan(document)
    except BadInputError as refused:
        plan = None
        faults = refused.faults

    assert plan is not None or faults
