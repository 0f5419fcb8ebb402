from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.errors import BadInputError, Fault
from broker.placement.snapshot import PoolKind, Snapshot, SurvivalScope
from broker.placement.snapshot_json import snapshot_document
from broker.placement.snapshot_reading import (
    CONFIG_FIELDS,
    DEMAND_FIELDS,
    MODEL_FIELDS,
    NODE_FIELDS,
    POLICY_FIELDS,
    POOL_FIELDS,
    PROVIDER_FIELDS,
    RUNNING_FIELDS,
    SNAPSHOT_FIELDS,
    read_snapshot,
)
from tests.broker.placement.strategies import snapshots

SAMPLES = sorted((Path(__file__).parents[3] / "fixtures/planner").glob("*.snapshot.json"))


def a_document() -> dict[str, Any]:
    return {
        "as_of": "2026-11-21T00:00:00Z",
        "tree": [{"node": "world"}, {"node": "AM", "parent": "world"}],
        "providers": [{"provider": "p1", "gold": True}],
        "pools": [
            {
                "pool": "p1/H100",
                "provider": "p1",
                "node": "AM",
                "region": "us-e-1",
                "gpu_model": "H100",
                "kind": "on_demand",
                "capacity_gpus": 512,
                "step_gpus": 8,
                "price_per_gpu_hour": "2.10",
                "availability": 0.995,
            }
        ],
        "models": [
            {
                "model": "m1",
                "priority": 900,
                "survival_scope": "root",
                "classes": ["default"],
                "configs": [
                    {
                        "config": "H100-tp8",
                        "gpu_model": "H100",
                        "gpus": 8,
                        "tokens_per_second": {"default": 5200},
                    }
                ],
            }
        ],
        "demand": [{"model": "m1", "class": "default", "node": "AM", "tokens_per_second": 12e4}],
        "current": [{"model": "m1", "config": "H100-tp8", "pool": "p1/H100", "replicas": 3}],
        "policy": {"headroom_factor": 1.0, "opportunity_cost_per_gpu_hour": "0.02"},
    }


def changed(path: str, value: object) -> dict[str, Any]:
    """Return the document with one value replaced, or taken out where it is `...`."""
    document = a_document()
    *way, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    place: Any = document
    for step in way:
        place = place[step]
    if value is ...:
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value
    return document


def faults_of(document: object) -> dict[str | None, str]:
    with pytest.raises(BadInputError) as refused:
        read_snapshot(document)
    return {fault.field: fault.message for fault in refused.value.faults}


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_the_samples_read_and_keep_every_row(path: Path) -> None:
    document = json.loads(path.read_text(), parse_float=Decimal)

    snapshot = read_snapshot(document)

    assert len(snapshot.pools) == len(document["pools"])
    assert len(snapshot.demand) == len(document["demand"])


def test_there_are_samples() -> None:
    assert len(SAMPLES) == 3


def test_a_snapshot_reads_as_it_is_written() -> None:
    snapshot = read_snapshot(a_document())

    assert snapshot.pools[0].kind is PoolKind.ON_DEMAND
    assert snapshot.pools[0].price_per_gpu_hour == Decimal("2.10")
    assert snapshot.models[0].survival_scope is SurvivalScope.ROOT
    assert snapshot.models[0].configs[0].tokens_per_second == {"default": 5200.0}
    assert snapshot.current[0].replicas == 3


def test_prices_may_be_numbers_and_numbers_may_be_text() -> None:
    document = changed("pools/0/price_per_gpu_hour", Decimal("2.8689"))
    document["pools"][0]["capacity_gpus"] = "512"

    pool = read_snapshot(document).pools[0]

    assert (pool.price_per_gpu_hour, pool.capacity_gpus) == (Decimal("2.8689"), 512)


