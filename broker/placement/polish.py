"""Polish: solving a few models again in whole replicas, all others standing still.

GPUs that others could use are charged a share of their price from the linear program. Purchases
come in whole steps, and what others have bought and not used costs nothing more. A new placement
is taken only if it is better goal by goal, so polishing never serves less.

Looking for a placement and taking it are apart, so that several can be looked for at once: what is
found on an older state of the plan is taken only if it still fits and is still better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
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

_SECONDS_PER_SEARCH = 0.002
_SECONDS_PER_ENTRY = 4e-5
_SECONDS_PER_STEP = 1.3e-4  # of the simplex method

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Other replicas for the columns `mine` of some models, None where nothing was found.

    `work` is what the search took, in seconds of a usual processor, reckoned from its steps.
    """

    models: tuple[int, ...]
    mine: Ints
    chosen: Ints | None
    rent_share: float
    work: float


class Verdict(StrEnum):
    """What became of a proposal."""

    TAKEN = "taken"
    CLASHED = "clashed"  # the GPUs that it counted on have gone to others meanwhile
    NO_BETTER = "no better"


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

    def propose(self, bench: Bench, models: Sequence[int], effort: Effort) -> Proposal:
        """Solve the models together again; the bench stays as it is."""
        problem, charges = self._problem, self._charges
        mine = self._columns_of(models)
        others = bench.used - charges.gpus_of(mine, bench.replicas[mine])
        share = effort.rent_share
        known = charges.total(mine, bench.replicas[mine], others=others, rent_share=share)
        program, columns = block_program(
            problem, charges, [self._picked(bench, model, others) for model in models],
            others=others, rent_share=share, may_lack=any(self._lacks(models, bench.replicas)),
        )  # fmt: skip
        gap = max(_LEAST_GAP, effort.gap_share * abs(known))
        found = solve(
            program,
            options={**_OPTIONS, "mip_abs_gap": gap, "mip_max_nodes": effort.most_nodes},
        )
        chosen: Ints | None = None
        if found.outcome in {Outcome.OPTIMAL, Outcome.LIMIT} and np.isfinite(found.objective):
            whole = np.zeros(len(bench.replicas), dtype=np.int64)
            np.add.at(whole, columns, np.rint(found.values[: len(columns)]).astype(np.int64))
            if self._keeps_spot(models, whole):
                chosen = whole[mine]
        return Proposal(
            models=tuple(models), mine=mine, chosen=chosen, rent_share=share,
            work=_work(program.matrix.nnz, found.iterations),
        )  # fmt: skip

    def take(self, bench: Bench, proposal: Proposal) -> Verdict:
        """Put the proposal on the bench if it fits and is better than what is there now."""
        problem, charges, mine = self._problem, self._charges, proposal.mine
        if proposal.chosen is None:
            return Verdict.NO_BETTER
        others = bench.used - charges.gpus_of(mine, bench.replicas[mine])
        used = others + charges.gpus_of(mine, proposal.chosen)
        if (used > problem.sites.gpus).any():
            return Verdict.CLASHED
        replicas = bench.replicas.copy()
        replicas[mine] = proposal.chosen
        one, two = (
            (
                *self._lacks(proposal.models, each),
                charges.total(mine, each[mine], others=others, rent_share=proposal.rent_share),
            )
            for each in (replicas, bench.replicas)
        )
        if not _is_better(one, than=two):
            return Verdict.NO_BETTER
        bench.replicas, bench.used = replicas, used
        return Verdict.TAKEN

    def _columns_of(self, models: Sequence[int]) -> Ints:
        slices = [self._problem.columns_of(model) for model in models]
        return np.concatenate([np.arange(part.start, part.stop) for part in slices])

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


def _work(entries: int, iterations: int) -> float:
    """Return about how many seconds a search takes, from its size and steps alone."""
    return _SECONDS_PER_SEARCH + _SECONDS_PER_ENTRY * entries + _SECONDS_PER_STEP * iterations
