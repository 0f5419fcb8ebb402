"""Hike: how much more a renewal asks, and how much of that is the market.

The move from today's price to the offer is cut at the benchmark: up to it the market moved, beyond
it the supplier asks a premium. Fractions compound, (1 + market) x (1 + premium) = 1 + hike; money
adds up, (benchmark - now) + (offer - benchmark) = offer - now. Prices are per GPU-hour, of one
currency, and price now is that of the last day of the current period.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from dateutil.relativedelta import relativedelta

from broker.errors import BadInputError
from pricing.commitment import HOURS_PER_BILLED_MONTH, gpu_hours
from pricing.money import Money

_NO_EXCESS = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hike:
    """A hike per GPU-hour and its parts; the parts are None without a benchmark."""

    fraction: Decimal  # 0.94 is 94 % more
    increase: Money
    market_move: Decimal | None
    premium: Decimal | None
    market_part: Money | None
    premium_part: Money | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CapBreach:
    """What an agreed uplift cap allows, and by how much an offer goes beyond it."""

    ceiling: Money  # per GPU-hour
    excess_per_gpu_hour: Money  # zero when the offer keeps to the cap
    excess: Money  # over the GPU-hours asked about


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What a hike costs in the twelve months after the end; parts are None without a benchmark."""

    gpu_hours: Decimal
    cost_now: Money  # the same hours at today's price
    cost_offered: Money
    market_part: Money | None
    premium_part: Money | None

    @property
    def total(self) -> Money:
        """Return how much more the twelve months cost."""
        return self.cost_offered - self.cost_now


def simple_hike(price_now: Money, offer: Money) -> Decimal:
    """Return offer / price now - 1."""
    _require_positive(price_now, "the current price")
    return offer.ratio_to(price_now) - 1


def split_hike(price_now: Money, offer: Money, *, benchmark: Money | None) -> Hike:
    """Return the hike, split into market move and supplier premium when there is a benchmark."""
    fraction = simple_hike(price_now, offer)
    increase = offer - price_now
    if benchmark is None:
        return Hike(
            fraction=fraction,
            increase=increase,
            market_move=None,
            premium=None,
            market_part=None,
            premium_part=None,
        )
    _require_positive(benchmark, "a benchmark")
    return Hike(
        fraction=fraction,
        increase=increase,
        market_move=benchmark.ratio_to(price_now) - 1,
        premium=offer.ratio_to(benchmark) - 1,
        market_part=benchmark - price_now,
        premium_part=offer - benchmark,
    )


def cap_breach(
    price_now: Money, offer: Money, *, cap: Decimal | None, gpu_hours: Decimal
) -> CapBreach | None:
    """Return how an offer stands to an uplift cap (a fraction: 0.07); None without a cap."""
    if cap is None:
        return None
    ceiling = price_now * (1 + cap)
    beyond = offer - ceiling
    over = beyond if beyond.amount > 0 else Money(_NO_EXCESS, offer.currency)
    return CapBreach(ceiling=ceiling, excess_per_gpu_hour=over, excess=over * gpu_hours)


def annualised_exposure(hike: Hike, *, price_now: Money, gpus: int, end: date) -> Exposure:
    """Return what the hike costs over the exact hours of the twelve months after the end.

    `end` is the first day without service, so those months run from it to the same day next year
    and hold 8,784 hours when a leap day falls in them.
    """
    hours = year_gpu_hours_after(end, gpus=gpus)
    return Exposure(
        gpu_hours=hours,
        cost_now=price_now * hours,
        cost_offered=(price_now + hike.increase) * hours,
        market_part=None if hike.market_part is None else hike.market_part * hours,
        premium_part=None if hike.premium_part is None else hike.premium_part * hours,
    )


def year_gpu_hours_after(end: date, *, gpus: int) -> Decimal:
    """Return the GPU-hours of the twelve months that start on `end`."""
    return gpu_hours(gpus, start=end, end=end + relativedelta(years=1))


def per_billed_month(per_gpu_hour: Money, *, gpus: int) -> Money:
    """Return what a price or an increase per GPU-hour makes in a month as suppliers bill it."""
    return per_gpu_hour * gpus * HOURS_PER_BILLED_MONTH


def _require_positive(price: Money, what: str) -> None:
    if price.amount <= 0:
        raise BadInputError(f"{what} is above zero; leave it out when it is not known")
