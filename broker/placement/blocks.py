"""Blocks: the part of the whole program that belongs to one model, cut out once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csc_array

from broker.placement.formulation import Formulation
from broker.placement.merging import Merged
from broker.placement.penalties import Penalties
from broker.placement.problem import Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A model's rows over its merged replica columns, and over its other columns."""

    first_merged: int
    of_replicas: csc_array
    of_others: csc_array
    row_lower: Floats
    row_upper: Floats
    other_upper: Floats
    other_cost: Floats
    is_shortfall: Flags


def blocks_of(
    problem: Problem, merging: Merged, form: Formulation, penalties: Penalties
) -> list[Block]:
    """Cut the program of the merged problem into one block for each model."""
    rows = form.matrix.tocsr()
    row_owner, column_owner = form.model_of_row.copy(), form.model_of_column.copy()
    row_owner[: form.keep_rows.stop] = -1
    column_owner[: form.replicas] = -1
    column_owner[form.kept] = -1
    lacking = np.zeros(form.matrix.shape[1], dtype=np.bool_)
    for part in (form.unserved, form.survival, form.gold):
        lacking[part] = True
    cost = penalties.applied_to(form)
    models = len(problem.models)
    rows_in, columns_in = _grouped(row_owner, models), _grouped(column_owner, models)
    blocks = []
    for model in range(models):
        mine, others = rows_in[model], columns_in[model]
        block_rows = rows[mine].tocsc()
        replicas = merging.problem.columns_of(model)
        blocks.append(
            Block(
                first_merged=replicas.start,
                of_replicas=csc_array(block_rows[:, replicas.start : replicas.stop]),
                of_others=csc_array(block_rows[:, others]),
                row_lower=form.row_lower[mine],
                row_upper=form.row_upper[mine],
                other_upper=form.upper[others],
                other_cost=cost[others],
                is_shortfall=lacking[others],
            )
        )
    return blocks


def _grouped(owner: Ints, count: int) -> list[Ints]:
    order = np.argsort(owner, kind="stable")
    first = np.searchsorted(owner[order], np.arange(count + 1))
    return [order[first[model] : first[model + 1]] for model in range(count)]
