"""In which order models are polished, and how often: by the budget, never by the clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from broker.placement.formulation import Formulation
from broker.placement.merging import Merged
from broker.placement.polish import Bench, Effort, Polisher, Proposal, Verdict
from broker.placement.pricing_rounds import Prices
from broker.placement.problem import Problem
from broker.placement.shortfall import Shortfall, shortfall_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

LANES = 2
"""Searches that run at once. The plan does not depend on it: batches are the same whatever it is."""

_BATCH = 6
"""Searches that set out from the same state of the plan."""

_MOST_TRIES = 3

_PASSES = (
    Effort(rent_share=0.5, most_nodes=4, gap_share=3e-3),
    Effort(rent_share=0.15, most_nodes=4),
    Effort(rent_share=0.0, most_nodes=4),
    Effort(rent_share=0.3, most_nodes=20),
    Effort(rent_share=0.0, most_nodes=20),
)
_PASS_SHARE = 0.4
"""Part of the work left that a pass may take: most of the gain is in models that stand worst."""

_MENDING = Effort(rent_share=0.15, most_nodes=10)
_CLOSE = 1.02
"""A model within this factor of what the linear program lets it lack is left as it is."""

_HELPERS = 3
"""Models solved together with one that lacks something, so that they can make room for it."""

_MENDING_ROUNDS = 3
_MENDING_BATCH = 2
"""Groups that are mended at once: they share helpers, so more would stand in each other's way."""


@dataclass(slots=True, kw_only=True)
class Allowance:
    """Work left, in seconds of a usual processor, and whether the clock has ended it early."""

    seconds: float
    is_over: Callable[[], bool]
    was_cut: bool = False

    @property
    def is_used_up(self) -> bool:
        """Say whether no work is left; from when time is long over, that is so."""
        if self.seconds > 0 and not self.was_cut:
            self.was_cut = self.is_over()
        return self.seconds <= 0 or self.was_cut


class Lanes:
    """Where searches run side by side, in batches whose results come in a fixed order."""

    def __init__(self, polisher: Polisher, allowance: Allowance, pool: ThreadPoolExecutor) -> None:
        self._polisher = polisher
        self._pool = pool
        self.allowance = allowance

    def proposals(self, calls: Sequence[Callable[[], Proposal]]) -> list[Proposal]:
        """Make proposals side by side; their work is taken from the allowance."""
        found = list(self._pool.map(lambda call: call(), calls))
        self.allowance.seconds -= sum(proposal.work for proposal in found)
        return found

    def run(
        self,
        bench: Bench,
        groups: Iterable[Sequence[int]],
        effort: Effort,
        *,
        least: float = 0.0,
        batch_size: int = _BATCH,
    ) -> None:
        """Solve each group of models again, until no more than `least` work is left.

        What clashes with one that came before it in its batch is tried again, after the others.
        """
        waiting = deque((1, group) for group in groups)
        while waiting and self.allowance.seconds > least and not self.allowance.is_used_up:
            batch = [waiting.popleft() for _ in range(min(batch_size, len(waiting)))]
            calls = [partial(self._polisher.propose, bench, group, effort) for _, group in batch]
            for (tries, group), proposal in zip(batch, self.proposals(calls), strict=True):
                clashed = self._polisher.take(bench, proposal) is Verdict.CLASHED
                if clashed and tries < _MOST_TRIES:
                    waiting.append((tries + 1, group))


def polished(
    problem: Problem,
    merging: Merged,
    prices: Prices,
    polisher: Polisher,
    *,
    start: Ints,
    lacking: Sequence[tuple[float, ...]],
    allowance: Allowance,
) -> Iterator[Ints]:
    """Yield better and better replicas, one after each pass over the models."""
    bench = polisher.bench(start)
    with ThreadPoolExecutor(LANES) as pool:
        lanes = Lanes(polisher, allowance, pool)
        mend(problem, lanes, bench, unavoidable=lacking)
        yield bench.replicas.copy()
        for effort in _PASSES:
            least = allowance.seconds * (1 - _PASS_SHARE)
            order = worst_first(problem, merging, prices, bench.replicas)
            lanes.run(bench, [[model] for model in order], effort, least=least)
            yield bench.replicas.copy()
            if allowance.is_used_up:
                break
        mend(problem, lanes, bench, unavoidable=lacking)
        yield bench.replicas.copy()


