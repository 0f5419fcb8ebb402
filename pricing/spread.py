"""Spread: the middle of a handful of numbers and how far they lie from it, robustly.

All functions take ascending numbers, at least one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

MAD_SCALE = Decimal("1.4826")
"""Makes the MAD of a normal distribution equal to its standard deviation."""


def quantile(ascending: Sequence[Decimal], fraction: Decimal) -> Decimal:
    """Return a quantile by linear interpolation between the two closest ranks, counted from 0."""
    place = fraction * (len(ascending) - 1)
    below = int(place)
    if below == place:
        return ascending[below]
    low, high = ascending[below], ascending[below + 1]
    return low + (high - low) * (place - below)


def median(ascending: Sequence[Decimal]) -> Decimal:
    """Return the middle number, or the mean of the two middle ones."""
    return quantile(ascending, Decimal("0.5"))


def mad(ascending: Sequence[Decimal]) -> Decimal:
    """Return the median absolute deviation from the median, unscaled."""
    middle = median(ascending)
    return median(sorted(abs(number - middle) for number in ascending))


def within_mads(ascending: Sequence[Decimal], *, limit: Decimal) -> tuple[Decimal, ...]:
    """Return the numbers no further than `limit` scaled MADs from the median.

    With a MAD of zero most numbers are the same and there is no scale to call another one odd by:
    all are returned. So are none, when there are none.
    """
    if not ascending:
        return ()
    reach = limit * MAD_SCALE * mad(ascending)
    if reach == 0:
        return tuple(ascending)
    middle = median(ascending)
    return tuple(number for number in ascending if abs(number - middle) <= reach)
