"""Penalties: what a lacking unit of work costs in a program that is only there to find prices.

They keep the goals apart, dear enough that no money could make up for lacking work. They never
decide between plans: plans are compared goal by goal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from broker.placement.formulation import Formulation
from broker.placement.problem import Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_GOLD_OVER_MONEY = 3.0
_SURVIVAL_OVER_GOLD = 4.0
_DEMAND_OVER_SURVIVAL = 2.0  # times providers: one replica can mend the loss of each of them
_PRIORITY_STEP = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Penalties:
    """Dollars per hour for each thousand tokens per second that lack."""

    unserved: Floats  # by demand row
    survival: float
    gold: float

    def applied_to(self, form: Formulation) -> Floats:
        """Return the cost of every column: money, and penalties."""
        return form.shortfall_cost(self.unserved, survival=self.survival, gold=self.gold)


def penalties_of(problem: Problem) -> Penalties:
    """Return penalties on the scale of the dearest work in the problem."""
    gold = _GOLD_OVER_MONEY * _dearest_work(problem)
    survival = _SURVIVAL_OVER_GOLD * gold
    lowest = _DEMAND_OVER_SURVIVAL * survival * max(1, problem.providers)
    ranks = np.unique(problem.models.priority, return_inverse=True)[1]
    return Penalties(
        unserved=lowest * _PRIORITY_STEP ** ranks[problem.rows.model].astype(np.float64),
        survival=survival,
        gold=gold,
    )


def _dearest_work(problem: Problem) -> float:
    """Return what a unit of work costs the model that pays most, bought at the dearest offer."""
    columns, offers = problem.columns, problem.offers
    if not len(columns):
        return 1.0
    dearest = np.zeros(int(problem.sites.gpu.max()) + 1)
    np.maximum.at(dearest, problem.sites.gpu[offers.site], offers.price)
    top = float(dearest.max())
    gpu_price = np.where(dearest > 0, dearest, top)[problem.sites.gpu[columns.site]]
    cost = gpu_price * columns.gpus + problem.running_cost()
    per_work = np.divide(cost, columns.work, out=np.full(len(cost), np.inf), where=columns.work > 0)
    cheapest = np.full(len(problem.models), np.inf)
    np.minimum.at(cheapest, columns.model, per_work)
    finite = cheapest[np.isfinite(cheapest)]
    return max(1e-3, float(finite.max(initial=1e-3)))
