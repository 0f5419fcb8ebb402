"""Completion: adding replicas to a start, one model after another, until its needs are met.

A greedy cover: the replica that mends most for its price comes next. Milliseconds per model, always
feasible, and good where the start is nearly complete. What it takes into account is exact: free
GPUs, spot limits, and demand nested as in a tree.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from broker.placement.coverage import Coverage, coverage_of
from broker.placement.problem import Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

_LEAST_PRICE = 0.05
"""Dollars per GPU-hour: even idle GPUs are not free for the taking."""

_CHOICES = 3
"""Cheapest columns looked at for each zone, provider and kind of site, until they are full."""

_MOST_STEPS = 4_000
"""Additions for one model; far more than any model needs from a start out of a program."""


def complete(
    problem: Problem,
    start: Ints,
    gpu_values: Floats,
    *,
    order: Iterable[int] | None = None,
) -> Ints:
    """Return the start with replicas added where something lacks.

    `gpu_values` are dollars per GPU-hour by site; models come in `order`, by default the most
    important first and among them those of the largest replicas.
    """
    replicas = start.copy()
    free = problem.sites.gpus - problem.gpus_used(replicas)
    worth = np.maximum(gpu_values, _LEAST_PRICE)
    offered = np.zeros(len(problem.sites))
    offered[problem.offers.site] = problem.offers.price
    worth = np.maximum(worth, offered)
    for model in order_of(problem) if order is None else order:
        mine = problem.columns_of(model)
        replicas[mine] = _completed(problem, model, replicas[mine], free, worth)
    return replicas


def order_of(problem: Problem) -> list[int]:
    """Return the models, most important first, then those that are hardest to fit."""
    largest = np.zeros(len(problem.models), dtype=np.int64)
    np.maximum.at(largest, problem.columns.model, problem.columns.gpus)
    order: list[int] = np.lexsort(
        (np.arange(len(largest)), -largest, -problem.models.priority)
    ).tolist()
    return order


def _completed(problem: Problem, model: int, replicas: Ints, free: Ints, worth: Floats) -> Ints:
    """Complete one model, taking what it adds out of `free`."""
    coverage = coverage_of(problem, model, replicas)
    candidates = _Candidates.of(problem, model, worth)
    added = replicas.copy()
    steps = 0
    while not coverage.is_met and steps < _MOST_STEPS:
        choice = candidates.choice(added, free)
        progress = False
        while len(choice) and not coverage.is_met and steps < _MOST_STEPS:
            steps += 1
            pick = _best(choice, candidates, coverage, added, free)
            if pick is None:
                break
            count = _how_many(pick, candidates, coverage, added, free)
            added[pick] += count
            free[candidates.site[pick]] -= count * candidates.gpus[pick]
            coverage.add(pick, count)
            progress = True
        if not progress:
            break
    return added


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidates:
    """The columns of one model, with the price of one more replica and of one started already."""

    site: Ints
    gpus: Ints
    most: Ints
    running: Ints
    price: Floats
    start_cost: float
    kind: Ints
    work: Floats

    @classmethod
    def of(cls, problem: Problem, model: int, worth: Floats) -> _Candidates:
        columns, mine = problem.columns, problem.columns_of(model)
        site, zone = columns.site[mine], columns.zone[mine]
        gpus = columns.gpus[mine]
        kind = (zone + 1) * problem.providers + problem.sites.provider[site]
        kind = kind * 2 + problem.sites.is_spot[site]
        start_cost = float(problem.models.start_cost[model])
        return cls(
            site=site,
            gpus=gpus,
            most=columns.most[mine],
            running=columns.running[mine],
            price=gpus * (worth[site] + problem.opportunity) + start_cost,
            start_cost=start_cost,
            kind=kind,
            work=np.maximum(columns.work[mine], 1e-12),
        )

    def prices(self, chosen: Ints, added: Ints) -> Floats:
        runs = added[chosen] < self.running[chosen]
        return np.maximum(
            np.where(runs, self.price[chosen] - self.start_cost, self.price[chosen]), 1e-9
        )

    def choice(self, added: Ints, free: Ints) -> Ints:
        """Return the cheapest columns with room, a few for each zone, provider and kind."""
        room = np.flatnonzero((free[self.site] >= self.gpus) & (added < self.most))
        order = room[
            np.lexsort((room, self.prices(room, added) / self.work[room], self.kind[room]))
        ]
        kinds = self.kind[order]
        begins = np.append(True, kinds[1:] != kinds[:-1])[: len(order)]
        rank = np.arange(len(order)) - np.maximum.accumulate(
            np.where(begins, np.arange(len(order)), 0)
        )
        return np.sort(order[rank < _CHOICES])


def _best(
    choice: Ints, candidates: _Candidates, coverage: Coverage, added: Ints, free: Ints
) -> int | None:
    room = (free[candidates.site[choice]] >= candidates.gpus[choice]) & (
        added[choice] < candidates.most[choice]
    )
    gain = np.where(room, coverage.gains(choice), 0.0)
    if not (gain > 0).any():
        return None
    return int(choice[int((gain / candidates.prices(choice, added)).argmax())])


def _how_many(
    pick: int, candidates: _Candidates, coverage: Coverage, added: Ints, free: Ints
) -> int:
    """Return how many replicas to add at once: half of what would still gain in full."""
    room = min(
        int(free[candidates.site[pick]]) // int(candidates.gpus[pick]),
        int(candidates.most[pick] - added[pick]),
    )
    if added[pick] < candidates.running[pick]:
        room = min(room, int(candidates.running[pick] - added[pick]))
    return max(1, min(room, coverage.full_gains(pick) // 2))