def worst_first(problem: Problem, merging: Merged, prices: Prices, replicas: Ints) -> list[int]:
    """Return the models by what their replicas cost above their share of the linear program."""
    columns, smaller = problem.columns, merging.problem.columns
    value = prices.gpu_values[merging.site_of]
    price = np.zeros(len(problem.sites))
    price[problem.offers.site] = problem.offers.price
    each = problem.running_cost() + np.maximum(value, price)[columns.site] * columns.gpus
    share = merging.problem.running_cost() + prices.gpu_values[smaller.site] * smaller.gpus
    count = len(problem.models)
    above = np.bincount(columns.model, each * replicas, minlength=count) - np.bincount(
        smaller.model, share * prices.values[: len(smaller)], minlength=count
    )
    order: list[int] = np.argsort(-np.round(above, 6), kind="stable").tolist()
    return order


def mend(
    problem: Problem, lanes: Lanes, bench: Bench, *, unavoidable: Sequence[tuple[float, ...]]
) -> None:
    """Solve each model that lacks too much together with those that stand in its way.

    `unavoidable` is what each model lacks in the linear program: less than that is not sought.
    """
    for turn in range(_MENDING_ROUNDS):
        groups = []
        for model in _short_models(problem, bench.replicas, unavoidable):
            lack = shortfall_of(problem, model, bench.replicas[problem.columns_of(model)])
            helpers = _in_the_way(problem, bench.replicas, model, lack)
            groups.append([model, *helpers[turn * _HELPERS : (turn + 1) * _HELPERS]])
        least = lanes.allowance.seconds * (1 - _PASS_SHARE)
        lanes.run(bench, groups, _MENDING, least=least, batch_size=_MENDING_BATCH)


def _short_models(
    problem: Problem, replicas: Ints, unavoidable: Sequence[tuple[float, ...]]
) -> list[int]:
    """Return the models that lack more than they must, those with unserved demand first."""
    found = []
    for model, least in enumerate(unavoidable):
        mine = problem.columns_of(model)
        lacks = shortfall_of(problem, model, replicas[mine]).totals()
        above = [have - must * _CLOSE - 1e-6 for have, must in zip(lacks, least, strict=True)]
        if max(above) > 0:
            found.append((above[0] <= 0, -int(problem.models.priority[model]), model))
    return [model for _, _, model in sorted(found)]


def lacking_in(problem: Problem, form: Formulation, values: Floats) -> list[tuple[float, ...]]:
    """Return what each model lacks in the linear program: demand, survival, gold share."""
    count = len(problem.models)
    sums = [
        np.bincount(form.model_of_column[part], values[part] * weight, minlength=count)
        for part, weight in (
            (form.unserved, 1.0),
            (form.survival, form.survival_weight),
            (form.gold, 1.0),
        )
    ]
    return [tuple(float(part[model]) for part in sums) for model in range(count)]


def _in_the_way(problem: Problem, replicas: Ints, model: int, lack: Shortfall) -> list[int]:
    """Return the models with most GPUs where the model could mend what it lacks."""
    columns, mine = problem.columns, problem.columns_of(model)
    covers, zone, site = problem.geography.covers, columns.zone[mine], columns.site[mine]
    of_use = np.zeros(len(zone), dtype=np.bool_)
    for row in np.flatnonzero(lack.unserved):
        of_use |= covers[problem.rows.node[problem.rows_of(model).start + row]][zone]
    for scope in np.flatnonzero(lack.survival.any(axis=1)):
        node = problem.scopes.node[problem.scopes_of(model).start + scope]
        worst = int(lack.survival[scope].argmax())
        of_use |= covers[node][zone] & (problem.sites.provider[site] != worst)
    of_use = (of_use & (zone >= 0)) | (problem.sites.is_gold[site] & (lack.gold > 0))
    wanted = np.zeros(len(problem.sites), dtype=np.bool_)
    wanted[site[of_use]] = True
    there = wanted[columns.site] * replicas * columns.gpus
    taken = np.bincount(columns.model, there, minlength=len(problem.models))
    taken[model] = 0
    order = np.argsort(-taken, kind="stable")
    return [int(other) for other in order if taken[other] > 0]
