"""Comparing plans goal by goal: unserved demand by priority, survival, gold, and only then money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from broker.placement.problem import Problem
from broker.placement.shortfall import standing_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_SAME = 1e-9
"""Relative distance below which two sums of work are one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merit:
    """What a plan lacks, most important first, and what it costs per hour."""

    goals: tuple[float, ...]
    money: float

    @property
    def is_short(self) -> bool:
        """Whether anything lacks."""
        return any(self.goals)

    def lacks_no_more_than(self, other: Merit) -> bool:
        """Say whether no goal is worse than the other's."""
        pairs = zip(self.goals, other.goals, strict=True)
        return all(mine <= theirs + _SAME * (1 + theirs) for mine, theirs in pairs)

    def beats(self, other: Merit) -> bool:
        """Say whether the first difference between the two speaks for this one."""
        pairs = zip((*self.goals, self.money), (*other.goals, other.money), strict=True)
        for mine, theirs in pairs:
            if abs(mine - theirs) > _SAME * (1 + abs(mine) + abs(theirs)):
                return mine < theirs
        return False


def merit_of(problem: Problem, replicas: Ints) -> Merit:
    """Return the merit of whole replicas."""
    return Merit(
        goals=standing_of(problem, replicas).goals(problem), money=money_of(problem, replicas)
    )


def money_of(problem: Problem, replicas: Ints) -> float:
    """Return purchases in whole steps, starts, and the opportunity of used GPUs."""
    columns, offers = problem.columns, problem.offers
    used = problem.gpus_used(replicas)[offers.site]
    bought = -(-used // offers.step) * offers.step
    started = np.maximum(replicas - columns.running, 0)
    starts = float(started @ problem.models.start_cost[columns.model])
    opportunity = problem.opportunity * float(replicas @ columns.gpus)
    return float(bought @ offers.price) + starts + opportunity
