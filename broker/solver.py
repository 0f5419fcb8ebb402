"""Linear and mixed-integer programs from arrays, solved by HiGHS.

Arithmetic, not input or output. One thread, a fixed seed and no time limits, so that the same
program always gets the same answer: stop a search by nodes or by gap, never by the clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import highspy
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csc_array

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

Option = bool | int | float | str


class Outcome(StrEnum):
    """How a solve ended."""

    OPTIMAL = "optimal"
    LIMIT = "limit"  # a node, iteration or gap limit: the solution is feasible, not proven
    INFEASIBLE = "infeasible"
    UNBOUNDED = "unbounded"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Minimise cost·x with row_lower ≤ matrix·x ≤ row_upper and lower ≤ x ≤ upper.

    `is_integer` None means that no column is. Infinite limits are `numpy.inf`.
    """

    cost: Floats
    lower: Floats
    upper: Floats
    matrix: csc_array
    row_lower: Floats
    row_upper: Floats
    is_integer: Flags | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """What the solver found. `bound` is proven; duals are there for linear programs only.

    `iterations` are the steps of the simplex method, in all branches: a measure of the work done
    that is the same on every machine.
    """

    outcome: Outcome
    objective: float
    bound: float
    values: Floats
    row_duals: Floats
    reduced_costs: Floats
    iterations: int = 0


def solve(
    program: Program,
    *,
    options: Mapping[str, Option] | None = None,
    start: Floats | None = None,
) -> Solution:
    """Solve the program on one thread; `options` are HiGHS options by their own names.

    `start` is a solution known already, from which a search for whole columns sets out.
    """
    engine = highspy.Highs()
    for name, value in {**_STEADY, **(options or {})}.items():
        engine.setOptionValue(name, value)
    engine.passModel(_model_of(program))
    if start is not None:
        known = highspy.HighsSolution()
        known.col_value = list(start)
        engine.setSolution(known)
    engine.run()
    return _solution_of(engine, is_mixed=program.is_integer is not None)


_STEADY: dict[str, Option] = {"output_flag": False, "threads": 1, "random_seed": 0}

_OUTCOMES = {
    highspy.HighsModelStatus.kOptimal: Outcome.OPTIMAL,
    highspy.HighsModelStatus.kSolutionLimit: Outcome.LIMIT,
    highspy.HighsModelStatus.kIterationLimit: Outcome.LIMIT,
    highspy.HighsModelStatus.kInfeasible: Outcome.INFEASIBLE,
    highspy.HighsModelStatus.kUnbounded: Outcome.UNBOUNDED,
}


def _model_of(program: Program) -> highspy.HighsLp:
    model = highspy.HighsLp()
    rows, columns = program.matrix.shape
    model.num_row_, model.num_col_ = rows, columns
    model.col_cost_, model.col_lower_ = program.cost, _finite(program.lower)
    model.col_upper_ = _finite(program.upper)
    model.row_lower_, model.row_upper_ = _finite(program.row_lower), _finite(program.row_upper)
    matrix = model.a_matrix_
    matrix.format_ = highspy.MatrixFormat.kColwise
    matrix.start_, matrix.index_ = program.matrix.indptr, program.matrix.indices
    matrix.value_ = program.matrix.data
    if program.is_integer is not None:
        whole, part = highspy.HighsVarType.kInteger, highspy.HighsVarType.kContinuous
        model.integrality_ = [whole if flag else part for flag in program.is_integer]
    return model


def _finite(limits: Floats) -> Floats:
    return np.clip(limits, -highspy.kHighsInf, highspy.kHighsInf)


def _solution_of(engine: highspy.Highs, *, is_mixed: bool) -> Solution:
    info, found = engine.getInfo(), engine.getSolution()
    objective = float(info.objective_function_value)
    return Solution(
        outcome=_OUTCOMES.get(engine.getModelStatus(), Outcome.UNKNOWN),
        objective=objective,
        bound=float(info.mip_dual_bound) if is_mixed else objective,
        values=np.asarray(found.col_value),
        row_duals=np.asarray(found.row_dual),
        reduced_costs=np.asarray(found.col_dual),
        iterations=max(0, int(info.simplex_iteration_count)),
    )
