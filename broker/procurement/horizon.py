"""Horizon: the calendar months that are planned, and how much of each a term of service covers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from dateutil.relativedelta import relativedelta

from pricing.commitment import HOURS_PER_BILLED_MONTH

HOURS_PER_MONTH: Final = HOURS_PER_BILLED_MONTH
"""Every month is charged alike, as suppliers bill it: a plan is not dearer for a leap day."""

MONTHS_PER_YEAR: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """So many calendar months, the first of which is that of `as_of` and counts as a whole."""

    as_of: date
    months: int

    @property
    def first_day(self) -> date:
        """Return the first day of the first month."""
        return self.as_of.replace(day=1)

    @property
    def end_on(self) -> date:
        """Return the first day after the last month."""
        return self.start_of(self.months)

    def start_of(self, month: int) -> date:
        """Return the first day of a month; months are counted from 0, also past the last one."""
        return months_after(self.first_day, month)

    def month_of(self, day: date) -> int:
        """Return the month that a day lies in: negative before the first, large after the last."""
        first = self.first_day
        return (day.year - first.year) * MONTHS_PER_YEAR + day.month - first.month

    def covered(self, start_on: date, end_on: date) -> Iterator[tuple[int, Decimal]]:
        """Yield each month that [start_on, end_on) touches, with the part of its days it covers."""
        for month in range(
            max(0, self.month_of(start_on)), min(self.months - 1, self.month_of(end_on)) + 1
        ):
            first, after = self.start_of(month), self.start_of(month + 1)
            days = (min(end_on, after) - max(start_on, first)).days
            if days > 0:
                yield month, Decimal(days) / Decimal((after - first).days)

    def months_inside(self, start_on: date, end_on: date) -> Decimal:
        """Return how many months of [start_on, end_on) the horizon covers."""
        return sum((part for _, part in self.covered(start_on, end_on)), Decimal(0))


def months_after(day: date, months: int) -> date:
    """Return the same day so many months on, clipped to the end of its month."""
    return day + relativedelta(months=months)


def month_start_on_or_after(day: date) -> date:
    """Return the day itself when it begins a month, else the first day of the next one."""
    return day if day.day == 1 else months_after(day.replace(day=1), 1)
