"""The negotiation sheet of one open renewal: what it is worth to us, solved quantity by quantity.

Prices are per GPU-hour of the renewed GPUs, in the currency of the plan. Every figure moves with
the demand, the penalties and the horizon of the input that it was solved for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from broker.procurement.procurement_plan import Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantityPrice:
    """The highest price at which renewing so many GPUs is no worse than renewing none.

    `marginal_price` is what the GPUs beyond the next smaller quantity are worth each hour.
    `uncertainty` is by how much the price may be off where the search stopped before the end.
    """

    gpus: int
    max_price: Decimal
    marginal_price: Decimal
    uncertainty: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceBand:
    """How many GPUs to renew at any price in (above, up_to]; `up_to` None: at any higher price."""

    above: Decimal
    up_to: Decimal | None
    gpus: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEven:
    """The one-off cost per GPU at which moving to a quote is no better than the ask."""

    quote: str
    supplier: str
    price_per_gpu_hour: Decimal
    hours: int
    switching_cost_per_gpu: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingCost:
    """What it costs if nothing is signed before a month; `gpus_renewed` is what is renewed then."""

    first_month: date
    extra_cost: Decimal
    gpus_renewed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """The walk-away price of the walk-away quantity if one figure were another."""

    what: str
    change: Decimal  # 0.2 is a fifth more
    max_price: Decimal
    cost_without: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class NegotiationSheet:
    """What to take into the call about one renewal.

    `batna` is all that is signed if nothing is renewed; `gpus_needed` how many GPUs' worth of the
    renewed model is signed only because of that. Costs are discounted, inside the horizon, held contracts left out.
    """

    contract: str
    quote: str
    supplier: str
    gpu_model: str
    gpus: int
    price_now: Decimal
    ask: Decimal
    naive_bill_per_year: Decimal
    decide_by: date
    cost_without: Decimal
    cost_with_ask: Decimal
    gpus_renewed_at_ask: int
    batna: tuple[Signature, ...]
    gpus_needed: Decimal
    walk_away_price: Decimal
    walk_away_gpus: int
    prices: tuple[QuantityPrice, ...]
    bands: tuple[PriceBand, ...]
    break_even: tuple[BreakEven, ...]
    waiting: tuple[WaitingCost, ...]
    sensitivity: tuple[Sensitivity, ...]
