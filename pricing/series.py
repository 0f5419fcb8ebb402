"""A price through time for one product line of one provider.

A provider may sell several products under one name on one day, so a day holds a *set* of prices.
What is kept is when each price held (`PriceLevel`) and on which days anybody looked
(`observed_days`): enough to rebuild every day, and nothing is written twice.

Three things differ, and are never confused: a day nobody looked (a gap), a day somebody looked
and nothing was for sale (an empty set), and a price of 0, which cannot exist. An unknown price
is unknown. Prices are US dollars per GPU-hour.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

Prices = frozenset[Decimal]
"""The prices of one day, US dollars per GPU-hour; empty when nothing was for sale."""

_ONE_DAY = timedelta(days=1)


class PriceKind(StrEnum):
    """The terms a market price is offered on."""

    ON_DEMAND = "on-demand"
    SPOT = "spot"
    SERVERLESS = "serverless"
    COMMUNITY = "community"
    SECURE = "secure"


class Unpriced(StrEnum):
    """Why there is no price to name."""

    NEVER_SEEN = "never-seen"
    TOO_OLD = "too-old"
    NOT_FOR_SALE = "not-for-sale"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesKey:
    """What makes two observations the same series.

    `memory_gb` is the memory as observed, which may differ from the part's nominal memory.
    """

    provider: str
    gpu_model: str
    part: str | None
    memory_gb: int | None
    kind: PriceKind
    gpu_as_quoted: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLevel:
    """One price over an unbroken run of observed days, first and last day included.

    An observed day without the price ends the run; a day on which nobody looked does not.
    """

    price: Decimal
    first_seen_on: date
    last_seen_on: date

    def __post_init__(self) -> None:
        _sound(self.price)
        if self.last_seen_on < self.first_seen_on:
            raise ValueError("a price is last seen on or after the day it is first seen")


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRange:
    """Days from `start`, up to but without `end`."""

    start: date
    end: date

    @property
    def days(self) -> int:
        """Return the number of days in the range."""
        return (self.end - self.start).days


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPrices:
    """The prices in force on a day, and how old that knowledge is."""

    prices: Prices
    observed_on: date
    age_days: int

    @property
    def is_stale(self) -> bool:
        """Say whether the prices were carried forward from an earlier day."""
        return self.age_days > 0

    @property
    def cheapest(self) -> Decimal:
        """Return the lowest of the prices."""
        return min(self.prices)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownPrices:
    """No price can be named for a day: why, and when somebody last looked."""

    because: Unpriced
    last_observed_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceChange:
    """What moved between two observed days; the first day has no previous one and is all new."""

    day: date
    previous_day: date | None
    gone: Prices
    new: Prices


def levels_of(days: Mapping[date, Prices]) -> tuple[PriceLevel, ...]:
    """Return the runs of each price over the observed days, in order of first day, then price."""
    levels: list[PriceLevel] = []
    running: dict[Decimal, date] = {}
    previous: date | None = None
    for day in sorted(days):
        for price in running.keys() - days[day]:
            levels.append(_level(price, running.pop(price), previous or day))
        for price in days[day]:
            running.setdefault(price, day)
        previous = day
    levels += [_level(price, first, previous or first) for price, first in running.items()]
    return tuple(sorted(levels, key=lambda level: (level.first_seen_on, level.price)))


def days_of(levels: Iterable[PriceLevel], observed_days: Iterable[date]) -> dict[date, Prices]:
    """Return the prices of each observed day: the inverse of `levels_of`."""
    days = sorted(set(observed_days))
    prices: dict[date, set[Decimal]] = {day: set() for day in days}
    for level in levels:
        start = bisect_left(days, level.first_seen_on)
        end = bisect_right(days, level.last_seen_on)
        for day in days[start:end]:
            prices[day].add(level.price)
    return {day: frozenset(prices[day]) for day in days}


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceHistory:
    """Everything known of one series. Build it with `of`, or from what `of` gave.

    Days and levels must belong together: a level that does not begin and end on an observed
    day, or that should be one run with its neighbour, raises ValueError.
    """

    observed_days: tuple[date, ...] = ()
    levels: tuple[PriceLevel, ...] = ()

    def __post_init__(self) -> None:
        if list(self.observed_days) != sorted(set(self.observed_days)):
            raise ValueError("observed days come once each and in order")
        if levels_of(self.prices_by_day()) != self.levels:
            raise ValueError(
                "the price levels are not the runs of the observed days; rebuild the history "
                "from its observations"
            )

    @classmethod
    def of(cls, days: Mapping[date, Prices]) -> PriceHistory:
        """Return the history of the observed days."""
        return cls(observed_days=tuple(sorted(days)), levels=levels_of(days))

    def prices_by_day(self) -> dict[date, Prices]:
        """Return the prices of each observed day."""
        return days_of(self.levels, self.observed_days)

    def with_days(self, days: Mapping[date, Prices]) -> PriceHistory:
        """Return the history with more observations, older or newer, in any order.

        A day that was observed before keeps its prices and gains the new ones.
        """
        merged = self.prices_by_day()
        for day, prices in days.items():
            merged[day] = merged.get(day, frozenset()) | prices
        return PriceHistory.of(merged)

    def prices_on(self, day: date) -> Prices | None:
        """Return the prices seen on that very day, or None if nobody looked."""
        if day not in self.observed_days:
            return None
        return days_of(self.levels, [day])[day]

    def cheapest(self, day: date) -> Decimal | None:
        """Return the lowest price seen on that very day, or None if none was."""
        return min(self.prices_on(day) or (), default=None)

    def as_of(self, day: date, *, max_age_days: int) -> KnownPrices | UnknownPrices:
        """Return the prices last seen on or before a day, unless that is too long ago.

        Later observations never change the answer for an earlier day.
        """
        if max_age_days < 0:
            raise ValueError("an age is 0 days or more")
        before = bisect_right(self.observed_days, day)
        if before == 0:
            return UnknownPrices(because=Unpriced.NEVER_SEEN, last_observed_on=None)
        observed_on = self.observed_days[before - 1]
        age_days = (day - observed_on).days
        if age_days > max_age_days:
            return UnknownPrices(because=Unpriced.TOO_OLD, last_observed_on=observed_on)
        prices = days_of(self.levels, [observed_on])[observed_on]
        if not prices:
            return UnknownPrices(because=Unpriced.NOT_FOR_SALE, last_observed_on=observed_on)
        return KnownPrices(prices=prices, observed_on=observed_on, age_days=age_days)

    def gaps(self, start: date, end: date) -> tuple[DayRange, ...]:
        """Return the stretches from `start`, up to but without `end`, on which nobody looked."""
        if end < start:
            raise ValueError("a period ends on or after the day it starts")
        first = bisect_left(self.observed_days, start)
        last = bisect_left(self.observed_days, end)
        found: list[DayRange] = []
        opens = start
        for day in self.observed_days[first:last]:
            if opens < day:
                found.append(DayRange(start=opens, end=day))
            opens = day + _ONE_DAY
        if opens < end:
            found.append(DayRange(start=opens, end=end))
        return tuple(found)

    def changes(self) -> tuple[PriceChange, ...]:
        """Return what moved, day by day; days on which nothing moved are left out."""
        changes: list[PriceChange] = []
        previous_day: date | None = None
        previous: Prices = frozenset()
        for day, prices in self.prices_by_day().items():
            if prices != previous:
                changes.append(
                    PriceChange(
                        day=day,
                        previous_day=previous_day,
                        gone=previous - prices,
                        new=prices - previous,
                    )
                )
            previous_day, previous = day, prices
        return tuple(changes)


def _level(price: Decimal, first: date, last: date) -> PriceLevel:
    return PriceLevel(price=price, first_seen_on=first, last_seen_on=last)


def _sound(price: Decimal) -> None:
    if not isinstance(price, Decimal):
        raise TypeError(f"a price is a Decimal, not {type(price).__name__}")
    if not price.is_finite() or price <= 0:
        raise ValueError("a price is above zero; an unknown price is left out, never 0")
