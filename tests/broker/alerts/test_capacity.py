"""capacity_mismatch: what is said of books that differ."""

from decimal import Decimal

import pytest

from broker.alerts.alert import Finding, Severity
from broker.alerts.capacity import mismatch_finding
from broker.alerts.thresholds import MismatchThresholds
from broker.capacity.matching import OwnedLine, Stated
from broker.capacity.reconciliation import reconcile_capacity
from pricing.money import USD, Money
from tests.broker.capacity.books import owned, stated
from tests.builders import MAY_15


def findings(
    held: Stated | None, line: OwnedLine | None = None, *, from_gpus: int = 1
) -> list[Finding]:
    found = reconcile_capacity(
        [held] if held else [], [line or owned()], readable={"harbor-compute"}, on=MAY_15
    )
    thresholds = MismatchThresholds(from_gpus=from_gpus)
    told = [mismatch_finding(each, on=MAY_15, thresholds=thresholds) for each in found]
    return [each for each in told if each is not None]


def test_another_quantity_is_a_warning_known_by_both_figures() -> None:
    (finding,) = findings(stated(quantity=1000))

    assert finding.severity is Severity.WARN
    assert finding.key == (
        "capacity_mismatch|harbor-compute/HC-2025-B200-01/1/res-1|quantity: 1000 GPUs / 1024 GPUs"
    )


def test_another_price_is_grave_and_never_told() -> None:
    (finding,) = findings(stated(price_per_gpu_hour=Money(Decimal("5.1"), USD)))

    assert finding.severity is Severity.HIGH
    assert "5.1" not in f"{finding.message}{finding.key}{finding.details}"
    assert "2.63" not in f"{finding.message}{finding.key}{finding.details}"


def test_a_line_that_the_supplier_does_not_show_is_grave() -> None:
    (finding,) = findings(None)

    assert finding.severity is Severity.HIGH


def test_a_small_difference_is_only_told_where_somebody_wants_it() -> None:
    assert findings(stated(quantity=1000), from_gpus=25) == []
    assert len(findings(stated(quantity=1000), from_gpus=24)) == 1


def test_no_gpu_apart_is_no_difference_to_be_told() -> None:
    with pytest.raises(ValueError, match="no GPU apart"):
        MismatchThresholds(from_gpus=0)
