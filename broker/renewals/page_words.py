"""Words of a page: how figures, labels and sentences are set in a terminal of `WIDTH` columns."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from textwrap import wrap

from broker.renewals.assumptions import Unit
from broker.renewals.evidence import Stated
from broker.renewals.recommendation import price_digits
from pricing.money import Money, plain

WIDTH = 98
UNKNOWN = "unknown"
LABEL_WIDTH = 26
NUMBER_WIDTH = 20


def stated_figure(stated: Stated) -> str:
    """Return an assumption as people read it: thousands apart, fractions in percent."""
    number, _, currency = stated.value.partition(" ")
    if stated.unit == Unit.ANSWER:
        return stated.value
    if currency:
        return f"{Decimal(number):,.2f} {currency}"
    if stated.unit == Unit.FRACTION:
        return f"{plain(Decimal(number) * 100)} %"
    return f"{Decimal(number):,} {stated.unit}"


def row(label: str, *cells: str) -> str:
    """Return a label and cells that stand right under those of other rows."""
    return f"{label:{LABEL_WIDTH}}{''.join(f'{cell:>{NUMBER_WIDTH}}' for cell in cells)}".rstrip()


def cut(line: str) -> str:
    """Return a line of at most `WIDTH` columns, with a mark where something is left out."""
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"


def wrapped(text: str, *, indent: int) -> Iterable[str]:
    """Return a text as lines of at most `WIDTH` columns."""
    return wrap(text, WIDTH, subsequent_indent=" " * indent) or [""]


def price(money: Money | None) -> str:
    """Return a price with two decimals, or with four where it needs them."""
    return UNKNOWN if money is None else price_digits(money)


def total(money: Money | None) -> str:
    """Return an amount with its thousands apart, to the cent."""
    return UNKNOWN if money is None else f"{money.amount:,.2f}"


def signed(money: Money | None) -> str:
    """Return an amount with its sign."""
    return UNKNOWN if money is None else f"{money.amount:+,.2f}"


def percent_change(fraction: Decimal | None) -> str:
    """Return a fraction as a change in percent, with its sign."""
    return UNKNOWN if fraction is None else f"{fraction * 100:+.2f} %"


def share(fraction: Decimal | None) -> str:
    """Return a fraction in percent."""
    return UNKNOWN if fraction is None else f"{fraction * 100:.2f} %"


def days_text(days: int) -> str:
    """Return a number of days in words."""
    return "1 day" if days == 1 else f"{days} days"
