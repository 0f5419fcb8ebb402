"""The program over the tree when replicas may be divided: what no plan can do better than."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.placement_laminar import Laminar
from broker.placement.snapshot import Snapshot
from broker.solver import Outcome, Program, Solution, solve

UNIT = 1000.0


def least_short(snapshot: Snapshot) -> tuple[float, ...]:
    """Return the least tokens per second that lack at each stage, the stages before it held."""
    program, least = Laminar.of(snapshot), []
    for goal in program.stages:
        found = _solved(program, goal, upper=np.array(program.upper))
        least.append(found.objective * UNIT)
        program.add(goal, most=found.objective * (1 + 1e-9) + 1e-6)
    return tuple(least)


def least_money(snapshot: Snapshot) -> float:
    """Return the least dollars per hour when nothing may lack."""
    program = Laminar.of(snapshot)
    upper = np.array(program.upper)
    for goal in program.stages:
        upper[list(goal)] = 0
    found = _solved(program, program.money, upper=upper)
    assert found.outcome is Outcome.OPTIMAL, "something must lack on this site"
    return found.objective


def _solved(program: Laminar, goal: dict[int, float], *, upper: NDArray[np.float64]) -> Solution:
    lower_rows, upper_rows = (np.array(it) for it in zip(*program.limits, strict=True))
    return solve(
        Program(
            cost=program.cost((goal, 1.0)),
            lower=np.zeros(len(upper)),
            upper=upper,
            matrix=program.matrix,
            row_lower=lower_rows,
            row_upper=upper_rows,
        ),
        options={"solver": "ipm"},
    )
