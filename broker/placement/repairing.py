"""Repair: a plan that stands at once when a provider is lost, before anything is planned anew.

What still runs goes on running. The models that were hit get replicas where GPUs are free; if that
does not serve all of their demand, replicas that others hold only in order to survive a loss make
room, the least important first; then survival is made up for with what is left. The full plan that
comes after it is free to move more, and is cheaper.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from broker.placement.answer import Solution, written
from broker.placement.completion import complete, order_of
from broker.placement.coverage import coverage_of
from broker.placement.plan import Plan, Seconds
from broker.placement.planning import make_plan
from broker.placement.problem import Problem
from broker.placement.problem_building import Stage, set_out
from broker.placement.reasons import shortfall_reasons
from broker.placement.shortfall import unserved_by_row
from broker.placement.snapshot import Running, Snapshot
from broker.placement.what_if import LoseProvider, running_by

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]


def after_loss(snapshot: Snapshot, plan: Plan, *, lost: str) -> Snapshot:
    """Return the snapshot without the provider, in which the rest of the plan runs.

    Replicas that hold leases they may not give back stay so, as far as the plan still runs them.
    """
    left = replace(snapshot, current=_with_stays(snapshot, plan))
    return LoseProvider(provider=lost).apply(left)


def repair(snapshot: Snapshot, plan: Plan, *, lost: str, elapsed: Callable[[], float]) -> Plan:
    """Return a plan without the provider that leaves in place what still runs.

    It proves nothing about its cost. `elapsed` only fills in `seconds`.
    """
    stage = set_out(after_loss(snapshot, plan, lost=lost))
    built = elapsed()
    values = _values(stage, plan)
    replicas = _repaired(stage.problem, values)
    reasons = (
        f"repaired after the loss of {lost}: what still runs was left in place",
        *shortfall_reasons(stage, replicas, is_proven=False),
    )
    solution = Solution(replicas=replicas, bound=-np.inf, gpu_values=values, reasons=reasons)
    done = elapsed()
    seconds = Seconds(build=built, bound=done, first_plan=done, total=elapsed())
    return written(stage, solution, seconds)


def replan(
    snapshot: Snapshot,
    plan: Plan,
    *,
    lost: str,
    budget_seconds: float,
    elapsed: Callable[[], float],
    on_better: Callable[[Plan], None] | None = None,
) -> Plan:
    """Return the full plan without the provider; what still runs is moved only where that pays.

    Each replica that starts costs its start, so moves that save less than they disturb are not
    made.
    """
    return make_plan(
        after_loss(snapshot, plan, lost=lost),
        budget_seconds=budget_seconds,
        elapsed=elapsed,
        on_better=on_better,
    )


def _with_stays(snapshot: Snapshot, plan: Plan) -> tuple[Running, ...]:
    staying = {(row.model, row.config, row.pool): row.must_stay for row in snapshot.current}
    return tuple(
        replace(
            row,
            must_stay=min(row.replicas, staying.get((row.model, row.config, row.pool), 0)),
        )
        for row in running_by(plan)
    )


def _values(stage: Stage, plan: Plan) -> Floats:
    known = {price.pool: price.value_per_gpu_hour for price in plan.shadow_prices}
    return np.array([known.get(pool.pool, 0.0) for pool in stage.pools], dtype=np.float64)


def _repaired(problem: Problem, values: Floats) -> Ints:
    demand_only = replace(
        problem,
        scopes=replace(problem.scopes, required=np.zeros(len(problem.scopes.required))),
        models=replace(problem.models, gold_floor=np.zeros(len(problem.models))),
    )
    replicas = np.minimum(problem.columns.running, problem.columns.most)
    lacking = _lacking(problem, replicas)
    replicas = complete(demand_only, replicas, values, order=lacking)
    lacking = _lacking(problem, replicas)
    if lacking:
        cleared = _with_room(demand_only, replicas, for_models=lacking)
        served = complete(demand_only, cleared, values, order=lacking)
        replicas = _put_back(problem, served, wanted=replicas)
    return complete(problem, replicas, values)


def _lacking(problem: Problem, replicas: Ints) -> list[int]:
    """Return the models with demand that nothing serves, the most important first."""
    return [
        model
        for model in order_of(problem)
        if unserved_by_row(problem, model, replicas[problem.columns_of(model)]).any()
    ]


def _with_room(problem: Problem, replicas: Ints, *, for_models: list[int]) -> Ints:
    """Take away what serves no demand, where the models in need could run."""
    wanted = np.zeros(len(problem.sites), dtype=np.bool_)
    for model in for_models:
        wanted[problem.columns.site[problem.columns_of(model)]] = True
    needy = set(for_models)
    cleared = replicas.copy()
    for model in reversed(order_of(problem)):
        if model in needy:
            continue
        mine = problem.columns_of(model)
        cleared[mine] = _without_surplus(problem, model, cleared[mine], wanted)
    return cleared


def _without_surplus(problem: Problem, model: int, replicas: Ints, wanted: Flags) -> Ints:
    mine = problem.columns_of(model)
    coverage = coverage_of(problem, model, replicas)
    left = replicas.copy()
    sites, staying = problem.columns.site[mine], problem.columns.staying[mine]
    for column in np.flatnonzero((replicas > staying) & wanted[sites]):
        spare = -coverage.lacking[coverage.in_row[:, column]]
        each = coverage.serves[column]
        fits = int(spare.min() // each) if len(spare) and each > 0 else int(left[column])
        drop = max(0, min(fits, int(left[column] - staying[column])))
        if drop:
            left[column] -= drop
            coverage.add(int(column), -drop)
    return left


def _put_back(problem: Problem, replicas: Ints, *, wanted: Ints) -> Ints:
    """Put back, where GPUs are free again, what was taken away in vain."""
    back = replicas.copy()
    free = problem.sites.gpus - problem.gpus_used(back)
    columns = problem.columns
    for column in np.flatnonzero(wanted > back):
        fits = int(free[columns.site[column]] // columns.gpus[column])
        count = max(0, min(fits, int(wanted[column] - back[column])))
        back[column] += count
        free[columns.site[column]] -= count * columns.gpus[column]
    return back
