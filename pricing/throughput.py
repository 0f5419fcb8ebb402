"""Throughput: from a price per GPU-hour to a price per million tokens, and what is left of it.

Two bases, always both: *used* counts the busy hours only, *full* carries the idle ones as well.
They differ by the cost of idle GPUs, which is ours and not the model's.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from pricing.money import Money

SECONDS_PER_HOUR = 3_600
TOKENS_PER_MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCost:
    """What a million tokens costs, without and with the idle hours."""

    used: Money
    full: Money

    @property
    def idle(self) -> Money:
        """Return the part of a million tokens' cost that pays for idle GPUs."""
        return self.full - self.used


def cost_per_million_tokens(
    price_per_gpu_hour: Money, *, tokens_per_gpu_second: Decimal, busy_fraction: Decimal
) -> TokenCost:
    """Return the cost of a million tokens on both bases.

    `tokens_per_gpu_second` is the speed while busy, `busy_fraction` the part of the paid hours
    that is. Raises ValueError when nothing is made: such tokens have no cost, not an endless one.
    """
    if tokens_per_gpu_second <= 0:
        raise ValueError("a speed in tokens per second is above zero")
    if not 0 < busy_fraction <= 1:
        raise ValueError("the busy part of the hours is a fraction above 0 and up to 1")
    million_tokens_per_hour = tokens_per_gpu_second * SECONDS_PER_HOUR / TOKENS_PER_MILLION
    used = price_per_gpu_hour / million_tokens_per_hour
    return TokenCost(used=used, full=used / busy_fraction)


def gross_margin(*, revenue: Money, cost: Money) -> Decimal:
    """Return 1 - cost / revenue, both of the same thing: a million tokens, a model, a customer."""
    if revenue.amount <= 0:
        raise ValueError("a margin needs revenue above zero; without revenue it is unknown")
    return 1 - cost.ratio_to(revenue)


def price_for_margin(cost: Money, *, margin: Decimal) -> Money:
    """Return the price at which this cost leaves the margin (a fraction under 1)."""
    if margin >= 1:
        raise ValueError("a margin is a fraction under 1; nothing sold at a cost leaves all of it")
    return cost / (1 - margin)
