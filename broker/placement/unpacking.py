"""From shares of replicas at merged sites to whole replicas on pools."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from broker.placement.merging import Merged
from broker.placement.problem import Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_ALMOST = 1e-6


def unpacked(problem: Problem, merging: Merged, values: Floats) -> Ints:
    """Return whole replicas by column of the pools, never more than the shares say.

    The largest replicas are placed first, where they run already, then on paid GPUs, then where
    GPUs are cheapest. What does not fit on any one pool is left to completion.
    """
    columns = problem.columns
    replicas = columns.staying.copy()
    free = problem.sites.gpus - problem.gpus_used(replicas)
    price = np.zeros(len(problem.sites))
    price[problem.offers.site] = problem.offers.price
    wanted = np.floor(values[: len(merging.problem.columns)] + _ALMOST).astype(np.int64)
    wanted -= merging.problem.columns.staying
    members = np.lexsort((columns.site, price[columns.site], -columns.running, merging.column_of))
    first = np.searchsorted(merging.column_of[members], np.arange(len(wanted) + 1))
    gpus = merging.problem.columns.gpus
    for merged_column in sorted(np.flatnonzero(wanted > 0).tolist(), key=lambda c: (-gpus[c], c)):
        left, size = int(wanted[merged_column]), int(gpus[merged_column])
        for column in members[first[merged_column] : first[merged_column + 1]]:
            site = columns.site[column]
            fits = min(left, int(free[site]) // size, int(columns.most[column] - replicas[column]))
            replicas[column] += fits
            free[site] -= fits * size
            left -= fits
            if not left:
                break
    _trim_spot(problem, replicas)
    return replicas


def _trim_spot(problem: Problem, replicas: Ints) -> None:
    """Take away spot replicas beyond a model's share: rough shares average over providers."""
    columns = problem.columns
    on_spot = problem.sites.is_spot[columns.site]
    work = np.bincount(
        columns.model, replicas * columns.work * on_spot, minlength=len(problem.models)
    )
    beyond = np.flatnonzero(work > problem.models.spot_limit * (1 + _ALMOST**2))
    for model in beyond.tolist():
        mine = problem.columns_of(model)
        excess = float(work[model] - problem.models.spot_limit[model])
        for column in mine.start + np.flatnonzero((replicas[mine] > 0) & on_spot[mine]):
            movable = int(replicas[column] - columns.staying[column])
            gone = min(movable, int(np.ceil(excess / columns.work[column])))
            replicas[column] -= gone
            excess -= gone * float(columns.work[column])
            if excess <= 0:
                break
