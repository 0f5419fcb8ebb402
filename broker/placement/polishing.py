"""In which order models are polished, and how often: by the budget, never by the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from broker.placement.formulation import Formulation
from broker.placement.merging import Merged
from broker.placement.polish import Bench, Effort, Polisher
from broker.placement.pricing_rounds import Prices
from broker.placement.problem import Problem
from broker.placement.shortfall import Shortfall, shortfall_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

SOLVES_PER_SECOND = 10
"""Searches that a second of budget stands for."""

_PASSES = (
    Effort(rent_share=0.5, most_nodes=4),
    Effort(rent_share=0.15, most_nodes=4),
    Effort(rent_share=0.0, most_nodes=4),
    Effort(rent_share=0.3, most_nodes=20),
    Effort(rent_share=0.0, most_nodes=20),
)
_PASSES_AT_LEAST = 3
"""Passes that the searches are spread over: most of the gain is in the models that stand worst."""

_LEAST_PASS = 20
_MENDING = Effort(rent_share=0.15, most_nodes=10)
_CLOSE = 1.02
"""A model within this factor of what the linear program lets it lack is left as it is."""

_HELPERS = 3
"""Models solved together with one that lacks something, so that they can make room for it."""

_MENDING_ROUNDS = 3


@dataclass(slots=True, kw_only=True)
class Allowance:
    """Searches left, and whether the clock has ended them early."""

    searches: int
    is_over: Callable[[], bool]
    was_cut: bool = False

    def take(self) -> bool:
        """Take one search; say no when none is left or time is long over."""
        if self.searches <= 0 or self.was_cut:
            return False
        if self.is_over():
            self.was_cut = True
            return False
        self.searches -= 1
        return True


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
    mend(problem, polisher, bench, unavoidable=lacking, allowance=allowance)
    yield bench.replicas.copy()
    for effort in _PASSES:
        most = max(_LEAST_PASS, allowance.searches // _PASSES_AT_LEAST)
        for model in worst_first(problem, merging, prices, bench.replicas)[:most]:
            if not allowance.take():
                break
            polisher.polish(bench, [model], effort)
        yield bench.replicas.copy()
        if allowance.searches <= 0 or allowance.was_cut:
            break
    mend(problem, polisher, bench, unavoidable=lacking, allowance=allowance)
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
    problem: Problem,
    polisher: Polisher,
    bench: Bench,
    *,
    unavoidable: Sequence[tuple[float, ...]],
    allowance: Allowance,
) -> None:
    """Solve each model that lacks too much together with those that stand in its way.

    `unavoidable` is what each model lacks in the linear program: less than that is not sought.
    """
    for turn in range(_MENDING_ROUNDS):
        for model in _short_models(problem, bench.replicas, unavoidable):
            lack = shortfall_of(problem, model, bench.replicas[problem.columns_of(model)])
            helpers = _in_the_way(problem, bench.replicas, model, lack)
            group = [model, *helpers[turn * _HELPERS : (turn + 1) * _HELPERS]]
            if not allowance.take():
                return
            polisher.polish(bench, group, _MENDING)


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
