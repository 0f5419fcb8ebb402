"""The rows that belong to one model each: demand, shared time, survival, spot and gold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csc_array

from broker.placement.problem import Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(slots=True)
class RowStack:
    """Rows collected piece by piece, then made one matrix."""

    _parts: list[tuple[Ints, Ints, Floats]] = field(default_factory=list)
    _limits: list[tuple[Floats, Floats, Ints]] = field(default_factory=list)
    _rows: int = 0
    _columns: int = 0

    def reserve(self, count: int) -> slice:
        """Take the next `count` columns."""
        self._columns += count
        return slice(self._columns - count, self._columns)

    def add(
        self,
        rows: Ints,
        columns: Ints,
        values: Floats,
        lower: Floats,
        upper: Floats,
        *,
        owner: int | Ints,
    ) -> int:
        """Add rows numbered from 0 within the piece; return the number of the first one."""
        first, count = self._rows, len(lower)
        self._parts.append((rows + first, columns, values))
        self._limits.append((lower, upper, np.broadcast_to(np.asarray(owner), (count,))))
        self._rows += count
        return first

    def built(self) -> tuple[csc_array, Floats, Floats, Ints]:
        """Return the matrix, the limits of its rows, and which model each row belongs to."""
        rows, columns, values = (np.concatenate(part) for part in zip(*self._parts, strict=True))
        lower, upper, owner = (np.concatenate(part) for part in zip(*self._limits, strict=True))
        matrix = csc_array((values, (rows, columns)), shape=(self._rows, self._columns))
        matrix.sum_duplicates()
        matrix.sort_indices()
        return matrix, lower, upper, owner.astype(np.int64)


@dataclass(slots=True, kw_only=True)
class ModelRows:
    """What else the models' rows brought: blocks of columns, and rows worth finding again."""

    survival: slice
    gold: slice
    activity: slice
    survival_weight: Floats
    gold_model: Ints
    activity_rows: Ints
    watch_rows: Ints
    watch_scope: Ints
    owned: list[tuple[slice, Floats, Ints]]


def add_model_rows(
    stack: RowStack, problem: Problem, *, unserved_from: int, survive: bool
) -> ModelRows:
    """Add the rows of every model to the stack."""
    owned: list[tuple[slice, Floats, Ints]] = []
    for model in range(len(problem.models)):
        if problem.is_mixed(model):
            owned += _mixed_rows(stack, problem, model, unserved_from)
        else:
            _plain_rows(stack, problem, model, unserved_from)
        _spot_row(stack, problem, model)
    watched = range(len(problem.scopes) if survive else 0)
    activity = stack.reserve(len(watched))
    found = [_scope_rows(stack, problem, scope, activity.start + scope) for scope in watched]
    weights = np.concatenate([entry[0] for entry in found] or [np.zeros(0)])
    watch_scope = np.repeat(np.arange(len(watched)), [len(entry[0]) for entry in found]).astype(
        np.int64
    )
    survival = slice(activity.stop, stack.reserve(0).stop)
    scopes = problem.scopes
    owned.append((activity, np.full(len(watched), np.inf), scopes.model[: len(watched)]))
    owned.append((survival, scopes.required[watch_scope], scopes.model[watch_scope]))
    floor = problem.models.gold_floor
    gold_model = np.flatnonzero(floor > 0) if survive else np.zeros(0, dtype=np.int64)
    gold = stack.reserve(len(gold_model))
    for index, golden in enumerate(gold_model.tolist()):
        _gold_row(stack, problem, golden, gold.start + index)
    owned.append((gold, floor[gold_model], gold_model))
    return ModelRows(
        survival=survival, gold=gold, activity=activity, survival_weight=weights,
        gold_model=gold_model, owned=owned, watch_scope=watch_scope,
        activity_rows=np.array([entry[1] for entry in found], dtype=np.int64),
        watch_rows=np.concatenate(
            [entry[2] + np.arange(len(entry[0])) for entry in found] or [np.zeros(0, np.int64)]
        ),
    )  # fmt: skip


def _plain_rows(stack: RowStack, problem: Problem, model: int, unserved_from: int) -> None:
    columns, rows, covers = problem.columns, problem.rows, problem.geography.covers
    mine, asked = problem.columns_of(model), problem.rows_of(model)
    zone, serves = columns.zone[mine], columns.serves[mine, 0]
    nodes = rows.node[asked]
    inside = covers[nodes][:, nodes]
    reach = covers[nodes][:, zone] & (zone >= 0) & (serves > 0)
    row, column = np.nonzero(reach)
    outer, inner = np.nonzero(inside)
    stack.add(
        np.concatenate([row, outer]),
        np.concatenate([mine.start + column, unserved_from + asked.start + inner]),
        np.concatenate([serves[column], np.ones(len(inner))]),
        inside @ rows.need[asked],
        np.full(len(nodes), np.inf),
        owner=model,
    )


