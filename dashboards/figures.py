"""Figures as people read them: exact amounts from the API in, text with units out.

Unknown is a dash, never 0. `Drawn` and `drawn` make the floats that charts and sortable columns
need; nothing else may.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from broker.api.client import Currency, Money

UNKNOWN: Final = "—"
MINUS: Final = "\u2212"
NO_BREAK: Final = "\u00a0"

_SYMBOLS: Final = {"USD": "$", "EUR": "€", "GBP": "£"}
_MARKUP: Final = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&@/])")
_LARGE: Final = ((9, "bn"), (6, "m"), (3, "k"))
_MOST_DECIMALS: Final = 4


class Drawn(float):
    """A number to sort a column by, which carries the exact text that is shown."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, number: Decimal | int, text: str) -> Drawn:
        """Return the number with its text."""
        made = super().__new__(cls, number)
        made.text = text
        return made


def money(amount: str, currency: str) -> Money:
    """Return an amount that crossed the network as text."""
    return Money(Decimal(amount), Currency(currency))


def dollars(amount: str | None) -> Money | None:
    """Return a market price, which is always in US dollars; None stays None."""
    return None if amount is None else money(amount, "USD")


def total(found: Money | None, *, signed: bool = False) -> str:
    """Return an amount to the cent, with its currency; `signed` marks more with a plus."""
    return UNKNOWN if found is None else _money(found, 2, signed=signed)


def price(found: Money | None) -> str:
    """Return a price per GPU-hour: two decimals, or as many as four if it needs them."""
    if found is None:
        return UNKNOWN
    exact = _rounded(found.amount, _MOST_DECIMALS).normalize()
    return _money(found, max(2, -int(exact.as_tuple().exponent)))


def precise(found: Money | None) -> str:
    """Return a price with four decimals, for columns of them."""
    return UNKNOWN if found is None else _money(found, _MOST_DECIMALS)


def short(found: Money | None, *, signed: bool = False) -> str:
    """Return a large amount in thousands, millions or billions, with two decimals."""
    if found is None:
        return UNKNOWN
    for step, suffix in _LARGE:
        if abs(found.amount) >= Decimal(10) ** step:
            scaled = Money(found.amount.scaleb(-step), found.currency)
            return f"{_money(scaled, 2, signed=signed)}{NO_BREAK}{suffix}"
    return _money(found, 0, signed=signed)


def percent(fraction: Decimal | None, *, signed: bool = False, decimals: int = 1) -> str:
    """Return a fraction (0.9392) as percent (93.9 %); `signed` marks a rise with a plus."""
    if fraction is None:
        return UNKNOWN
    found = _rounded(fraction * 100, decimals)
    return f"{_sign(found, signed=signed)}{abs(found):,}{NO_BREAK}%"


def number(value: Decimal | None, decimals: int) -> str:
    """Return a number without a unit."""
    return UNKNOWN if value is None else f"{_rounded(value, decimals):,}"


def count(things: int | None) -> str:
    """Return a number of things."""
    return UNKNOWN if things is None else f"{things:,}".replace("-", MINUS)


def day(on: date | None) -> str:
    """Return a day as 2 Jul 2026."""
    return UNKNOWN if on is None else f"{on.day} {on:%b %Y}"


def moment(at: datetime) -> str:
    """Return a time of day in UTC."""
    return f"{at:%H:%M:%S} UTC"


def days(number_of_days: int) -> str:
    """Return a number of days."""
    return "1 day" if number_of_days == 1 else f"{number_of_days:,} days"


def days_left(left: int | None) -> str:
    """Return how many days are left, in words that say so when there are none."""
    if left is None:
        return UNKNOWN
    if left < 0:
        return f"{days(-left)} ago"
    return "today" if left == 0 else f"{days(left)} left"


def drawn(value: Decimal | str | None) -> float | None:
    """Return a number as a float, for drawing and sorting on the page only."""
    return None if value is None else float(Decimal(value))


def plain(text: str) -> str:
    """Return text that Markdown shows as it is: names and notes are other people's words.

    Without this a supplier's name could have the browser fetch a picture from somewhere.
    """
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def _money(found: Money, decimals: int, *, signed: bool = False) -> str:
    amount = _rounded(found.amount, decimals)
    sign, digits = _sign(amount, signed=signed), f"{abs(amount):,}"
    symbol = _SYMBOLS.get(found.currency)
    return f"{sign}{symbol}{digits}" if symbol else f"{sign}{digits}{NO_BREAK}{found.currency}"


def _sign(value: Decimal, *, signed: bool) -> str:
    if value < 0:
        return MINUS
    return "+" if signed and value > 0 else ""


def _rounded(value: Decimal, decimals: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN)
