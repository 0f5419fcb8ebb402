"""capacity_mismatch: a supplier's books of what we own differ from the contracts."""

from __future__ import annotations

from datetime import date

from broker.alerts.alert import SEPARATOR, Finding, RuleName, Severity
from broker.alerts.thresholds import MismatchThresholds
from broker.capacity.reconciliation import CapacityFinding, Difference

GRAVE = frozenset({Difference.PRICE, Difference.END, Difference.NOT_AT_SUPPLIER})
"""What costs money or capacity unless somebody acts: high. The others are warnings."""


def mismatch_finding(
    found: CapacityFinding, *, on: date, thresholds: MismatchThresholds
) -> Finding | None:
    """Return a difference as a finding, or None where it is smaller than anybody wants to hear of.

    The step is the difference with its figures, without money: another figure is another alert.
    """
    if found.gpus_apart is not None and found.gpus_apart < thresholds.from_gpus:
        return None
    figures = f"{found.stated or 'nothing'} / {found.contracted or 'nothing'}"
    return Finding(
        rule=RuleName.CAPACITY_MISMATCH,
        severity=Severity.HIGH if found.difference in GRAVE else Severity.WARN,
        subject=found.object_id,
        object_id=found.object_id.replace(SEPARATOR, "/"),
        step=f"{found.difference.value}: {figures}",
        raised_on=on,
        message=found.message,
        details={
            "difference": found.difference.value,
            "supplier": found.supplier,
            "resources": ", ".join(found.resource_ids),
            "contract_ref": found.contract_ref or "",
        },
    )
