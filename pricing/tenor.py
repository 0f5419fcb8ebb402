"""Tenor: how long a price is held for, in the buckets in which the market compares terms."""

from __future__ import annotations

from enum import StrEnum


class Tenor(StrEnum):
    """A bucket of contract terms, shortest first; the order of the members is their adjacency."""

    ON_DEMAND = "on-demand"
    MONTHS_1_TO_3 = "1-3m"
    MONTHS_4_TO_9 = "4-9m"
    MONTHS_10_TO_18 = "10-18m"
    MONTHS_19_TO_36 = "19-36m"
    OVER_36_MONTHS = "over-36m"


_LONGEST_MONTHS = (
    (3, Tenor.MONTHS_1_TO_3),
    (9, Tenor.MONTHS_4_TO_9),
    (18, Tenor.MONTHS_10_TO_18),
    (36, Tenor.MONTHS_19_TO_36),
)


def tenor_of(term_months: int | None) -> Tenor:
    """Return the bucket of a term in whole months; None means no term, on demand.

    Raises ValueError for a term under one month: round a short block up to a month first.
    """
    if term_months is None:
        return Tenor.ON_DEMAND
    if term_months < 1:
        raise ValueError(
            f"a term of {term_months} months has no bucket; give 1 or more, or None for on demand"
        )
    for longest, tenor in _LONGEST_MONTHS:
        if term_months <= longest:
            return tenor
    return Tenor.OVER_36_MONTHS


def neighbours(tenor: Tenor) -> frozenset[Tenor]:
    """Return the bucket itself and the one on either side of it."""
    order = list(Tenor)
    place = order.index(tenor)
    return frozenset(order[max(0, place - 1) : place + 2])
