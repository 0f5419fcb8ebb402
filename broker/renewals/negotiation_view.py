"""What a procurement plan says of a renewal: up to which price, and for how many GPUs.

The plan weighs the line against everything else that is held, offered and needed, quantity by
quantity; the walk-away price of the brief weighs it against one alternative, all of it or none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from broker.renewals.recommendation import price_digits
from pricing.money import Currency, Money

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantityAdvice:
    """How many GPUs to renew at any price above one and up to another; None: at any higher one."""

    above: Money
    up_to: Money | None
    gpus: int

    def text(self) -> str:
        """Return the advice as a sentence, prices rounded down to the cent."""
        what = f"renew {self.gpus:,}" if self.gpus else "renew none"
        low = price_digits(_down(self.above))
        if self.up_to is None:
            return f"above {low}: {what}"
        high = price_digits(_down(self.up_to))
        return f"up to {high}: {what}" if not self.above.amount else f"{low} to {high}: {what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NegotiationView:
    """The newest procurement plan's sheet of the line, as far as the call needs it.

    `walk_away_price` is the highest at which any quantity is worth renewing, and
    `walk_away_gpus` that quantity; `gpus_needed` is what it takes elsewhere to renew nothing.
    """

    plan_id: str
    planned_on: date
    walk_away_price: Money
    walk_away_gpus: int
    gpus_needed: Decimal
    decide_by: date
    quantities: tuple[QuantityAdvice, ...]
    waiting_month: str | None
    waiting_cost: Money | None


def negotiation_view(
    sheet: Mapping[str, Any], *, plan_id: str, planned_on: date, currency: Currency
) -> NegotiationView:
    """Return the view of a sheet as a plan on record holds it."""

    def money(text: str) -> Money:
        return Money(Decimal(text), currency)

    waiting: Sequence[Mapping[str, Any]] = sheet["waiting"]
    first = waiting[0] if waiting else None
    return NegotiationView(
        plan_id=plan_id,
        planned_on=planned_on,
        walk_away_price=money(sheet["walk_away_price"]),
        walk_away_gpus=sheet["walk_away_gpus"],
        gpus_needed=Decimal(sheet["gpus_needed"]),
        decide_by=date.fromisoformat(sheet["decide_by"]),
        quantities=tuple(
            QuantityAdvice(
                above=money(band["above"]),
                up_to=None if band["up_to"] is None else money(band["up_to"]),
                gpus=band["gpus"],
            )
            for band in sheet["bands"]
        ),
        waiting_month=None if first is None else first["first_month"],
        waiting_cost=None if first is None else money(first["extra_cost"]),
    )


def _down(price: Money) -> Money:
    return Money(price.amount.quantize(_CENT, rounding=ROUND_FLOOR), price.currency)