def test_what_is_left_out_is_what_the_documents_say() -> None:
    document = a_document()
    for name in ("current", "policy"):
        del document[name]
    document["models"][0] = {"model": "m1"}
    document["demand"][0].pop("class")

    snapshot = read_snapshot(document)

    assert snapshot.current == ()
    assert snapshot.policy.opportunity_cost_per_gpu_hour == Decimal("0.02")
    assert snapshot.models[0].classes == ("default",)
    assert snapshot.demand[0].class_name == "default"


@pytest.mark.parametrize(
    ("path", "value", "field", "words"),
    [
        ("as_of", ..., "as_of", "missing"),
        ("as_of", "2026-11-21T00:00:00", "as_of", "no time zone"),
        ("as_of", "yesterday", "as_of", "not an instant"),
        ("tree", [], "tree", "no root"),
        ("tree/1", {"node": "AM"}, "tree", "2 roots"),
        ("tree/1/parent", "wrld", "tree[1].parent", "did you mean"),
        ("tree/0/parent", "AM", "tree[1].parent", "under itself"),
        ("tree/2", {"node": "AM", "parent": "world"}, "tree[2].node", "twice"),
        ("providers/1", {"provider": "p1"}, "providers[1].provider", "twice"),
        ("providers/0/gold", 1, "providers[0].gold", "true or false"),
        ("pools/0/node", "Am", "pools[0].node", "add it to tree"),
        ("pools/0/provider", "px", "pools[0].provider", "add it to providers"),
        ("pools/0/kind", "rented", "pools[0].kind", "on_demand"),
        ("pools/0/capacity_gpus", True, "pools[0].capacity_gpus", "true stands where a number"),
        ("pools/0/capacity_gpus", 7.5, "pools[0].capacity_gpus", "whole"),
        ("pools/0/capacity_gpus", 10**30, "pools[0].capacity_gpus", "not from 0"),
        ("pools/0/step_gpus", 0, "pools[0].step_gpus", "not from 1"),
        ("pools/0/price_per_gpu_hour", ..., "pools[0].price_per_gpu_hour", "missing"),
        ("pools/0/price_per_gpu_hour", "-1", "pools[0].price_per_gpu_hour", "not from 0"),
        ("pools/0/price_per_gpu_hour", "2,10", "pools[0].price_per_gpu_hour", "not a number"),
        ("pools/0/price_per_gpu_hour", float("nan"), "pools[0].price_per_gpu_hour", "finite"),
        ("pools/0/price_per_gpu_hour", float("inf"), "pools[0].price_per_gpu_hour", "finite"),
        ("pools/0/availability", 99.5, "pools[0].availability", "not from 0 to 1"),
        ("pools/0/pool", " ", "pools[0].pool", "no name"),
        ("pools/0/capacity", 8, "pools[0].capacity", "capacity_gpus"),
        ("models/0/priority", 1001, "models[0].priority", "not from 0 to 1,000"),
        ("models/0/survival", 1.01, "models[0].survival", "not from 0 to 1"),
        ("models/0/survival_scope", "area", "models[0].survival_scope", "parent"),
        ("models/0/classes", [], "models[0].classes", "at least one"),
        ("models/0/classes/1", "default", "models[0].classes[1]", "twice"),
        ("models/0/configs/0/gpu_model", ..., "models[0].configs[0].gpu_model", "missing"),
        ("models/0/configs/0/gpus", 0, "models[0].configs[0].gpus", "not from 1"),
        (
            "models/0/configs/0/tokens_per_second/long",
            5,
            "models[0].configs[0].tokens_per_second.long",
            "its classes",
        ),
        (
            "models/0/configs/0/tokens_per_second/default",
            -5,
            "models[0].configs[0].tokens_per_second.default",
            "not from 0",
        ),
        ("demand/0/class", "long", "demand[0].class", "its classes"),
        ("demand/0/model", "m2", "demand[0].model", "add it to models"),
        ("demand/0/tokens_per_second", None, "demand[0].tokens_per_second", "null stands"),
        ("current/0/pool", "p1/H200", "current[0].pool", "did you mean"),
        ("current/0/config", "H100-tp4", "current[0].config", "its configs"),
        ("current/0/must_stay", 4, "current[0].must_stay", "only 3 run"),
        ("pools/0/gpu_model", "H200", "current[0].config", "the pool has"),
        ("policy", [], "policy", "a list stands where an object must"),
        ("policy/horizon", 1, "policy.horizon", "no field"),
        ("models", {}, "models", "an object stands where a list must"),
    ],
)
def test_a_fault_names_its_place_and_the_way_out(
    path: str, value: object, field: str, words: str
) -> None:
    assert words in faults_of(changed(path, value))[field]


