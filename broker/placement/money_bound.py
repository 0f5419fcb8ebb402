"""The proven bound on money, at the shortfalls that a plan has."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from broker.placement.exact import goals_of, limited_to, without_shortfall
from broker.placement.formulation import Formulation
from broker.placement.pricing_rounds import Prices, dual_bound, priced_out
from broker.placement.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def money_bound(
    problem: Problem,
    form: Formulation,
    prices: Prices,
    duals: Sequence[Floats],
    goals: Sequence[float],
    *,
    used: NDArray[np.bool_],
) -> float:
    """Return a lower bound on the money of every plan that lacks no more than `goals` say.

    Where nothing lacks, the duals at hand prove it. Else the program is solved again for money
    alone, with each goal held where the plan has it; the columns that the plan has `used` are in
    it from the start, so that it has a solution.
    """
    if not any(goals):
        met = without_shortfall(form)
        return max(dual_bound(met, form.money, found, upper=met.upper) for found in duals)
    limited = form
    by_goal = _by_goal(problem, form, goals)
    for goal, reached in by_goal:
        limited = limited_to(limited, goal, reached)
    upper = limited.upper.copy()
    for goal, reached in by_goal:
        upper = np.where(goal > 0, np.minimum(upper, reached / np.maximum(goal, 1e-9)), upper)
    return priced_out(problem, replace(limited, upper=upper), form.money, prices, used=used)


def _by_goal(
    problem: Problem, form: Formulation, goals: Sequence[float]
) -> list[tuple[Floats, float]]:
    """Return the goals that the formulation knows, with what the plan lacks of each."""
    priorities = sorted(set(problem.models.priority.tolist()), reverse=True)
    asked = set(problem.models.priority[problem.rows.model].tolist())
    reached = [goals[index] for index, rank in enumerate(priorities) if rank in asked]
    if form.survival_weight.any():
        reached.append(goals[-2])
    if len(form.gold_model):
        reached.append(goals[-1])
    return list(zip(goals_of(problem, form), reached, strict=True))
