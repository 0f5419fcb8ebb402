"""What whole replicas lack: demand not served, survival and gold share not kept, goal by goal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from broker.placement.class_sharing import shared_time
from broker.placement.problem import Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

NOTHING = 1e-7
"""Shortfalls below this share of what is asked are rounding of the solver, not lacking work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """What one model lacks, in thousands of tokens per second."""

    unserved: Floats  # by demand row of the model
    survival: Floats  # by scope of the model and provider
    gold: float

    @property
    def is_none(self) -> bool:
        """Whether everything is met."""
        return not (self.unserved.any() or self.survival.any() or self.gold)

    def totals(self) -> tuple[float, float, float]:
        """Return the sums by goal, most important first."""
        return float(self.unserved.sum()), float(self.survival.sum()), self.gold


def shortfall_of(problem: Problem, model: int, replicas: Ints) -> Shortfall:
    """Say what the model lacks with these replicas, one number for each of its columns."""
    survival, gold = survival_and_gold(problem, model, replicas)
    return Shortfall(
        unserved=unserved_by_row(problem, model, replicas), survival=survival, gold=gold
    )


def unserved_by_row(problem: Problem, model: int, replicas: Ints) -> Floats:
    """Return what each demand row of the model lacks; the deepest rows are served first."""
    if problem.is_mixed(model):
        return shared_time(problem, model, replicas).unserved
    columns, mine, asked = problem.columns, problem.columns_of(model), problem.rows_of(model)
    geography = problem.geography
    used = np.flatnonzero((replicas > 0) & (columns.zone[mine] >= 0))
    left = np.bincount(
        columns.zone[mine][used],
        replicas[used] * columns.serves[mine, 0][used],
        minlength=len(geography.names),
    )
    need = problem.rows.need[asked]
    lacking = np.zeros(len(need))
    nodes = problem.rows.node[asked]
    for row in np.argsort(-geography.depth[nodes], kind="stable"):
        under = geography.covers[nodes[row]]
        there = left[under]
        total = float(there.sum())
        lacking[row] = max(0.0, need[row] - total)
        left[under] = there * (1 - min(1.0, need[row] / total)) if total > 0 else 0.0
    return np.where(lacking > NOTHING * need, lacking, 0.0)


def survival_and_gold(problem: Problem, model: int, replicas: Ints) -> tuple[Floats, float]:
    """Return what lacks by scope and lost provider, and of the gold share."""
    columns, mine, watched = problem.columns, problem.columns_of(model), problem.scopes_of(model)
    work = replicas * columns.work[mine]
    site, zone = columns.site[mine], columns.zone[mine]
    required = problem.scopes.required[watched]
    lacking = np.zeros((len(required), problem.providers))
    for index, node in enumerate(problem.scopes.node[watched]):
        inside = problem.geography.covers[node][zone] & (zone >= 0)
        by_provider = np.bincount(
            problem.sites.provider[site[inside]], work[inside], minlength=problem.providers
        )
        lacking[index] = required[index] - (by_provider.sum() - by_provider)
    lacking = np.where(lacking > NOTHING * (1e-9 + required[:, None]), lacking, 0.0)
    floor = float(problem.models.gold_floor[model])
    gold = floor - float(work[problem.sites.is_gold[site]].sum())
    return lacking, gold if gold > NOTHING * floor else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a whole plan lacks, and by model."""

    by_model: tuple[Shortfall, ...]

    def goals(self, problem: Problem) -> tuple[float, ...]:
        """Return the sums in the order of importance: unserved by priority, survival, gold."""
        totals = np.array([short.totals() for short in self.by_model]).reshape(-1, 3)
        priorities = sorted(set(problem.models.priority.tolist()), reverse=True)
        unserved = [
            float(totals[problem.models.priority == priority, 0].sum()) for priority in priorities
        ]
        return (*unserved, float(totals[:, 1].sum()), float(totals[:, 2].sum()))

    @property
    def is_short(self) -> bool:
        """Whether anything lacks."""
        return any(not short.is_none for short in self.by_model)


def standing_of(problem: Problem, replicas: Ints) -> Standing:
    """Say what the plan of these replicas lacks."""
    return Standing(
        by_model=tuple(
            shortfall_of(problem, model, replicas[problem.columns_of(model)])
            for model in range(len(problem.models))
        )
    )
