"""Holdings and lines for the tests of owned capacity."""

from datetime import UTC, datetime
from typing import Any

from broker.capacity.matching import OwnedLine, Stated
from broker.contracts.fold import fold
from pricing.hardware import canonical_gpu
from pricing.holding import Holding, HoldingKind, HoldingState
from pricing.offer import StockUnit
from tests.builders import NOON, chained, contract_recorded, line_recorded, some_terms

START = datetime(2025, 10, 1, tzinfo=UTC)
END = datetime(2026, 10, 1, tzinfo=UTC)


def a_holding(**changes: Any) -> Holding:
    """1,024 B200 of Harbor Compute from October to October, as its API states them."""
    defaults: dict[str, Any] = {
        "supplier": "harbor-compute",
        "resource_id": "res-1",
        "kind": HoldingKind.RESERVATION,
        "region": "us-central",
        "native_type": "b200-8x",
        "gpu": canonical_gpu("B200-SXM"),
        "gpus_per_unit": 8,
        "quantity": 1024,
        "unit": StockUnit.GPU,
        "used": 900,
        "start_at": START,
        "end_at": END,
        "state": HoldingState.ACTIVE,
        "provider_state": "ACTIVE",
        "observed_at": NOON,
        "source": "reservations",
    }
    return Holding(**{**defaults, **changes})


def stated(contract_id: str | None = None, **changes: Any) -> Stated:
    """Such a holding, as the rules see it."""
    return Stated(holding=a_holding(**changes), contract_id=contract_id)


def owned(ref: str = "HC-2025-B200-01", contract_id: str = "c1", **terms: Any) -> OwnedLine:
    """A line in force: 1,024 B200 for a year from October."""
    contract = fold(
        chained(
            contract_recorded(contract_id, ref=ref),
            line_recorded(some_terms(**terms)),
            stream=f"contract/{contract_id}",
        )
    )
    return OwnedLine(
        contract=contract,
        line=contract.lines[0],
        supplier_names=frozenset({contract.supplier_key}),
    )
