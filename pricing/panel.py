"""Panel: how a market moved, measured on the same suppliers at both ends of each step.

A plain median moves when a supplier joins or leaves the data although nobody changed a price. A
matched panel cannot: a step compares only suppliers with a price on both of its dates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise

from pricing.money import Money

INDEX_START = Decimal(100)
"""The level of the index on its first date."""

MINIMUM_PANEL = 5
"""A step measured on fewer suppliers is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelStep:
    """One step of the index: from a date whose level is known to the next date asked for.

    `ratio` and `index` are None when too few suppliers were seen on both dates: unknown, not flat.
    """

    since: date
    until: date
    members: tuple[str, ...]
    ratio: Decimal | None
    index: Decimal | None

    @property
    def n(self) -> int:
        """Return the number of suppliers seen on both dates."""
        return len(self.members)


def matched_panel(
    history: Mapping[str, Mapping[date, Money]],
    *,
    dates: Sequence[date],
    minimum: int = MINIMUM_PANEL,
) -> tuple[PanelStep, ...]:
    """Return the chained steps of a price index over ascending dates, the first being its start.

    A step is the geometric mean of the suppliers' own price ratios. It treats a doubling and a
    halving as opposites, so it has no drift: with an unchanging panel the chain equals the direct
    comparison of its ends, whatever lies between. A median of ratios lacks that, and a ratio of
    medians lets the dearest suppliers decide. After an unknown step the next one is measured from
    the last known date, so one thin day does not end the series. Raises ValueError for dates out
    of order, and for a price of zero or less.
    """
    if any(later <= earlier for earlier, later in pairwise(dates)):
        raise ValueError("dates of a panel ascend and do not repeat; sort them first")
    if minimum < 1:
        raise ValueError("a panel needs at least one supplier; give a minimum of 1 or more")
    if not dates:
        return ()
    steps: list[PanelStep] = []
    level, since = INDEX_START, dates[0]
    for until in dates[1:]:
        members = tuple(
            sorted(name for name, seen in history.items() if since in seen and until in seen)
        )
        if len(members) < minimum:
            steps.append(
                PanelStep(since=since, until=until, members=members, ratio=None, index=None)
            )
            continue
        ratio = _geometric_mean(
            [_ratio(history[name][since], history[name][until]) for name in members]
        )
        level *= ratio
        steps.append(PanelStep(since=since, until=until, members=members, ratio=ratio, index=level))
        since = until
    return tuple(steps)


def _ratio(before: Money, after: Money) -> Decimal:
    if before.amount <= 0 or after.amount <= 0:
        raise ValueError("a price in a panel is above zero; leave unknown prices out")
    return after.ratio_to(before)


def _geometric_mean(ratios: Sequence[Decimal]) -> Decimal:
    if len(set(ratios)) == 1:
        return ratios[0]  # exact: when all move alike there is nothing to average
    return (sum((ratio.ln() for ratio in ratios), Decimal(0)) / len(ratios)).exp()
