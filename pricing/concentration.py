"""Concentration: how much depends on how few suppliers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Concentration:
    """How a total spreads over suppliers."""

    hhi: Decimal  # Herfindahl-Hirschman index on percentages: 10,000 is one supplier
    effective_suppliers: Decimal  # how many equal suppliers would be as concentrated
    largest: str
    largest_share: Decimal  # 0 to 1


def concentration(amounts: Mapping[str, Decimal]) -> Concentration | None:
    """Return the concentration of amounts (cost, capacity, hours) by supplier; None without any.

    HHI is the sum of the squared shares in percent, effective suppliers is one over the sum of
    the squared shares. Raises ValueError for a negative amount.
    """
    if any(amount < 0 for amount in amounts.values()):
        raise ValueError("a supplier's share cannot be negative; net credits before comparing")
    total = sum(amounts.values(), Decimal(0))
    if total == 0:
        return None
    squares = sum((amount * amount for amount in sorted(amounts.values())), Decimal(0))
    largest = min(amounts, key=lambda name: (-amounts[name], name))
    return Concentration(
        hhi=squares * 10_000 / (total * total),
        effective_suppliers=total * total / squares,
        largest=largest,
        largest_share=amounts[largest] / total,
    )
