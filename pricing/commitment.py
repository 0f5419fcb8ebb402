"""Commitment: what a contract really costs per GPU-hour, however it was quoted and used.

Hours of a period are exact UTC hours, so a year has 8,760 or 8,784 of them. The billed month
stands only where a monthly price is turned into an hourly one, or back for a monthly budget.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from pricing.money import Money

HOURS_PER_DAY = 24

HOURS_PER_BILLED_MONTH = 730
"""A twelfth of a common year: the hours that a monthly price is spread over."""


class PriceBasis(StrEnum):
    """What a quoted price is the price of."""

    PER_GPU_HOUR = "per_gpu_hour"
    PER_NODE_HOUR = "per_node_hour"
    PER_GPU_MONTH = "per_gpu_month"


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedHours:
    """A number of GPU-hours at one price."""

    price_per_gpu_hour: Money
    gpu_hours: Decimal

    def __post_init__(self) -> None:
        if self.gpu_hours < 0:
            raise ValueError("GPU-hours are zero or more")

    @property
    def cost(self) -> Money:
        """Return what the hours cost together."""
        return self.price_per_gpu_hour * self.gpu_hours


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCost:
    """What a commitment cost, split into the part that worked and the part that idled."""

    used: Money
    idle: Money  # paid for and not used
    used_gpu_hours: Decimal

    @property
    def total(self) -> Money:
        """Return used and idle together: what has to be paid."""
        return self.used + self.idle

    @property
    def effective_price(self) -> Money | None:
        """Return the price per GPU-hour that worked; None when nothing did."""
        return self.total / self.used_gpu_hours if self.used_gpu_hours else None


def hours_between(start: date, end: date) -> Decimal:
    """Return the UTC hours of the days from `start` to `end`, the end not included."""
    if end < start:
        raise ValueError(f"a period cannot end on {end} before it starts on {start}")
    return Decimal((end - start).days * HOURS_PER_DAY)


def gpu_hours(gpus: int, *, start: date, end: date) -> Decimal:
    """Return the GPU-hours of so many GPUs from `start` to `end`, the end not included."""
    if gpus < 0:
        raise ValueError("a number of GPUs is zero or more")
    return gpus * hours_between(start, end)


def price_per_gpu_hour(
    quoted: Money, basis: PriceBasis, *, gpus_per_node: int | None = None
) -> Money:
    """Return a quoted price as a price per GPU-hour.

    A price per node-hour needs to know how many GPUs the node has; ValueError when it does not.
    """
    if basis is PriceBasis.PER_GPU_HOUR:
        return quoted
    if basis is PriceBasis.PER_GPU_MONTH:
        return quoted / HOURS_PER_BILLED_MONTH
    if gpus_per_node is None or gpus_per_node < 1:
        raise ValueError("a price per node-hour needs gpus_per_node of 1 or more")
    return quoted / gpus_per_node


def blended_price(parts: Iterable[PricedHours]) -> Money | None:
    """Return committed cost over committed GPU-hours; None when there are no hours.

    Weighted by hours, never a mean of prices. Levelise the prices first to have prepayment in it.
    """
    held = [part for part in parts if part.gpu_hours]
    if not held:
        return None
    cost = sum((part.cost for part in held[1:]), held[0].cost)
    return cost / sum((part.gpu_hours for part in held), Decimal(0))


def cost_of_use(
    price: Money,
    *,
    committed_gpu_hours: Decimal,
    used_gpu_hours: Decimal,
    take_or_pay_fraction: Decimal = Decimal(1),
) -> UseCost:
    """Return what a commitment cost at this use, and how much of that was idle.

    Paid are the used GPU-hours, and at least `take_or_pay_fraction` of the committed ones. With
    full take-or-pay the idle part is cost x (1 - used / committed). Hours beyond the commitment
    are burst, at a price of their own, and refused here.
    """
    if not 0 <= used_gpu_hours <= committed_gpu_hours:
        raise ValueError("used GPU-hours lie between 0 and the committed ones; bill burst apart")
    if not 0 <= take_or_pay_fraction <= 1:
        raise ValueError("take-or-pay is a fraction from 0 to 1")
    owed = max(used_gpu_hours, committed_gpu_hours * take_or_pay_fraction)
    return UseCost(
        used=price * used_gpu_hours,
        idle=price * (owed - used_gpu_hours),
        used_gpu_hours=used_gpu_hours,
    )


def levelised_price(
    price: Money, *, term_months: int, prepaid_fraction: Decimal, annual_rate: Decimal
) -> Money:
    """Return the price per GPU-hour that, paid as you go, is worth the same as part prepaid.

    Present value of all payments over present value of the GPU-hours. The prepaid fraction of the
    whole price falls due at the start; the rest is paid in equal months, in arrears. The GPU-hours
    of a month, all months alike, count at its end too. `annual_rate` is an effective yearly rate:
    k months are discounted by (1 + rate) ** (k / 12). Without prepayment this is the price itself.
    """
    if term_months < 1:
        raise ValueError("a term has at least one month")
    if not 0 <= prepaid_fraction <= 1:
        raise ValueError("the prepaid part is a fraction from 0 to 1")
    if annual_rate <= -1:
        raise ValueError("a yearly rate is above -1; 10 % is 0.10")
    growth = 1 + annual_rate
    present_months = sum(
        (growth ** (Decimal(-month) / 12) for month in range(1, term_months + 1)), Decimal(0)
    )
    return price * (1 + prepaid_fraction * (term_months / present_months - 1))


def mark_to_market(
    contract_price: Money,
    market_price: Money,
    *,
    remaining_gpu_hours: Decimal,
    discount_factor: Decimal = Decimal(1),
) -> Money:
    """Return what the rest of a contract is worth against the market; above zero is in our favour.

    Not an accounting value. For a market that is expected to move, add up one call per stretch.
    """
    return (market_price - contract_price) * remaining_gpu_hours * discount_factor


def price_per_b200_hour(price: Money, *, b200_factor: Decimal) -> Money:
    """Return a price per B200-equivalent-hour; a GPU doing 40 % of a B200's work has factor 0.4."""
    if b200_factor <= 0:
        raise ValueError("an equivalence factor is above zero; leave unknown hardware out")
    return price / b200_factor