def test_a_pool_that_ends_before_it_starts_is_a_fault() -> None:
    document = changed("pools/0/starts_at", "2026-12-01T00:00:00Z")
    document["pools"][0]["ends_at"] = "2026-11-30T00:00:00Z"

    assert list(faults_of(document)) == ["pools[0].ends_at"]


def test_two_rows_of_the_same_demand_are_a_fault() -> None:
    document = a_document()
    document["demand"] *= 2

    assert "add the two together" in faults_of(document)["demand[1]"]


def test_every_fault_is_told_at_once_and_once() -> None:
    document = a_document()
    document["pools"][0] |= {"node": "moon", "kind": 3, "capacity_gpus": -1}
    document["models"][0]["configs"][0]["gpus"] = 0
    del document["demand"]

    assert list(faults_of(document)) == [
        "pools[0].kind",
        "pools[0].capacity_gpus",
        "models[0].configs[0].gpus",
        "demand",
        "pools[0].node",
    ]


def test_a_row_that_is_no_object_has_one_fault_only() -> None:
    assert list(faults_of(changed("pools/0", 7) | {"current": []})) == ["pools[0]"]


@pytest.mark.parametrize("document", [None, [], "snapshot", 7, True])
def test_what_is_no_object_at_all_is_refused(document: object) -> None:
    assert list(faults_of(document)) == ["$"]


@given(snapshots())
@settings(max_examples=60)
def test_what_is_written_reads_back_the_same(snapshot: Snapshot) -> None:
    written = json.dumps(snapshot_document(snapshot))

    assert read_snapshot(json.loads(written, parse_float=Decimal)) == snapshot
    assert read_snapshot(json.loads(written)) == snapshot


FIELD_NAMES = sorted(
    {*SNAPSHOT_FIELDS, *NODE_FIELDS, *PROVIDER_FIELDS, *POOL_FIELDS, *MODEL_FIELDS}
    | {*CONFIG_FIELDS, *DEMAND_FIELDS, *RUNNING_FIELDS, *POLICY_FIELDS}
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from((10**400, float("nan"), float("-inf"), Decimal("1E+999999")))
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(("m1", "AM", "spot", "root", "1e5", "0001-01-01T00:00:00+14:00"))
)
KEYS = st.sampled_from(FIELD_NAMES) | st.text(max_size=4)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=12,
)


def refused_well(document: object) -> None:
    faults = faults_if_any(document)
    assert faults is None or faults
    assert all(fault.field and fault.message for fault in faults or ())


def faults_if_any(document: object) -> tuple[Fault, ...] | None:
    try:
        read_snapshot(document)
    except BadInputError as refused:
        return refused.faults
    return None


def test_a_number_too_long_to_print_is_a_fault_too() -> None:
    document = changed("pools/0/capacity_gpus", 10**5000)

    assert "not from 0" in faults_of(document)["pools[0].capacity_gpus"]


@given(VALUES)
@settings(max_examples=150)
def test_any_json_value_reads_or_says_what_is_wrong_where(document: object) -> None:
    refused_well(document)


@given(st.data())
@settings(max_examples=150)
def test_a_good_snapshot_with_one_value_changed_reads_or_says_where(data: st.DataObject) -> None:
    document = a_document()
    place: Any = document
    while True:
        key = data.draw(
            st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place)))
        )
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            place[key] = data.draw(VALUES)
            break
        place = place[key]

    refused_well(document)
