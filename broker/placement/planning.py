"""Planning: where every replica runs and what is bought for it.

Small problems are solved whole. Large ones go through rough prices, a first plan, prices with a
proven bound, a plan made from them, and polishing. How much work is done follows from the problem
and the budget, never from the clock, so the same snapshot gets the same plan on any machine; the
clock only stops a plan that is far over its budget, and then the plan says so.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from broker.placement.answer import Solution, written
from broker.placement.exact import solve_exactly
from broker.placement.pipeline import Pipeline
from broker.placement.plan import Plan, Seconds
from broker.placement.problem_building import Stage, set_out
from broker.placement.reasons import shortfall_reasons
from broker.placement.snapshot import Snapshot

MOST_EXACT_COLUMNS = 400
"""Columns up to which a problem is solved whole."""

_BRANCHES_PER_SECOND = 60_000
"""Branches of one search that a second of budget stands for, times columns: larger is slower."""

_MOST_BRANCHES = 20_000


def make_plan(
    snapshot: Snapshot,
    *,
    budget_seconds: float = 20.0,
    elapsed: Callable[[], float],
    on_better: Callable[[Plan], None] | None = None,
) -> Plan:
    """Return the best plan found; `on_better` hears of the first one and of every better one.

    `elapsed` tells the seconds since the caller began. It fills in `seconds` and is the safety stop
    between steps of the work; it decides nothing else.
    """
    stage = set_out(snapshot)
    built = elapsed()
    if len(stage.problem.columns) <= MOST_EXACT_COLUMNS:
        return _exact(
            stage,
            budget_seconds=budget_seconds,
            built=built,
            elapsed=elapsed,
            on_better=on_better,
        )
    pipeline = Pipeline(stage, budget_seconds=budget_seconds, elapsed=elapsed, on_better=on_better)
    return pipeline.run(built=built)


def _exact(
    stage: Stage,
    *,
    budget_seconds: float,
    built: float,
    elapsed: Callable[[], float],
    on_better: Callable[[Plan], None] | None,
) -> Plan:
    columns = max(1, len(stage.problem.columns))
    branches = round(_BRANCHES_PER_SECOND * budget_seconds / columns)
    found = solve_exactly(stage.problem, most_nodes=max(1, min(_MOST_BRANCHES, branches)))
    if found is None or not found.is_proven:
        pipeline = Pipeline(
            stage,
            budget_seconds=budget_seconds / 2,
            elapsed=elapsed,
            on_better=on_better,
            known=None if found is None else found.replicas,
            known_bound=-np.inf if found is None else found.bound,
        )
        return pipeline.run(built=built)
    reasons = shortfall_reasons(stage, found.replicas, is_proven=True)
    done = elapsed()
    plan = written(
        stage,
        Solution(
            replicas=found.replicas, bound=found.bound, gpu_values=found.gpu_values, reasons=reasons
        ),
        Seconds(build=built, bound=done, first_plan=done, total=done),
    )
    if on_better is not None:
        on_better(plan)
    return plan
