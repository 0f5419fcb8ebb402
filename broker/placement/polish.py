"""Polish: solving a few models again in whole replicas, all others standing still.

GPUs that others could use are charged a share of their price from the linear program. Purchases
come in whole steps, and what others have bought and not used costs nothing more. A new placement
is taken only if it is better goal by goal, so polishing never makes a plan worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import block_diag, coo_array, csc_array, hstack, vstack

from broker.placement.blocks import Block
from broker.placement.merging import Merged
from broker.placement.pricing_rounds import Prices
from broker.placement.problem import Problem
from broker.placement.shortfall import Shortfall, shortfall_of
from broker.solver import Outcome, Program, solve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

_CHOICES = 3
"""Columns looked at in each zone besides those in use and those of the linear program."""

_RELATIVE_GAP = 1e-4
_SAME = 1e-9


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
        columns, offers, sites = problem.columns, problem.offers, problem.sites
        self._price = np.zeros(len(sites))
        self._price[offers.site] = offers.price
        self._step = np.ones(len(sites), dtype=np.int64)
        self._step[offers.site] = offers.step
        self._is_bought = np.zeros(len(sites), dtype=np.bool_)
        self._is_bought[offers.site] = True
        worth = prices.gpu_values[merging.site_of]
        self._rent = np.maximum(worth - self._price, 0.0)
        dear = np.maximum(self._price - worth, 0.0)
        self._loss = prices.reduced[merging.column_of] / columns.gpus + dear[columns.site]
        self._in_program = prices.values[merging.column_of] > 1e-6
        self._running_cost = problem.running_cost()
        self._start_cost = problem.models.start_cost[columns.model]

    def bench(self, replicas: Ints) -> Bench:
        """Lay a plan out for polishing."""
        return Bench(replicas=replicas.copy(), used=self._problem.gpus_used(replicas))

    def polish(self, bench: Bench, models: Sequence[int], effort: Effort) -> bool:
        """Solve the models together again; say whether the bench holds something better now."""
        task = self._task(bench, models, effort)
        found = solve(
            task.program,
            options={
                "mip_rel_gap": _RELATIVE_GAP,
                "mip_abs_gap": max(0.02, effort.gap_share * abs(task.known_cost)),
                "mip_max_nodes": effort.most_nodes,
                "mip_heuristic_run_feasibility_jump": False,
                "mip_heuristic_run_rens": False,
                "mip_heuristic_run_rins": False,
                "mip_allow_restart": False,
                "mip_heuristic_effort": 0.02,
            },
        )
        if found.outcome not in {Outcome.OPTIMAL, Outcome.LIMIT} or not np.isfinite(
            found.objective
        ):
            return False
        chosen = np.zeros(len(bench.replicas), dtype=np.int64)
        np.add.at(chosen, task.columns, np.rint(found.values[: len(task.columns)]).astype(np.int64))
        return self._adopt(bench, models, chosen, task)

    def _adopt(self, bench: Bench, models: Sequence[int], chosen: Ints, task: _Task) -> bool:
        problem, columns = self._problem, self._problem.columns
        mine = np.concatenate([np.arange(s.start, s.stop) for s in map(problem.columns_of, models)])
        gpus = np.bincount(
            columns.site[mine], chosen[mine] * columns.gpus[mine], minlength=len(bench.used)
        )
        used = task.used_by_others + np.rint(gpus).astype(np.int64)
        if (used > problem.sites.gpus).any() or not self._keeps_spot(models, chosen):
            return False
        old = self._rank(models, bench.replicas)
        new = self._rank(models, chosen)
        cost = self._cost(mine, chosen, task)
        for theirs, ours in zip((*old, task.known_cost), (*new, cost), strict=True):
            if abs(theirs - ours) > _SAME * (1 + abs(theirs) + abs(ours)):
                if theirs < ours:
                    return False
                bench.replicas[mine] = chosen[mine]
                bench.used = used
                return True
        return False

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

    def _rank(self, models: Sequence[int], replicas: Ints) -> tuple[float, ...]:
        """Return what the models lack, goal by goal."""
        problem = self._problem
        lacking: list[tuple[int, Shortfall]] = [
            (
                int(problem.models.priority[m]),
                shortfall_of(problem, m, replicas[problem.columns_of(m)]),
            )
            for m in models
        ]
        ranks = sorted({priority for priority, _ in lacking}, reverse=True)
        unserved = [
            float(sum(short.unserved.sum() for rank, short in lacking if rank == priority))
            for priority in ranks
        ]
        survival = float(sum(short.survival.sum() for _, short in lacking))
        return (*unserved, survival, float(sum(short.gold for _, short in lacking)))

    def _cost(self, mine: Ints, replicas: Ints, task: _Task) -> float:
        """Return what these replicas cost here: starts, rent, and steps that others have not bought."""
        columns = self._problem.columns
        count = replicas[mine]
        kept = np.minimum(count, columns.running[mine])
        each = self._running_cost[mine] + task.rent_share * (
            self._rent[columns.site[mine]] * columns.gpus[mine]
        )
        gpus = np.bincount(
            columns.site[mine], count * columns.gpus[mine], minlength=len(task.used_by_others)
        )
        total = task.used_by_others + np.rint(gpus).astype(np.int64)
        steps = -(-total // self._step) - -(-task.used_by_others // self._step)
        bought = float((steps * self._step * self._price)[self._is_bought].sum())
        return float(count @ each - kept @ self._start_cost[mine]) + bought

    def _task(self, bench: Bench, models: Sequence[int], effort: Effort) -> _Task:
        problem, columns = self._problem, self._problem.columns
        mine = np.concatenate([np.arange(s.start, s.stop) for s in map(problem.columns_of, models)])
        gpus = np.bincount(
            columns.site[mine], bench.replicas[mine] * columns.gpus[mine], minlength=len(bench.used)
        )
        others = bench.used - np.rint(gpus).astype(np.int64)
        picked = [self._picked(bench, model, others) for model in models]
        draft = _Task(
            program=_NO_PROGRAM,
            columns=np.zeros(0, dtype=np.int64),
            used_by_others=others,
            rent_share=effort.rent_share,
            known_cost=0.0,
        )
        known = self._cost(mine, bench.replicas, draft)
        is_short = any(self._rank(models, bench.replicas))
        program, chosen = self._program(models, picked, others, effort, may_lack=is_short)
        return _Task(
            program=program,
            columns=chosen,
            used_by_others=others,
            rent_share=effort.rent_share,
            known_cost=known,
        )

    def _picked(self, bench: Bench, model: int, others: Ints) -> Ints:
        """Return the columns of a model worth looking at."""
        problem, columns = self._problem, self._problem.columns
        mine = problem.columns_of(model)
        site, now = columns.site[mine], bench.replicas[mine]
        room = (problem.sites.gpus[site] - others[site] >= columns.gpus[mine]) | (now > 0)
        loss = np.where(self._in_program[mine], -1.0, self._loss[mine])
        loss = np.where((now > 0) | (columns.staying[mine] > 0), -2.0, loss)
        loss = np.where(room, loss, np.inf)
        kind = columns.zone[mine] * 2 + problem.sites.is_spot[site]
        order = np.lexsort((np.arange(len(loss)), loss, kind))
        begins = np.append(True, kind[order][1:] != kind[order][:-1])[: len(order)]
        place = np.arange(len(order))
        rank = place - np.maximum.accumulate(np.where(begins, place, 0))
        used = np.bincount(kind - kind.min(initial=0), loss < 0)[kind[order] - kind.min(initial=0)]
        keep = (rank < used + _CHOICES) & np.isfinite(loss[order])
        return mine.start + np.sort(order[keep])

    def _program(
        self,
        models: Sequence[int],
        picked: Sequence[Ints],
        others: Ints,
        effort: Effort,
        *,
        may_lack: bool,
    ) -> tuple[Program, Ints]:
        problem, columns = self._problem, self._problem.columns
        chosen = np.concatenate(picked)
        runs = chosen[columns.running[chosen] > 0]
        everything = np.concatenate([chosen, runs])
        sites, where = np.unique(columns.site[everything], return_inverse=True)
        bought = np.flatnonzero(self._is_bought[sites])
        step = self._step[sites[bought]]
        have = -(-others[sites] // self._step[sites]) * self._step[sites]
        slack = np.where(self._is_bought[sites], have, problem.sites.gpus[sites]) - others[sites]
        parts = [self._blocks[model] for model in models]
        of_replicas = block_diag(
            [
                part.of_replicas[:, self._merging.column_of[pick] - part.first_merged]
                for part, pick in zip(parts, picked, strict=True)
            ],
            format="csc",
        )
        at = {int(column): index for index, column in enumerate(chosen)}
        again = np.array([at[int(column)] for column in runs], dtype=np.int64)
        of_others = block_diag([part.of_others for part in parts], format="csc")
        count, rows = len(everything), of_replicas.shape[0]
        gpu_rows = coo_array(
            (
                np.concatenate(
                    [columns.gpus[everything].astype(np.float64), -step.astype(np.float64)]
                ),
                (
                    np.concatenate([where, bought]),
                    np.concatenate([np.arange(count), count + np.arange(len(bought))]),
                ),
            ),
            shape=(len(sites), count + len(bought) + of_others.shape[1]),
        )
        top = hstack(
            [of_replicas, of_replicas[:, again], csc_array((rows, len(bought))), of_others],
            format="csc",
        )
        each = self._running_cost[everything] + effort.rent_share * (
            self._rent[columns.site[everything]] * columns.gpus[everything]
        )
        each[len(chosen) :] -= self._start_cost[runs]
        other_upper = np.concatenate([part.other_upper for part in parts])
        lacking = np.concatenate([part.is_shortfall for part in parts])
        if not may_lack:
            other_upper = np.where(lacking, 0.0, other_upper)
        lower = columns.staying[everything].astype(np.float64)
        lower[: len(chosen)] = np.where(columns.running[chosen] > 0, 0, lower[: len(chosen)])
        upper = columns.most[everything].astype(np.float64)
        upper[len(chosen) :] = np.minimum(upper[len(chosen) :], columns.running[runs])
        lower[len(chosen) :] = np.minimum(lower[len(chosen) :], upper[len(chosen) :])
        steps_left = (problem.sites.gpus[sites] - have)[bought] / step
        program = Program(
            cost=np.concatenate(
                [
                    each,
                    self._price[sites[bought]] * step,
                    np.concatenate([part.other_cost for part in parts]),
                ]
            ),
            lower=np.concatenate([lower, np.zeros(len(bought) + len(other_upper))]),
            upper=np.concatenate([upper, steps_left, other_upper]),
            matrix=csc_array(vstack([top, gpu_rows], format="csc")),
            row_lower=np.concatenate(
                [*(part.row_lower for part in parts), np.full(len(sites), -np.inf)]
            ),
            row_upper=np.concatenate(
                [*(part.row_upper for part in parts), slack.astype(np.float64)]
            ),
            is_integer=np.concatenate(
                [np.ones(count + len(bought), np.bool_), np.zeros(len(other_upper), np.bool_)]
            ),
        )
        return program, everything


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """A search to be made, and what the plan at hand costs on its terms."""

    program: Program
    columns: Ints
    used_by_others: Ints
    rent_share: float
    known_cost: float


_NO_PROGRAM = Program(
    cost=np.zeros(0),
    lower=np.zeros(0),
    upper=np.zeros(0),
    matrix=csc_array((0, 0)),
    row_lower=np.zeros(0),
    row_upper=np.zeros(0),
)
