"""Money: an exact amount and its currency, never mixed and never a float.

Amounts keep the digits they came with; `Money.rounded` is the one place that rounds, half-even,
and it is called once, where an amount is stored, billed or shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NewType

Currency = NewType("Currency", str)
"""An ISO 4217 alphabetic code, upper case."""

USD = Currency("USD")

MAX_DECIMALS = 6
"""Stored amounts are exact to a millionth; more decimals are an error, not a rounding."""

_CODE = re.compile(r"[A-Z]{3}")


class CurrencyMismatchError(ValueError):
    """Amounts of two currencies met where only one can stand; convert with a dated rate first."""


class TooPreciseError(ValueError):
    """An amount has more decimals than the books keep."""


def currency(code: str) -> Currency:
    """Return the currency of a three-letter code, or raise ValueError."""
    folded = code.strip().upper()
    if not _CODE.fullmatch(folded):
        raise ValueError(f"{code!r} is not an ISO 4217 currency code such as USD or EUR")
    return Currency(folded)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in one currency. Adding or comparing two currencies raises."""

    amount: Decimal
    currency: Currency = USD

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Decimal):
            raise TypeError(f"money takes a Decimal, not {type(self.amount).__name__}")
        if not self.amount.is_finite():
            raise ValueError("money is a finite amount; an unknown price is None, not a number")

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __mul__(self, factor: Decimal | int) -> Money:
        return Money(self.amount * _exact(factor), self.currency)

    def __truediv__(self, divisor: Decimal | int) -> Money:
        return Money(self.amount / _exact(divisor), self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.amount <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.amount > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.amount >= self._same(other)

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"

    def ratio_to(self, other: Money) -> Decimal:
        """Return this amount as a multiple of `other`, which must be of the same currency."""
        return self.amount / self._same(other)

    def rounded(self, decimals: int = 2) -> Money:
        """Return the amount rounded half-even to `decimals` places."""
        step = Decimal(1).scaleb(-decimals)
        return Money(self.amount.quantize(step, rounding=ROUND_HALF_EVEN), self.currency)

    def _same(self, other: Money) -> Decimal:
        if self.currency != other.currency:
            raise CurrencyMismatchError(
                f"{self.currency} and {other.currency} do not add or compare; "
                "convert one with a dated exchange rate first"
            )
        return other.amount


def storable(amount: Decimal) -> Decimal:
    """Return the amount if the books can hold it exactly; raise TooPreciseError if not."""
    if not amount.is_finite():
        raise TooPreciseError(f"{amount} is not a finite amount")
    exponent = amount.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > MAX_DECIMALS:
        raise TooPreciseError(f"{amount} has more than {MAX_DECIMALS} decimals")
    return amount


def plain(amount: Decimal) -> str:
    """Return the amount as digits without exponent or trailing zeros: 4.40 is "4.4"."""
    text = format(amount.normalize(), "f")
    return "0" if text == "-0" else text


def priced(amount: Decimal) -> str:
    """Return the amount as people write prices, with at least two decimals: 4.4 is "4.40"."""
    whole, _, decimals = plain(amount).partition(".")
    return f"{whole}.{decimals:0<2}"


def _exact(factor: Decimal | int) -> Decimal:
    if isinstance(factor, bool) or not isinstance(factor, Decimal | int):
        raise TypeError(f"money is multiplied by Decimal or int, not {type(factor).__name__}")
    return Decimal(factor)
