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
from broker.placement.making_room import served_first
from broker.placement.plan import Plan, Seconds
from broker.placement.planning import make_plan
from broker.placement.problem_building import Stage, set_out
from broker.placement.reasons import shortfall_reasons
from broker.placement.snapshot import Running, Snapshot
from broker.placement.what_if import LoseProvider, running_by

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


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
    columns = stage.problem.columns
    replicas = served_first(stage.problem, np.minimum(columns.running, columns.most), values)
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