def _mixed_rows(
    stack: RowStack, problem: Problem, model: int, unserved_from: int
) -> list[tuple[slice, Floats, Ints]]:
    """Add time columns for each class and group of columns, groups being alike but for the site."""
    columns, rows, covers = problem.columns, problem.rows, problem.geography.covers
    mine, asked = problem.columns_of(model), problem.rows_of(model)
    classes = len(problem.models.served_classes[model])
    pair, first, group = np.unique(
        np.stack([columns.config[mine], columns.zone[mine]]),
        axis=1, return_index=True, return_inverse=True,
    )  # fmt: skip
    group = group.reshape(-1)
    groups = pair.shape[1]
    availability = problem.sites.availability[columns.site[mine]]
    speed = columns.serves[mine][first] / availability[first][:, None]
    time = stack.reserve(groups * classes)
    each = np.arange(groups * classes)
    stack.add(
        np.concatenate([each // classes, group]),
        np.concatenate([time.start + each, mine.start + np.arange(len(group))]),
        np.concatenate([np.ones(len(each)), -availability]),
        np.full(groups, -np.inf),
        np.zeros(groups),
        owner=model,
    )
    zone = pair[1]
    for class_number in range(classes):
        of_class = asked.start + np.flatnonzero(rows.class_number[asked] == class_number)
        nodes = rows.node[of_class]
        inside = covers[nodes][:, nodes]
        row, member = np.nonzero(
            covers[nodes][:, zone] & (zone >= 0) & (speed[:, class_number] > 0)
        )
        outer, inner = np.nonzero(inside)
        stack.add(
            np.concatenate([row, outer]),
            np.concatenate(
                [time.start + member * classes + class_number, unserved_from + of_class[inner]]
            ),
            np.concatenate([speed[member, class_number], np.ones(len(inner))]),
            inside @ rows.need[of_class],
            np.full(len(nodes), np.inf),
            owner=model,
        )
    return [(time, np.full(len(each), np.inf), np.full(len(each), model))]


def _spot_row(stack: RowStack, problem: Problem, model: int) -> None:
    columns, mine = problem.columns, problem.columns_of(model)
    spot = np.flatnonzero(problem.sites.is_spot[columns.site[mine]])
    if not len(spot):
        return
    work = columns.work[mine][spot]
    staying = float(work @ columns.staying[mine][spot])
    stack.add(
        np.zeros(len(spot), dtype=np.int64), mine.start + spot, work, np.array([-np.inf]),
        np.array([max(float(problem.models.spot_limit[model]), staying)]), owner=model,
    )  # fmt: skip


def _gold_row(stack: RowStack, problem: Problem, model: int, lacking: int) -> None:
    columns, mine = problem.columns, problem.columns_of(model)
    gold = np.flatnonzero(problem.sites.is_gold[columns.site[mine]])
    stack.add(
        np.zeros(len(gold) + 1, dtype=np.int64),
        np.append(mine.start + gold, lacking),
        np.append(columns.work[mine][gold], 1.0),
        problem.models.gold_floor[model : model + 1],
        np.array([np.inf]),
        owner=model,
    )


def _scope_rows(
    stack: RowStack, problem: Problem, scope: int, activity: int
) -> tuple[Floats, int, int]:
    """Add a scope's rows; return how many providers each stands for, and where the rows are.

    Providers without any column in the scope share one row: they all lack the same.
    """
    columns, model = problem.columns, int(problem.scopes.model[scope])
    mine, zone = problem.columns_of(model), columns.zone[problem.columns_of(model)]
    inside = np.flatnonzero(
        problem.geography.covers[problem.scopes.node[scope]][zone] & (zone >= 0)
    )
    work, site = columns.work[mine][inside], columns.site[mine][inside]
    providers, which = np.unique(problem.sites.provider[site], return_inverse=True)
    absent = problem.providers - len(providers)
    weights = np.ones(len(providers) + (absent > 0))
    if absent > 0:
        weights[-1] = absent
    total = stack.add(
        np.zeros(len(inside) + 1, dtype=np.int64),
        np.append(mine.start + inside, activity),
        np.append(work, -1.0),
        np.zeros(1),
        np.zeros(1),
        owner=model,
    )
    count = len(weights)
    lacking = stack.reserve(count)
    each = np.arange(count)
    first = stack.add(
        np.concatenate([each, which, each]),
        np.concatenate([np.full(count, activity), mine.start + inside, lacking.start + each]),
        np.concatenate([np.ones(count), -work, np.ones(count)]),
        np.full(count, problem.scopes.required[scope]),
        np.full(count, np.inf),
        owner=model,
    )
    return weights, total, first
