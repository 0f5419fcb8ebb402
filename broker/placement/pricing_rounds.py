"""Prices of GPUs, and a proven bound, from linear programs on few columns priced against all.

First a program that forgets providers gives a rough price for each place and GPU. Its best columns
make a program small enough for an interior-point method; every column left out is then priced, and
those that would pay come in. Dual values prove a bound whatever they are, so nothing rests on the
tolerance of a solver.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csc_array

from broker.placement.formulation import Formulation, formulate
from broker.placement.merging import merged
from broker.placement.penalties import Penalties, penalties_of
from broker.placement.problem import Problem
from broker.solver import Option, Outcome, Program, Solution, solve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

_ENTRY_SHARE = 0.015
"""A column enters the first round if it loses at most this share of its GPUs' rough price."""

_LEAST_PRICE_SHARE = 0.05
_ENTRY_LOSS_PER_GPU = 0.003
_FINAL_LOSS_PER_GPU = 0.003
_ENOUGH = 2e-3
"""Relative distance between program and bound at which pricing stops."""

_MOST_ROUNDS = 4
_GROWTH = 1.5
"""How much a provider's share may grow against the rough one before its loss is watched."""

_BROKEN = 1e-2
_CLOSE = 0.1
_WATCHED_ROUNDS = 2

_INTERIOR: dict[str, Option] = {
    "solver": "hipo",
    "run_crossover": "off",
    "ipm_optimality_tolerance": 1e-5,
}
_VERTEX: dict[str, Option] = {"solver": "ipm", "run_crossover": "on"}
_STEADIEST: dict[str, Option] = {"solver": "ipm"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What a linear program says: values of columns, duals of rows, and what GPUs are worth."""

    values: Floats
    duals: Floats
    reduced: Floats  # of replicas
    gpu_values: Floats  # by site
    objective: float


def rough_prices(problem: Problem) -> Prices:
    """Return prices and shares of a problem that forgets which provider is which."""
    coarse = merged(problem, by_provider=False)
    form = formulate(coarse.problem, survive=False)
    penalties = penalties_of(coarse.problem)
    found = _solved(form, penalties.applied_to(form), np.arange(form.matrix.shape[1]), {})
    values = np.zeros(len(problem.columns))
    total = np.maximum(coarse.problem.sites.gpus[coarse.site_of], 1)
    share = problem.sites.gpus / total
    whole = found.values[: form.replicas][coarse.column_of]
    values = whole * share[problem.columns.site]
    return Prices(
        values=values,
        duals=found.row_duals,
        reduced=found.reduced_costs[: form.replicas][coarse.column_of],
        gpu_values=np.maximum(-found.row_duals[: form.site_rows], 0.0)[coarse.site_of],
        objective=found.objective,
    )


def refined_prices(
    problem: Problem, form: Formulation, penalties: Penalties, rough: Prices
) -> tuple[Prices, list[Floats]]:
    """Return the final prices, with a vertex of the program, and the duals of every round."""
    cost = penalties.applied_to(form)
    view = _View(form, cost, entering=_first_columns(problem, rough))
    view.rows |= _likely_rows(problem, form, rough)
    duals: list[Floats] = []
    reduced = rough.reduced
    for _ in range(_MOST_ROUNDS):
        found = view.solved(_INTERIOR)
        duals.append(found.row_duals)
        reduced = view.reduced(found.row_duals)
        bound = dual_bound(form, cost, found.row_duals, upper=form.upper)
        is_close = found.objective - bound <= _ENOUGH * abs(found.objective)
        if is_close and (len(duals) >= _WATCHED_ROUNDS or not view.breaks_rows(found.values)):
            break
        view.take_in_rows(found.values)
        view.entering |= reduced < _ENTRY_LOSS_PER_GPU * problem.columns.gpus
    last = duals[-1]
    vertex = view.beside(reduced < _FINAL_LOSS_PER_GPU * problem.columns.gpus)
    view.take_in_rows(found.values)
    view.entering |= reduced < _ENTRY_LOSS_PER_GPU * problem.columns.gpus
    with ThreadPoolExecutor(1) as pool:  # one processor finds the vertex, another a better bound
        tighter = pool.submit(view.solved, _INTERIOR)
        found = vertex.solved(_VERTEX)
        duals += [found.row_duals, tighter.result().row_duals]
    prices = Prices(
        values=found.values,
        duals=last,
        reduced=reduced,
        gpu_values=np.maximum(-last[: form.site_rows], 0.0),
        objective=found.objective,
    )
    return prices, duals


class _View:
    """Some columns and rows of a formulation, solved as if they were all."""

    def __init__(self, form: Formulation, cost: Floats, *, entering: Flags) -> None:
        self._form = form
        self._cost = cost
        self._by_row = form.matrix.tocsr()
        self._transposed = form.matrix.T.tocsr()
        self.entering = entering
        self.rows = np.ones(form.matrix.shape[0], dtype=np.bool_)
        self.rows[form.watch_rows] = False

    def beside(self, entering: Flags) -> _View:
        """Return a view of the same program with other columns, and all rows."""
        other = copy(self)
        other.entering, other.rows = entering, np.ones_like(self.rows)
        return other

    def solved(self, options: dict[str, Option]) -> Solution:
        """Solve for the columns and rows in view; what is out of view is zero."""
        chosen, kept = _chosen(self._form, self.entering), np.flatnonzero(self.rows)
        form = self._form
        program = Program(
            cost=self._cost[chosen],
            lower=form.lower[chosen],
            upper=form.upper[chosen],
            matrix=csc_array(self._by_row[kept].tocsc()[:, chosen]),
            row_lower=form.row_lower[kept],
            row_upper=form.row_upper[kept],
        )
        found = solve(program, options=options)
        if found.outcome is not Outcome.OPTIMAL and options is not _STEADIEST:
            found = solve(program, options=_STEADIEST)
        values, duals = np.zeros(form.matrix.shape[1]), np.zeros(form.matrix.shape[0])
        if len(found.values):
            values[chosen], duals[kept] = found.values, found.row_duals
        return replace(found, values=values, row_duals=duals)

    def reduced(self, duals: Floats) -> Floats:
        """Return the reduced costs of all replica columns, in view or not."""
        found: Floats = (self._cost - self._transposed @ duals)[: self._form.replicas]
        return found

    def breaks_rows(self, values: Floats) -> bool:
        """Say whether the values break a survival row out of view by more than a little."""
        return bool((self._lacking(values) > _BROKEN * self._required).any())

    def take_in_rows(self, values: Floats) -> None:
        """Take in survival rows that the values break, or nearly."""
        close = self._lacking(values) > -_CLOSE * self._required
        self.rows[self._form.watch_rows[close]] = True

    @property
    def _required(self) -> Floats:
        return self._form.row_lower[self._form.watch_rows]

    def _lacking(self, values: Floats) -> Floats:
        watched = self._form.watch_rows
        lacking = self._required - self._by_row[watched] @ values
        return np.where(self.rows[watched], -np.inf, lacking)


def _likely_rows(problem: Problem, form: Formulation, rough: Prices) -> Flags:
    """Return the survival rows of providers that rough shares give too much to lose."""
    likely = np.zeros(form.matrix.shape[0], dtype=np.bool_)
    by_provider = -(form.matrix[:, : form.replicas] @ rough.values)[form.watch_rows]
    total = np.bincount(form.watch_scope, by_provider, minlength=len(problem.scopes))
    spare = np.maximum(total - problem.scopes.required, 0.0)[form.watch_scope]
    likely[form.watch_rows] = _GROWTH * by_provider >= spare
    return likely


def priced_out(
    problem: Problem, form: Formulation, cost: Floats, prices: Prices, *, used: Flags
) -> float:
    """Return the best bound of the program with this cost, starting from columns near the prices."""
    entering = prices.reduced < _ENTRY_LOSS_PER_GPU * problem.columns.gpus
    entering |= (prices.values[: form.replicas] > 0) | used
    view = _View(form, cost, entering=entering)
    view.rows[:] = True
    best = -np.inf
    for _ in range(_MOST_ROUNDS):
        found = view.solved(_INTERIOR)
        if found.outcome is not Outcome.OPTIMAL:
            break
        best = max(best, dual_bound(form, cost, found.row_duals, upper=form.upper))
        if found.objective - best <= _ENOUGH * abs(found.objective):
            break
        view.entering |= view.reduced(found.row_duals) < _ENTRY_LOSS_PER_GPU * problem.columns.gpus
    return best


def dual_bound(form: Formulation, cost: Floats, duals: Floats, *, upper: Floats) -> float:
    """Return a lower bound on the cost that holds whatever the duals are.

    Duals of the wrong sign are dropped; every column takes the end of its range that is best for
    it. Work inside a scope has no end, so its rows' dual is made to fit exactly.
    """
    signed = np.where(np.isneginf(form.row_lower), np.minimum(duals, 0.0), duals)
    signed = np.where(np.isposinf(form.row_upper), np.maximum(signed, 0.0), signed)
    if len(form.activity_rows):
        watched = np.bincount(
            form.watch_scope, signed[form.watch_rows], minlength=len(form.activity_rows)
        )
        signed[form.activity_rows] = watched
    reduced = cost - form.matrix.T @ signed
    reduced[form.activity] = 0.0
    ends = np.where(signed > 0, form.row_lower, form.row_upper)
    rows = float((signed * np.where(signed == 0, 0.0, ends)).sum())
    best = np.where(reduced > 0, form.lower, upper)
    free = np.isinf(best) & (reduced < 0)
    if free.any():
        best = np.where(free, _unlimited(form), best)
    return rows + float((reduced * np.where(reduced == 0, 0.0, best)).sum())


def _unlimited(form: Formulation) -> float:
    """Return more time than all replicas of the problem together have."""
    return float(form.upper[: form.replicas].sum())


def _first_columns(problem: Problem, rough: Prices) -> Flags:
    columns = problem.columns
    price = np.maximum(rough.gpu_values[columns.site], _LEAST_PRICE_SHARE * _usual_price(problem))
    entering = rough.reduced <= _ENTRY_SHARE * columns.gpus * price
    zones = len(problem.geography.names) + 1
    key = (columns.model * zones + columns.zone + 1) * problem.providers
    key = key + problem.sites.provider[columns.site]
    order = np.lexsort((rough.reduced / np.maximum(columns.work, 1e-12), key))
    first = np.append(True, key[order][1:] != key[order][:-1]) if len(order) else order == 0
    entering[order[first]] = True
    return entering | (columns.staying > 0)


def _usual_price(problem: Problem) -> float:
    return float(np.median(problem.offers.price)) if len(problem.offers) else 1.0


def _chosen(form: Formulation, entering: Flags) -> Ints:
    inside = np.ones(form.matrix.shape[1], dtype=np.bool_)
    inside[: form.replicas] = entering
    return np.flatnonzero(inside & (form.upper > 0))


def _solved(form: Formulation, cost: Floats, chosen: Ints, options: dict[str, Option]) -> Solution:
    program = Program(
        cost=cost[chosen],
        lower=form.lower[chosen],
        upper=form.upper[chosen],
        matrix=csc_array(form.matrix[:, chosen]),
        row_lower=form.row_lower,
        row_upper=form.row_upper,
    )
    return solve(program, options=options)
