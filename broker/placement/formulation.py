"""Formulation: the placement problem as a linear program in whole or divisible replicas.

Columns, in blocks: replicas y, GPUs bought u (steps if whole), running replicas kept k, time t of
mixed models, then what lacks: demand s, survival v, gold z; and the work a inside a scope.

    GPUs      sum gpus·y <= paid + sum u                        for each site
    demand    sum serves·y under the node + s under it >= need  for each row: with demand nested as
              in a tree this is exact, and no flow from replica to row is needed
    time      sum over classes t <= sum availability·y          for mixed models, which serve with t
    survival  a - (work at provider p) + v >= required          for each scope and provider
    spot      sum work of spot y <= limit ;  gold: sum work of gold y + z >= floor
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csc_array

from broker.placement.model_rows import RowStack, add_model_rows
from broker.placement.problem import Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Formulation:
    """Arrays of the program, and where its blocks of columns begin."""

    matrix: csc_array
    lower: Floats
    upper: Floats
    row_lower: Floats
    row_upper: Floats
    money: Floats
    unserved: slice
    survival: slice
    gold: slice
    bought: slice
    activity: slice
    kept: slice
    keep_rows: slice
    survival_weight: Floats
    gold_model: Ints
    model_of_column: Ints
    model_of_row: Ints
    replicas: int
    site_rows: int
    is_integer: Flags
    activity_rows: Ints
    watch_rows: Ints
    watch_scope: Ints

    def shortfall_cost(self, penalties: Floats, *, survival: float, gold: float) -> Floats:
        """Return money plus penalties: one for each unserved row, one for survival, one for gold."""
        cost = self.money.copy()
        cost[self.unserved] = penalties
        cost[self.survival] = survival * self.survival_weight
        cost[self.gold] = gold
        return cost


def formulate(problem: Problem, *, whole: bool = False, survive: bool = True) -> Formulation:
    """Write the problem down; without `survive` survival and gold are left out."""
    columns, offers, rows = problem.columns, problem.offers, problem.rows
    replicas, sites = len(columns), len(problem.sites)
    stack = RowStack()
    stack.reserve(replicas)
    bought = stack.reserve(len(offers))
    kept_from = np.flatnonzero(
        (columns.running > 0) & (problem.models.start_cost[columns.model] > 0)
    )
    kept = stack.reserve(len(kept_from))
    unserved = stack.reserve(len(rows))
    unit = offers.step.astype(np.float64) if whole else np.ones(len(offers))
    stack.add(
        np.concatenate([columns.site, offers.site]),
        np.concatenate([np.arange(replicas), bought.start + np.arange(len(offers))]),
        np.concatenate([columns.gpus.astype(np.float64), -unit]),
        np.full(sites, -np.inf),
        problem.sites.paid.astype(np.float64),
        owner=-1,
    )
    _keep_rows(stack, kept_from, kept.start, columns.model[kept_from])
    extra = add_model_rows(stack, problem, unserved_from=unserved.start, survive=survive)
    matrix, row_lower, row_upper, row_owner = stack.built()
    width = matrix.shape[1]
    money, lower, upper = np.zeros(width), np.zeros(width), np.full(width, np.inf)
    owner = np.full(width, -1, dtype=np.int64)
    whole_flags = np.zeros(width, dtype=np.bool_)
    whole_flags[:replicas] = True
    whole_flags[bought] = whole
    money[:replicas] = problem.running_cost()
    lower[:replicas], upper[:replicas] = columns.staying, columns.most
    owner[:replicas] = columns.model
    money[bought], upper[bought] = offers.price * unit, offers.gpus / unit
    money[kept] = -problem.models.start_cost[columns.model[kept_from]]
    upper[kept], owner[kept] = columns.running[kept_from], columns.model[kept_from]
    upper[unserved], owner[unserved] = rows.need, rows.model
    for block, limits, models in extra.owned:
        upper[block], owner[block] = limits, models
    return Formulation(
        matrix=matrix, lower=lower, upper=upper, row_lower=row_lower, row_upper=row_upper,
        money=money, unserved=unserved, survival=extra.survival, gold=extra.gold, bought=bought,
        activity=extra.activity, kept=kept, keep_rows=slice(sites, sites + len(kept_from)),
        survival_weight=extra.survival_weight, gold_model=extra.gold_model,
        model_of_column=owner, model_of_row=row_owner, replicas=replicas, site_rows=sites,
        is_integer=whole_flags, activity_rows=extra.activity_rows, watch_rows=extra.watch_rows,
        watch_scope=extra.watch_scope,
    )  # fmt: skip


def _keep_rows(stack: RowStack, kept_from: Ints, first: int, models: Ints) -> None:
    count = len(kept_from)
    each = np.arange(count)
    stack.add(
        np.concatenate([each, each]),
        np.concatenate([first + each, kept_from]),
        np.concatenate([np.ones(count), -np.ones(count)]),
        np.full(count, -np.inf),
        np.zeros(count),
        owner=models,
    )
