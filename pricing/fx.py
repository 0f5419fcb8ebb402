"""A dated table of exchange rates.

A conversion names the rate it used, its day and its source, so that anybody can check it. The
last rate on or before the day counts, never a later one, and none that is too old. Two legs
(EUR → USD → GBP) are only taken when the caller names the currency between.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from operator import attrgetter

from pricing.money import Currency, Money


class NoRateError(LookupError):
    """There is no rate between two currencies for a day, or only one that is too old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FxRate:
    """What one unit of `base` cost in `quote` on a day, and who says so."""

    base: Currency
    quote: Currency
    on: date
    rate: Decimal
    source: str

    def __post_init__(self) -> None:
        if not isinstance(self.rate, Decimal):
            raise TypeError(f"a rate is a Decimal, not {type(self.rate).__name__}")
        if not self.rate.is_finite() or self.rate <= 0:
            raise ValueError(f"the {self.base}/{self.quote} rate must be a number above zero")
        if self.base == self.quote:
            raise ValueError(f"{self.base} needs no rate to itself")
        if not self.source.strip():
            raise ValueError("a rate names its source, such as a central bank and its table")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One rate used in a conversion; inverted when it was quoted the other way round."""

    rate: FxRate
    is_inverted: bool
    age_days: int

    def applied_to(self, money: Money) -> Money:
        """Return the money on the other side of this leg, unrounded."""
        if self.is_inverted:
            return Money((money / self.rate.rate).amount, self.rate.base)
        return Money((money * self.rate.rate).amount, self.rate.quote)


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """An amount in another currency, unrounded, and the rates that made it.

    `legs` is empty when the currency was the wanted one, and has two when one lies between.
    """

    amount: Money
    original: Money
    legs: tuple[Leg, ...]

    def statement(self) -> str:
        """Return the rates used in words, for the reader of a report."""
        if not self.legs:
            return f"no conversion: already in {self.original.currency}"
        return "; ".join(_stated(leg) for leg in self.legs)


class FxTable:
    """Rates by currency pair and day. Two rates of one pair and day must agree."""

    def __init__(self, rates: Iterable[FxRate] = ()) -> None:
        by_pair: dict[tuple[Currency, Currency], dict[date, FxRate]] = defaultdict(dict)
        for rate in rates:
            known = by_pair[(rate.base, rate.quote)].setdefault(rate.on, rate)
            if known.rate != rate.rate:
                raise ValueError(
                    f"two {rate.base}/{rate.quote} rates for {rate.on}: {known.rate} from "
                    f"{known.source}, {rate.rate} from {rate.source}; keep one"
                )
        self._rates = {
            pair: tuple(sorted(of_pair.values(), key=attrgetter("on")))
            for pair, of_pair in by_pair.items()
        }

    def convert(
        self,
        money: Money,
        to: Currency,
        *,
        on: date,
        max_age_days: int,
        via: Currency | None = None,
    ) -> Converted:
        """Return the money in another currency at the last rate on or before a day.

        Raises NoRateError when no rate is at most `max_age_days` old. Without `via` only a rate
        between the two currencies counts, quoted either way.
        """
        if max_age_days < 0:
            raise ValueError("an age is 0 days or more")
        stops = [money.currency, *([via] if via else []), to]
        legs: list[Leg] = []
        amount = money
        for base, quote in pairwise(stops):
            if base != quote and money.currency != to:
                legs.append(self._leg(base, quote, on=on, max_age_days=max_age_days))
                amount = legs[-1].applied_to(amount)
        return Converted(amount=amount, original=money, legs=tuple(legs))

    def _leg(self, base: Currency, quote: Currency, *, on: date, max_age_days: int) -> Leg:
        legs = [
            Leg(rate=rate, is_inverted=inverted, age_days=(on - rate.on).days)
            for rate, inverted in (
                (self._latest(base, quote, on=on), False),
                (self._latest(quote, base, on=on), True),
            )
            if rate is not None
        ]
        if not legs:
            raise NoRateError(
                f"no rate between {base} and {quote} on or before {on}; add one with its day "
                "and source"
            )
        leg = min(legs, key=attrgetter("age_days", "is_inverted"))
        if leg.age_days > max_age_days:
            raise NoRateError(
                f"the last rate between {base} and {quote} is of {leg.rate.on}, {leg.age_days} "
                f"days before {on} and over the limit of {max_age_days}; add a newer one"
            )
        return leg

    def _latest(self, base: Currency, quote: Currency, *, on: date) -> FxRate | None:
        rates = self._rates.get((base, quote), ())
        count = bisect_right(rates, on, key=attrgetter("on"))
        return rates[count - 1] if count else None


def _stated(leg: Leg) -> str:
    rate = leg.rate
    inverted = ", inverted" if leg.is_inverted else ""
    return f"1 {rate.base} = {rate.rate} {rate.quote} on {rate.on} ({rate.source}{inverted})"
