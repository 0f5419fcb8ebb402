"""How several classes of a model share its replicas' time: a small linear program for each model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csc_array

from broker.placement.problem import Problem
from broker.solver import Program, solve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_NOTHING = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedTime:
    """What each row lacks, and which used column gives how much work to which row."""

    unserved: Floats
    row: Ints
    column: Ints
    work: Floats


def shared_time(problem: Problem, model: int, replicas: Ints) -> SharedTime:
    """Serve as much as the replicas can, each splitting its time between classes and rows."""
    columns, mine, asked = problem.columns, problem.columns_of(model), problem.rows_of(model)
    rows, covers = problem.rows, problem.geography.covers
    zone = columns.zone[mine]
    used = np.flatnonzero((replicas > 0) & (zone >= 0))
    need = rows.need[asked]
    speed = columns.serves[mine][used][:, rows.class_number[asked]].T
    row, column = np.nonzero(covers[rows.node[asked]][:, zone[used]] & (speed > 0))
    if not len(row):
        return SharedTime(unserved=need, row=row, column=column, work=np.zeros(0))
    pairs = len(row)
    each = np.arange(pairs)
    matrix = csc_array(
        (
            np.concatenate([speed[row, column], np.ones(pairs)]),
            (np.concatenate([row, len(need) + column]), np.concatenate([each, each])),
        ),
        shape=(len(need) + len(used), pairs),
    )
    found = solve(
        Program(
            cost=-speed[row, column],
            lower=np.zeros(pairs),
            upper=np.full(pairs, np.inf),
            matrix=matrix,
            row_lower=np.full(len(need) + len(used), -np.inf),
            row_upper=np.concatenate([need, replicas[used].astype(np.float64)]),
        )
    )
    work = np.maximum(found.values, 0.0) * speed[row, column]
    lacking = np.maximum(need - np.bincount(row, work, minlength=len(need)), 0.0)
    kept = work > 0
    return SharedTime(
        unserved=np.where(lacking > _NOTHING * need, lacking, 0.0),
        row=row[kept],
        column=used[column[kept]],
        work=work[kept],
    )
