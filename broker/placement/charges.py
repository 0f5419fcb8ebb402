"""Charges: what replicas cost while all others stand still."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from broker.placement.problem import Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Charges:
    """By site: price, step and rent (worth above price) of a GPU. By column: running, starting.

    `gpus` and `running` are those of the columns, kept here so that all charges are in one place.
    """

    price: Floats
    step: Ints
    is_bought: Flags
    rent: Floats
    running_cost: Floats
    start_cost: Floats
    gpus: Ints
    running: Ints
    site: Ints

    def each(self, columns: Ints, rent_share: float) -> Floats:
        """Return what one more replica of each column costs, without GPUs bought for it."""
        rent = self.rent[self.site[columns]] * self.gpus[columns]
        found: Floats = self.running_cost[columns] + rent_share * rent
        return found

    def gpus_of(self, columns: Ints, counts: Ints) -> Ints:
        """Return the GPUs that so many replicas of the columns take at each site."""
        taken = np.bincount(
            self.site[columns], counts * self.gpus[columns], minlength=len(self.price)
        )
        return np.rint(taken).astype(np.int64)

    def total(self, columns: Ints, counts: Ints, *, others: Ints, rent_share: float) -> float:
        """Return what the replicas cost beside `others`: starts, rent, and steps not bought yet."""
        kept = np.minimum(counts, self.running[columns])
        used = others + self.gpus_of(columns, counts)
        steps = -(-used // self.step) - -(-others // self.step)
        bought = float((steps * self.step * self.price)[self.is_bought].sum())
        placed = float(counts @ self.each(columns, rent_share))
        return placed - float(kept @ self.start_cost[columns]) + bought


def charges_of(problem: Problem, gpu_values: Floats) -> Charges:
    """Return the charges of a problem whose GPUs are worth `gpu_values` by site."""
    columns, offers, sites = problem.columns, problem.offers, problem.sites
    price, step = np.zeros(len(sites)), np.ones(len(sites), dtype=np.int64)
    is_bought = np.zeros(len(sites), dtype=np.bool_)
    price[offers.site], step[offers.site], is_bought[offers.site] = offers.price, offers.step, True
    return Charges(
        price=price,
        step=step,
        is_bought=is_bought,
        rent=np.maximum(gpu_values - price, 0.0),
        running_cost=problem.running_cost(),
        start_cost=problem.models.start_cost[columns.model],
        gpus=columns.gpus,
        running=columns.running,
        site=columns.site,
    )
