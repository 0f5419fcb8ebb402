"""Figures as people read them: exact decimal text from the API in, text with units out.

Unknown is a dash, never 0. Nothing here adds, multiplies or compares amounts: that is the API's
work. `drawn` makes the floats that charts and sortable columns need, and nothing else may.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

UNKNOWN: Final = "—"

_SYMBOLS: Final = {"USD": "$", "EUR": "€", "GBP": "£"}
_MARKUP: Final = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&@/])")


def money(amount: str | None, currency: str, *, decimals: int = 2) -> str:
    """Return an amount with its currency, rounded half-even to `decimals`."""
    if amount is None:
        return UNKNOWN
    number = _rounded(amount, decimals)
    sign = "−" if number < 0 else ""
    digits = f"{abs(number):,}"
    symbol = _SYMBOLS.get(currency)
    return f"{sign}{symbol}{digits}" if symbol else f"{sign}{digits}\u00a0{currency}"


def price(amount: str | None, currency: str) -> str:
    """Return a price per GPU-hour: two decimals, or as many as four if it has them."""
    if amount is None:
        return UNKNOWN
    exact = _rounded(amount, 4).normalize()
    shown = max(2, -int(exact.as_tuple().exponent))
    return money(amount, currency, decimals=shown)


def whole_money(amount: str | None, currency: str) -> str:
    """Return an amount without its cents."""
    return money(amount, currency, decimals=0)


def short_money(amount: str | None, currency: str) -> str:
    """Return a large amount in thousands, millions or billions, to three or four digits."""
    if amount is None:
        return UNKNOWN
    size = abs(Decimal(amount))
    for step, suffix in ((9, "bn"), (6, "m"), (3, "k")):
        if size >= Decimal(10) ** step:
            scaled = Decimal(amount).scaleb(-step)
            return f"{money(str(scaled), currency, decimals=2)}\u00a0{suffix}"
    return whole_money(amount, currency)


def percent(fraction: str | None, *, signed: bool = False, decimals: int = 1) -> str:
    """Return a fraction (0.9392) as percent (93.9 %); `signed` marks a rise with a plus."""
    if fraction is None:
        return UNKNOWN
    number = _rounded(str(Decimal(fraction) * 100), decimals)
    sign = "−" if number < 0 else "+" if signed and number > 0 else ""
    return f"{sign}{abs(number):,}\u00a0%"


def count(number: int | None) -> str:
    """Return a number of things."""
    return UNKNOWN if number is None else f"{number:,}".replace("-", "−")


def number(amount: str | None, decimals: int) -> str:
    """Return a number without a unit."""
    return UNKNOWN if amount is None else f"{_rounded(amount, decimals):,}"


def day(on: date | None) -> str:
    """Return a day as 2 Jul 2026."""
    return UNKNOWN if on is None else f"{on.day} {on:%b %Y}"


def moment(at: datetime) -> str:
    """Return a time of day in UTC."""
    return f"{at:%H:%M:%S} UTC"


def days_left(days: int | None) -> str:
    """Return how many days are left, in words that say so when there are none."""
    if days is None:
        return UNKNOWN
    if days < 0:
        return f"{_days(-days)} ago"
    return "today" if days == 0 else f"{_days(days)} left"


def drawn(amount: str | None) -> float | None:
    """Return an amount as a float, for drawing and sorting on the page only."""
    return None if amount is None else float(Decimal(amount))


def plain(text: str) -> str:
    """Return text that Markdown shows as it is: names and notes are other people's words.

    Without this a supplier's name could have the browser fetch a picture from somewhere.
    """
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number:,} days"


def _rounded(amount: str, decimals: int) -> Decimal:
    return Decimal(amount).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN)
