"""Explains plans on record: why they are as they are."""

from __future__ import annotations

from dataclasses import dataclass

from broker.flows.change_plan import plan_on_record
from broker.flows.plan_placement import newest, show_plan
from broker.placement.explaining import Explanation, explain
from broker.store.engine import Database
from broker.store.plans import StoredPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A plan on record, and what can be said of it."""

    plan: StoredPlan
    explanation: Explanation


def explain_plan(
    database: Database,
    plan_id: str | None = None,
    *,
    model: str | None = None,
    pool: str | None = None,
) -> Explained:
    """Explain a plan, else the newest: all of it, or what concerns one model or one pool.

    Raises NotFoundError where there is no such plan, model or pool.
    """
    stored = newest(database) if plan_id is None else show_plan(database, plan_id)
    made = plan_on_record(stored)
    explanation = explain(made.snapshot, made.plan, model=model, pool=pool)
    return Explained(plan=stored, explanation=explanation)
