"""Polish: solving a few models again in whole replicas, all others standing still.

GPUs that others could use are charged a share of their price from the linear program. Purchases
come in whole steps, and what others have bought and not used costs nothing more. A new placement
is taken only if it is better goal by goal, so polishing never serves less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from broker.placement.block_program import Picked, block_program
from broker.placement.blocks import Block
from broker.placement.charges import charges_of
from broker.placement.merging import Merged
from broker.placement.pricing_rounds import Prices
from broker.placement.problem import Problem
from broker.placement.shortfall import shortfall_of
from broker.solver import Option, Outcome, solve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_CHOICES = 3
"""Columns looked at in each zone besides those in use and those of the linear program."""

_SAME = 1e-9
_LEAST_GAP = 0.02  # dollars per hour

_OPTIONS: dict[str, Option] = {
    "mip_rel_gap": 1e-4,
    "mip_heuristic_run_feasibility_jump": False,
    "mip_heuristic_run_rens": False,
    "mip_heuristic_run_rins": False,
    "mip_allow_restart": False,
    "mip_heuristic_effort": 0.02,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How hard to look: the share of GPU prices charged, and the branches of one search."""

    rent_share: float
    most_nodes: int
    gap_share: float = 1e-3


@dataclass(slots=True, kw_only=True)
class Bench:
    """A plan being polished: its replicas and the GPUs that they use."""

    replicas: Ints
    used: Ints


class Polisher:
    """Solves blocks of models again. Holds what stays the same between blocks."""

    def __init__(
        self, problem: Problem, merging: Merged, blocks: Sequence[Block], prices: Prices
    ) -> None:
        self._problem = problem
        self._merging = merging
        self._blocks = blocks
        worth = prices.gpu_values[merging.site_of]
        self._charges = charges_of(problem, worth)
        columns = problem.columns
        dear = np.maximum(self._charges.price - worth, 0.0)
        self._loss = prices.reduced[merging.column_of] / columns.gpus + dear[columns.site]
        self._in_program = prices.values[merging.column_of] > 1e-6

    def bench(self, replicas: Ints) -> Bench:
        """Lay a plan out for polishing."""
        return Bench(replicas=replicas.copy(), used=self._problem.gpus_used(replicas))

    def polish(self, bench: Bench, models: Sequence[int], effort: Effort) -> bool:
        """Solve the models together again; say whether the bench holds something better now."""
        problem, charges = self._problem, self._charges
        slices = [problem.columns_of(model) for model in models]
        mine = np.concatenate([np.arange(part.start, part.stop) for part in slices])
        others = bench.used - charges.gpus_of(mine, bench.replicas[mine])
        share = effort.rent_share
        known = charges.total(mine, bench.replicas[mine], others=others, rent_share=share)
        lacks = self._lacks(models, bench.replicas)
        program, columns = block_program(
            problem, charges, [self._picked(bench, model, others) for model in models],
            others=others, rent_share=share, may_lack=any(lacks),
        )  # fmt: skip
        gap = max(_LEAST_GAP, effort.gap_share * abs(known))
        found = solve(
            program,
            options={**_OPTIONS, "mip_abs_gap": gap, "mip_max_nodes": effort.most_nodes},
        )
        is_found = found.outcome in {Outcome.OPTIMAL, Outcome.LIMIT}
        if not (is_found and np.isfinite(found.objective)):
            return False
        chosen = np.zeros(len(bench.replicas), dtype=np.int64)
        np.add.at(chosen, columns, np.rint(found.values[: len(columns)]).astype(np.int64))
        used = others + charges.gpus_of(mine, chosen[mine])
        if (used > problem.sites.gpus).any() or not self._keeps_spot(models, chosen):
            return False
        cost = charges.total(mine, chosen[mine], others=others, rent_share=share)
        if not _is_better((*self._lacks(models, chosen), cost), than=(*lacks, known)):
            return False
        bench.replicas[mine] = chosen[mine]
        bench.used = used
        return True

    def _keeps_spot(self, models: Sequence[int], chosen: Ints) -> bool:
        problem, columns = self._problem, self._problem.columns
        for model in models:
            mine = problem.columns_of(model)
            spot = problem.sites.is_spot[columns.site[mine]]
            work = columns.work[mine][spot]
            limit = max(
                float(problem.models.spot_limit[model]), float(work @ columns.staying[mine][spot])
            )
            if float(work @ chosen[mine][spot]) > limit * (1 + _SAME):
                return False
        return True

    def _lacks(self, models: Sequence[int], replicas: Ints) -> tuple[float, ...]:
        """Return what the models lack, goal by goal."""
        problem = self._problem
        found = [
            (int(problem.models.priority[model]), shortfall_of(problem, model, replicas[part]))
            for model, part in ((model, problem.columns_of(model)) for model in models)
        ]
        ranks = sorted({priority for priority, _ in found}, reverse=True)
        unserved = [
            float(sum(short.unserved.sum() for rank, short in found if rank == priority))
            for priority in ranks
        ]
        survival = float(sum(short.survival.sum() for _, short in found))
        return (*unserved, survival, float(sum(short.gold for _, short in found)))

    def _picked(self, bench: Bench, model: int, others: Ints) -> Picked:
        """Return the columns of a model worth looking at."""
        problem, columns = self._problem, self._problem.columns
        mine = problem.columns_of(model)
        site, now = columns.site[mine], bench.replicas[mine]
        room = (problem.sites.gpus[site] - others[site] >= columns.gpus[mine]) | (now > 0)
        loss = np.where(self._in_program[mine], -1.0, self._loss[mine])
        loss = np.where((now > 0) | (columns.staying[mine] > 0), -2.0, loss)
        loss = np.where(room, loss, np.inf)
        kind = (columns.zone[mine] + 1) * 2 + problem.sites.is_spot[site]
        order = np.lexsort((np.arange(len(loss)), loss, kind))
        begins = np.append(True, kind[order][1:] != kind[order][:-1])[: len(order)]
        place = np.arange(len(order))
        rank = place - np.maximum.accumulate(np.where(begins, place, 0))
        used = np.bincount(kind, loss < 0)[kind[order]]
        keep = (rank < used + _CHOICES) & np.isfinite(loss[order])
        picked = mine.start + np.sort(order[keep])
        block = self._blocks[model]
        return Picked(
            block=block,
            columns=picked,
            in_block=self._merging.column_of[picked] - block.first_merged,
        )


def _is_better(one: tuple[float, ...], *, than: tuple[float, ...]) -> bool:
    """Say whether the first difference between the two, most important first, is for `one`."""
    for ours, theirs in zip(one, than, strict=True):
        if abs(theirs - ours) > _SAME * (1 + abs(theirs) + abs(ours)):
            return ours < theirs
    return False
