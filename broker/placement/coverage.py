"""Coverage: what a model's replicas already cover, and what one more would mend.

For a model with one class demand is nested as in a tree, so what lacks under each node is known
from the work under it. Several classes are taken for one of their total time: that is close, and
what is left over is found and mended when such models are polished.
"""

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

_MET = 1e-7
_SPREAD = 0.25
"""How much it counts that a replica mends several nested rows and not just the one most in need."""


@dataclass(slots=True, kw_only=True)
class Coverage:
    """Lacking work by demand row, by scope and lost provider, and of the gold share."""

    serves: Floats
    work: Floats
    provider: Ints
    is_spot: Flags
    is_gold: Flags
    in_row: Flags  # rows x columns
    in_scope: Flags
    lacking: Floats  # by row, all under it included
    required: Floats  # by scope
    by_provider: Floats  # scopes x providers
    spot_left: float
    gold_lacking: float

    @property
    def is_met(self) -> bool:
        """Whether nothing lacks any more."""
        return (
            not (self.lacking > 0).any()
            and self.gold_lacking <= 0
            and not (self._worst_losses()[0] > 0).any()
        )

    def add(self, column: int, count: int) -> None:
        """Count in replicas of a column."""
        work = count * self.work[column]
        self.lacking = self.lacking - self.in_row[:, column] * count * self.serves[column]
        self.by_provider[self.in_scope[:, column], self.provider[column]] += work
        self.spot_left -= work * self.is_spot[column]
        self.gold_lacking -= work * self.is_gold[column]

    def gains(self, columns: Ints) -> Floats:
        """Return how much lacking work one more replica of each column would mend."""
        serves, work = self.serves[columns], self.work[columns]
        part = np.minimum(serves[None, :], np.maximum(self.lacking, 0.0)[:, None])
        part = part * self.in_row[:, columns]
        gain = part.max(axis=0, initial=0.0) + _SPREAD * part.sum(axis=0)
        worst, which, second = self._worst_losses()
        own = self.provider[columns][None, :] == which[:, None]
        lost = np.where(own, second[:, None], worst[:, None])
        mended = np.minimum(work[None, :], np.maximum(lost, 0.0)) * self.in_scope[:, columns]
        gain = gain + mended.sum(axis=0)
        if self.gold_lacking > 0:
            gain = gain + self.is_gold[columns] * np.minimum(work, self.gold_lacking)
        allowed = ~self.is_spot[columns] | (work <= self.spot_left)
        return np.where(allowed, gain, 0.0)

    def full_gains(self, column: int) -> int:
        """Return how many replicas of the column could be added before one mends less."""
        limits = [np.inf]
        rows = self.lacking[self.in_row[:, column]]
        if (rows > 0).any():
            limits.append(float(rows[rows > 0].min()) / max(self.serves[column], 1e-12))
        worst, which, second = self._worst_losses()
        lost = np.where(which == self.provider[column], second, worst)[self.in_scope[:, column]]
        if (lost > 0).any():
            limits.append(float(lost[lost > 0].min()) / max(self.work[column], 1e-12))
        if self.is_spot[column]:
            limits.append(self.spot_left / max(self.work[column], 1e-12))
        finite = min(limits)
        return int(finite) if np.isfinite(finite) else 1

    def _worst_losses(self) -> tuple[Floats, Ints, Floats]:
        """Return, by scope, what lacks without the largest provider, who it is, and the next."""
        if not len(self.required):
            none = np.zeros(0)
            return none, np.zeros(0, dtype=np.int64), none
        lacking = self.required[:, None] - (
            self.by_provider.sum(axis=1, keepdims=True) - self.by_provider
        )
        which = lacking.argmax(axis=1)
        each = np.arange(len(lacking))
        worst = lacking[each, which] - _MET * self.required
        lacking[each, which] = -np.inf
        return worst, which, lacking.max(axis=1) - _MET * self.required


def coverage_of(problem: Problem, model: int, replicas: Ints) -> Coverage:
    """Return what the model's replicas, one number for each of its columns, already cover."""
    columns, mine = problem.columns, problem.columns_of(model)
    site, zone, work = columns.site[mine], columns.zone[mine], columns.work[mine]
    sites, covers = problem.sites, problem.geography.covers
    watched = problem.scopes_of(model)
    in_scope = covers[problem.scopes.node[watched]][:, zone] & (zone >= 0)
    in_row, need, serves = _demand(problem, model)
    have = replicas * work
    by_provider = np.zeros((in_scope.shape[0], problem.providers))
    for scope, inside in enumerate(in_scope):
        by_provider[scope] = np.bincount(
            sites.provider[site[inside]], have[inside], minlength=problem.providers
        )
    is_spot, is_gold = sites.is_spot[site], sites.is_gold[site]
    floor = float(problem.models.gold_floor[model])
    limit = float(problem.models.spot_limit[model])
    return Coverage(
        serves=serves,
        work=work,
        provider=sites.provider[site],
        is_spot=is_spot,
        is_gold=is_gold,
        in_row=in_row,
        in_scope=in_scope,
        lacking=need * (1 - _MET) - in_row @ (replicas * serves),
        required=problem.scopes.required[watched],
        by_provider=by_provider,
        spot_left=limit * (1 + 1e-9) - float(have[is_spot].sum()),
        gold_lacking=floor * (1 - _MET) - float(have[is_gold].sum()),
    )


def _demand(problem: Problem, model: int) -> tuple[Flags, Floats, Floats]:
    """Return which column serves which row, what is needed under each row, and the speeds.

    Several classes are put in units of the time of an average replica, so that they add up.
    """
    columns, mine, asked = problem.columns, problem.columns_of(model), problem.rows_of(model)
    covers, nodes = problem.geography.covers, problem.rows.node[asked]
    zone, speeds = columns.zone[mine], columns.serves[mine]
    inside = covers[nodes][:, nodes]
    reach = covers[nodes][:, zone] & (zone >= 0)
    if not problem.is_mixed(model):
        serves = speeds[:, 0]
        return reach & (serves > 0), inside @ problem.rows.need[asked], serves
    class_number = problem.rows.class_number[asked]
    with np.errstate(invalid="ignore", divide="ignore"):
        usual = np.nanmean(np.where(speeds > 0, speeds, np.nan), axis=0)
    time = problem.rows.need[asked] / usual[class_number]
    able = speeds > 0
    pace = np.where(able, speeds / usual, 0.0).sum(axis=1) / np.maximum(able.sum(axis=1), 1)
    return reach & (pace > 0), inside @ time, pace
