"""Serving first: demand goes before survival, so replicas held only for a loss make room for it.

What cannot be served where GPUs are free is served where others hold more than their own demand
needs, the least important first; survival is then made up for with what is left.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from broker.placement.completion import complete, order_of
from broker.placement.coverage import coverage_of
from broker.placement.problem import Problem
from broker.placement.shortfall import unserved_by_row

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]


def served_first(problem: Problem, replicas: Ints, values: Floats) -> Ints:
    """Return the replicas with others added, and some moved out of the way, to serve the most.

    `values` are dollars per GPU-hour by site.
    """
    demand_only = replace(
        problem,
        scopes=replace(problem.scopes, required=np.zeros(len(problem.scopes.required))),
        models=replace(problem.models, gold_floor=np.zeros(len(problem.models))),
    )
    lacking = _lacking(problem, replicas)
    replicas = complete(demand_only, replicas, values, order=lacking)
    lacking = _lacking(problem, replicas)
    if lacking:
        cleared = _with_room(demand_only, replicas, for_models=lacking)
        served = complete(demand_only, cleared, values, order=lacking)
        replicas = _put_back(problem, served, wanted=replicas)
    return complete(problem, replicas, values)


def _lacking(problem: Problem, replicas: Ints) -> list[int]:
    """Return the models with demand that nothing serves, the most important first."""
    return [
        model
        for model in order_of(problem)
        if unserved_by_row(problem, model, replicas[problem.columns_of(model)]).any()
    ]


def _with_room(problem: Problem, replicas: Ints, *, for_models: list[int]) -> Ints:
    """Take away what serves no demand, where the models in need could run."""
    wanted = np.zeros(len(problem.sites), dtype=np.bool_)
    for model in for_models:
        wanted[problem.columns.site[problem.columns_of(model)]] = True
    needy = set(for_models)
    cleared = replicas.copy()
    for model in reversed(order_of(problem)):
        if model in needy:
            continue
        mine = problem.columns_of(model)
        cleared[mine] = _without_surplus(problem, model, cleared[mine], wanted)
    return cleared


def _without_surplus(problem: Problem, model: int, replicas: Ints, wanted: Flags) -> Ints:
    mine = problem.columns_of(model)
    coverage = coverage_of(problem, model, replicas)
    left = replicas.copy()
    sites, staying = problem.columns.site[mine], problem.columns.staying[mine]
    for column in np.flatnonzero((replicas > staying) & wanted[sites]):
        spare = -coverage.lacking[coverage.in_row[:, column]]
        each = coverage.serves[column]
        fits = int(spare.min() // each) if len(spare) and each > 0 else int(left[column])
        drop = max(0, min(fits, int(left[column] - staying[column])))
        if drop:
            left[column] -= drop
            coverage.add(int(column), -drop)
    return left


def _put_back(problem: Problem, replicas: Ints, *, wanted: Ints) -> Ints:
    """Put back, where GPUs are free again, what was taken away in vain."""
    back = replicas.copy()
    free = problem.sites.gpus - problem.gpus_used(back)
    columns = problem.columns
    for column in np.flatnonzero(wanted > back):
        fits = int(free[columns.site[column]] // columns.gpus[column])
        count = max(0, min(fits, int(wanted[column] - back[column])))
        back[column] += count
        free[columns.site[column]] -= count * columns.gpus[column]
    return back
