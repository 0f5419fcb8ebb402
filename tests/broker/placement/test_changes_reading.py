"""Changes of a what-if as they come: every fault of them at once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.errors import BadInputError
from broker.placement.changes_reading import MOST_CHANGES, ChangeKind, read_changes
from broker.placement.json_faults import Faults
from broker.placement.json_fields import Fields
from broker.placement.what_if import (
    Change,
    ClosePool,
    LoseProvider,
    ScaleDemand,
    ScalePrices,
)
from tests.broker.flows.plans import a_snapshot_document


def read(changes: object) -> tuple[Change, ...]:
    faults = Faults()
    found = read_changes(Fields(faults, {"changes": changes}, "", ("changes",)))
    faults.refuse("this request")
    return found


def faults_of(changes: object) -> set[tuple[str | None, str]]:
    with pytest.raises(BadInputError) as refused:
        read(changes)
    return {(fault.field, fault.code) for fault in refused.value.faults}


def test_each_kind_of_change_is_read_in_its_order() -> None:
    pool = a_snapshot_document()["pools"][0]
    found = read(
        [
            {"kind": "lose-provider", "provider": "p1"},
            {"kind": "close-pool", "pool": "p1/H100"},
            {"kind": "scale-prices", "factor": "1.2"},
            {"kind": "scale-demand", "factor": 1.5, "model": "m1"},
            {"kind": "add-pool", "pool": pool},
        ]
    )

    assert found[:4] == (
        LoseProvider(provider="p1"),
        ClosePool(pool="p1/H100"),
        ScalePrices(factor=Decimal("1.2")),
        ScaleDemand(factor=1.5, model="m1"),
    )
    assert found[4].sentence() == "16 GPUs more: p1/H100"


def test_every_fault_of_every_change_is_told_with_its_path() -> None:
    assert faults_of(
        [
            {"kind": "lose-supplier", "provider": "p1"},
            {"kind": "close-pool"},
            {"kind": "scale-prices", "factor": -1, "model": "m1"},
            {"kind": "scale-demand", "factor": "much"},
            {"kind": "add-pool", "pool": {"pool": "x"}},
            7,
        ]
    ) >= {
        ("changes[0].kind", "bad_value"),
        ("changes[1].pool", "missing_field"),
        ("changes[2].factor", "out_of_range"),
        ("changes[2].model", "unknown_field"),
        ("changes[3].factor", "bad_value"),
        ("changes[4].pool.provider", "missing_field"),
        ("changes[5]", "wrong_type"),
    }


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ([], "bad_value"),
        ("all", "wrong_type"),
        ([{"kind": "close-pool", "pool": "x"}] * (MOST_CHANGES + 1), "out_of_range"),
    ],
)
def test_no_change_and_too_many_are_refused(changes: object, code: str) -> None:
    assert faults_of(changes) == {("changes", code)}


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
ROWS = st.fixed_dictionaries(
    {"kind": st.sampled_from(list(ChangeKind)) | JSON},
    optional={"provider": JSON, "pool": JSON, "factor": JSON, "model": JSON},
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS | JSON, max_size=3))
def test_whatever_comes_is_read_or_has_a_fault_with_a_path(changes: list[Any]) -> None:
    faults = Faults()

    found = read_changes(Fields(faults, {"changes": changes}, "", ("changes",)))

    assert len(found) == len(changes)
    assert all(fault.field and fault.message for fault in faults.found)
    assert faults.found or changes
