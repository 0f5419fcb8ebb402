"""What a GPU-hour of a contract line costs: with what was paid in advance, and one more of them.

*Effective* is the price that, paid as you go, is worth the same as the contract's with its
prepayment. *Marginal* is effective x (1 - take-or-pay): what is paid for anyway costs nothing more
to use. What take-or-pay is stays unknown where the contract does not say; then nothing is taken to
be paid anyway, and marginal is effective.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from broker.contracts.line import Line
from pricing.commitment import levelised_price
from pricing.fx import FxTable, NoRateError
from pricing.money import MAX_DECIMALS, USD, Money


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuHourPrices:
    """Prices per GPU-hour, rounded half-even to the decimals that are stored; None: unknown."""

    marginal: Money | None
    effective: Money | None


UNPRICED = GpuHourPrices(marginal=None, effective=None)


def prices_of(line: Line, *, on: date, annual_rate: Decimal | None) -> GpuHourPrices:
    """Return what a GPU-hour of a line costs on a day, before its term on the first, after on the last.

    `annual_rate` is our own yearly rate, by which prepayment is weighed. Without one, or without a
    term, the effective price of a prepaid line is unknown.
    """
    price = line.price_on(_day_in_term(line, on))
    if price is None:
        return UNPRICED
    effective = _effective(line, price, annual_rate)
    return GpuHourPrices(
        marginal=_rounded(_marginal(line, price, effective)), effective=_rounded(effective)
    )


def in_dollars(
    price: Money | None, rates: FxTable, *, on: date, max_age_days: int
) -> Decimal | None:
    """Return a price in US dollars by the last rate that is young enough; None without one."""
    if price is None:
        return None
    try:
        converted = rates.convert(price, USD, on=on, max_age_days=max_age_days)
    except NoRateError:
        return None
    return converted.amount.rounded(MAX_DECIMALS).amount


def _day_in_term(line: Line, on: date) -> date:
    last_day = line.end_on - timedelta(days=1) if line.end_on is not None else on
    return min(max(on, line.start_on), last_day)


def _effective(line: Line, price: Money, annual_rate: Decimal | None) -> Money | None:
    if not line.prepay_pct:
        return price
    if line.term_months is None or annual_rate is None:
        return None
    return levelised_price(
        price,
        term_months=line.term_months,
        prepaid_fraction=line.prepay_pct / 100,
        annual_rate=annual_rate,
    )


def _marginal(line: Line, price: Money, effective: Money | None) -> Money | None:
    if line.take_or_pay_pct is None:
        return effective
    unpaid_fraction = 1 - line.take_or_pay_pct / 100
    if unpaid_fraction <= 0:  # known even where the effective price is not
        return Money(Decimal(0), price.currency)
    return None if effective is None else effective * unpaid_fraction


def _rounded(price: Money | None) -> Money | None:
    return None if price is None else price.rounded(MAX_DECIMALS)
