"""Which replicas serve which demand, once it is known where replicas run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from broker.placement.class_sharing import shared_time
from broker.placement.plan import Serving
from broker.placement.problem import THOUSAND, Problem
from broker.placement.problem_building import Stage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

Share = tuple[int, int, float]
"""A demand row, a column, and the work that the one gets from the other."""

_CRUMB = 1e-9
"""Work too small to write down, in thousands of tokens per second."""


def serving_of(stage: Stage, replicas: Ints) -> tuple[Serving, ...]:
    """Share out the work of all replicas, so that as much demand as possible is served."""
    problem = stage.problem
    rows, columns, names = problem.rows, problem.columns, problem.geography.names
    found = []
    for model, entry in enumerate(stage.models):
        classes = problem.models.served_classes[model]
        for row, column, work in shares_of(problem, model, replicas[problem.columns_of(model)]):
            found.append(
                Serving(
                    model=entry.model,
                    class_name=classes[rows.class_number[row]],
                    node=names[rows.node[row]],
                    config=problem.configs[model][columns.config[column]],
                    pool=stage.pools[columns.site[column]].pool,
                    tokens_per_second=work * THOUSAND,
                )
            )
    return tuple(found)


def shares_of(problem: Problem, model: int, replicas: Ints) -> Iterator[Share]:
    """Yield who serves what of a model; `replicas` are those of its columns."""
    mine, asked = problem.columns_of(model), problem.rows_of(model)
    if problem.is_mixed(model):
        shared = shared_time(problem, model, replicas)
        for row, column, work in zip(shared.row, shared.column, shared.work, strict=True):
            if work > _CRUMB:
                yield asked.start + int(row), mine.start + int(column), float(work)
        return
    zone = problem.columns.zone[mine]
    used = np.flatnonzero((replicas > 0) & (zone >= 0))
    left = replicas[used] * problem.columns.serves[mine, 0][used]
    nodes = problem.rows.node[asked]
    for row in np.argsort(-problem.geography.depth[nodes], kind="stable"):
        open_need = float(problem.rows.need[asked][row])
        for index in np.flatnonzero(problem.geography.covers[nodes[row]][zone[used]] & (left > 0)):
            taken = min(open_need, float(left[index]))
            if taken > _CRUMB:
                yield asked.start + int(row), mine.start + int(used[index]), taken
            left[index] -= taken
            open_need -= taken
            if open_need <= 0:
                break
