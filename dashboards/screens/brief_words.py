"""How a brief names things."""

from __future__ import annotations

from decimal import Decimal

from broker.api.client import Brief
from dashboards import figures


def line_of(brief: Brief) -> str:
    """Return the line that a brief is about."""
    header = brief.header
    return f"{header.supplier} · {header.contract_ref}/{header.line_no}"


def risk_of(score: Decimal | None, low: Decimal, high: Decimal) -> str:
    """Return a risk score, or the range it lies in."""
    if score is not None:
        return figures.number(score, 1)
    return f"{figures.number(low, 0)} to {figures.number(high, 0)}"
