"""What a supplier's books say is ours, counted in GPUs where that can be known."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.hardware import canonical_gpu
from pricing.holding import Holding, HoldingKind, HoldingState, QuantityChange
from pricing.offer import StockUnit

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
COUNTS = st.integers(min_value=0, max_value=10_000)


def a_holding(**changes: Any) -> Holding:
    """Four nodes of eight H100, three of them used."""
    defaults: dict[str, Any] = {
        "supplier": "northwind",
        "resource_id": "r-1",
        "kind": HoldingKind.RESERVATION,
        "region": "us-east",
        "native_type": "gpu.8x",
        "gpu": canonical_gpu("H100-SXM"),
        "gpus_per_unit": 8,
        "quantity": 4,
        "unit": StockUnit.INSTANCE,
        "used": 3,
        "start_at": NOON,
        "end_at": None,
        "state": HoldingState.ACTIVE,
        "provider_state": "ACTIVE",
        "observed_at": NOON,
        "source": "reservations",
    }
    return Holding(**{**defaults, **changes})


def test_instances_are_counted_in_gpus() -> None:
    assert (a_holding().gpus, a_holding().gpus_used) == (32, 24)


@given(quantity=COUNTS, used=COUNTS, size=st.integers(1, 72))
def test_gpus_are_units_times_their_size_and_gpus_are_themselves(
    quantity: int, used: int, size: int
) -> None:
    for unit in (StockUnit.INSTANCE, StockUnit.NODE):
        held = a_holding(quantity=quantity, used=used, unit=unit, gpus_per_unit=size)
        assert (held.gpus, held.gpus_used) == (quantity * size, used * size)
    counted = a_holding(quantity=quantity, used=used, unit=StockUnit.GPU, gpus_per_unit=size)
    assert (counted.gpus, counted.gpus_used) == (quantity, used)


def test_what_nobody_knows_is_none_and_not_nothing() -> None:
    assert a_holding(gpus_per_unit=None).gpus is None
    assert a_holding(gpus_per_unit=None, unit=StockUnit.GPU).gpus == 4
    assert a_holding(quantity=None).gpus is None
    assert a_holding(used=None).gpus_used is None
    assert a_holding(used=0).gpus_used == 0


@pytest.mark.parametrize("field", ["start_at", "end_at", "delivered_at", "observed_at"])
def test_every_instant_needs_its_offset(field: str) -> None:
    with pytest.raises(ValueError, match="offset"):
        a_holding(**{field: NOON.replace(tzinfo=None)})


@pytest.mark.parametrize("field", ["quantity", "used"])
def test_less_than_nothing_cannot_be_held_or_used(field: str) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        a_holding(**{field: -1})


def test_an_announced_change_needs_the_offset_of_its_instant() -> None:
    with pytest.raises(ValueError, match="offset"):
        QuantityChange(at=NOON.replace(tzinfo=None), to=8)


@pytest.mark.parametrize("state", HoldingState)
def test_a_claim_is_live_until_it_has_ended_or_nobody_knows(state: HoldingState) -> None:
    over = {
        HoldingState.EXPIRED,
        HoldingState.CANCELLED,
        HoldingState.FAILED,
        HoldingState.UNKNOWN,
    }

    assert state.is_live is (state not in over)
