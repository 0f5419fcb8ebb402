"""How figures leave the rules: rounded once, half-even, to what a page and a program show.

Prices per GPU-hour or per million tokens to a hundredth of a cent, totals to the cent, fractions
to a hundredth of a percent. A walk-away price is rounded down, so that what is shown is never
more than what is worth paying.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from pricing.money import Money

PRICE_DECIMALS = 4
TOTAL_DECIMALS = 2
_RATIO_STEP = Decimal("0.0001")
_SCORE_STEP = Decimal("0.1")


def price(money: Money) -> Money:
    """Return a price per GPU-hour or per million tokens as it is shown."""
    return money.rounded(PRICE_DECIMALS)


def maybe_price(money: Money | None) -> Money | None:
    """Return a price as it is shown; None stays None."""
    return None if money is None else price(money)


def total(money: Money) -> Money:
    """Return an amount as it is shown, to the cent."""
    return money.rounded(TOTAL_DECIMALS)


def maybe_total(money: Money | None) -> Money | None:
    """Return an amount as it is shown; None stays None."""
    return None if money is None else total(money)


def limit(money: Money) -> Money:
    """Return a price that must not be exceeded, rounded down."""
    step = Decimal(1).scaleb(-PRICE_DECIMALS)
    return Money(money.amount.quantize(step, rounding=ROUND_FLOOR), money.currency)


def ratio(fraction: Decimal) -> Decimal:
    """Return a fraction as it is shown."""
    return fraction.quantize(_RATIO_STEP, rounding=ROUND_HALF_EVEN)


def maybe_ratio(fraction: Decimal | None) -> Decimal | None:
    """Return a fraction as it is shown; None stays None."""
    return None if fraction is None else ratio(fraction)


def score(points: Decimal) -> Decimal:
    """Return points out of a hundred as they are shown."""
    return points.quantize(_SCORE_STEP, rounding=ROUND_HALF_EVEN)


def whole(number: Decimal) -> int:
    """Return a count of hours, days or GPU-hours without its fraction."""
    return int(number.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
