"""Small problems, solved whole: goal after goal, each to the end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csc_array, vstack

from broker.placement.formulation import Formulation, formulate
from broker.placement.problem import Problem
from broker.solver import Outcome, Program, Solution, solve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_SLACK = 1e-7
"""How much a goal already reached may give way, as a share, to the solver's own rounding."""

_MOST_GOAL_COLUMNS = 2_500
"""Goals times columns up to which goal after goal is searched for to the end."""

_OPTIONS: dict[str, bool | int | float | str] = {
    "mip_rel_gap": 0.0,
    "mip_abs_gap": 1e-7,
    "mip_feasibility_tolerance": 1e-9,
    "primal_feasibility_tolerance": 1e-9,
    "dual_feasibility_tolerance": 1e-9,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactPlan:
    """Replicas for each column, the proven bound on money, and what GPUs are worth by site."""

    replicas: Ints
    bound: float
    gpu_values: Floats
    is_proven: bool


def solve_exactly(problem: Problem, *, most_nodes: int) -> ExactPlan | None:
    """Return the best plan goal by goal, or None if a search ended without any plan.

    `most_nodes` are the branches of all searches; after them the best found stands, unproven. Where
    something must lack and there are many goals, no search is begun: it would take too long.
    """
    form = formulate(problem, whole=True)
    limited = without_shortfall(form)
    found = _search(limited, form.money, most_nodes)
    proven = True
    if not len(found.values):
        limited = form
        known: Floats | None = None
        goals = goals_of(problem, form)
        if len(goals) * form.replicas > _MOST_GOAL_COLUMNS:
            return None
        most_nodes = max(1, most_nodes // (len(goals) + 1))
        for goal in goals:
            reached = _search(limited, goal, most_nodes, start=known)
            if not len(reached.values):
                return None
            known = reached.values
            proven = proven and reached.outcome is Outcome.OPTIMAL
            limited = limited_to(limited, goal, max(0.0, reached.objective))
        found = _search(limited, form.money, most_nodes, start=known)
        if not len(found.values):
            return None
    return ExactPlan(
        replicas=np.rint(found.values[: form.replicas]).astype(np.int64),
        bound=found.bound,
        gpu_values=_gpu_values(limited),
        is_proven=proven and found.outcome is Outcome.OPTIMAL,
    )


def goals_of(problem: Problem, form: Formulation) -> list[Floats]:
    """Return what to minimise before money, most important first."""
    width = form.matrix.shape[1]
    goals: list[Floats] = []
    priority = problem.models.priority[problem.rows.model]
    for rank in sorted(set(priority.tolist()), reverse=True):
        goal = np.zeros(width)
        goal[form.unserved] = priority == rank
        goals.append(goal)
    survival, gold = np.zeros(width), np.zeros(width)
    survival[form.survival] = form.survival_weight
    gold[form.gold] = 1.0
    return [goal for goal in (*goals, survival, gold) if goal.any()]


def _search(
    form: Formulation, cost: Floats, most_nodes: int, *, start: Floats | None = None
) -> Solution:
    program = Program(
        cost=cost,
        lower=form.lower,
        upper=form.upper,
        matrix=form.matrix,
        row_lower=form.row_lower,
        row_upper=form.row_upper,
        is_integer=form.is_integer if form.is_integer.any() else None,
    )
    found = solve(program, options={**_OPTIONS, "mip_max_nodes": most_nodes}, start=start)
    if found.outcome in {Outcome.OPTIMAL, Outcome.LIMIT} and np.isfinite(found.objective):
        return found
    return replace(found, values=np.zeros(0))


def _gpu_values(form: Formulation) -> Floats:
    """Return the price of the GPU rows; limits of single columns would hide part of it."""
    upper = form.upper.copy()
    upper[: form.replicas] = np.inf
    divisible = replace(form, upper=upper, is_integer=np.zeros(0, dtype=np.bool_))
    found = _search(divisible, form.money, 0)
    if not len(found.values):
        return np.zeros(form.site_rows)
    return np.maximum(-found.row_duals[: form.site_rows], 0.0)


def without_shortfall(form: Formulation) -> Formulation:
    """Return the formulation in which nothing may lack."""
    upper = form.upper.copy()
    for block in (form.unserved, form.survival, form.gold):
        upper[block] = 0.0
    return replace(form, upper=upper)


def limited_to(form: Formulation, goal: Floats, reached: float) -> Formulation:
    """Return the formulation in which a goal may not get worse than it is."""
    row = csc_array(goal[None, :])
    return replace(
        form,
        matrix=csc_array(vstack([form.matrix, row], format="csc")),
        row_lower=np.append(form.row_lower, -np.inf),
        row_upper=np.append(form.row_upper, reached + _SLACK * (1 + reached)),
        model_of_row=np.append(form.model_of_row, -1),
    )
