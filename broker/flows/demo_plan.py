"""The demo's placement plan, and what becomes of it when the largest provider is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Final

from broker.clock import Clock
from broker.flows.change_plan import KeptReplan, plan_on_record, replan_after_loss
from broker.flows.make_plan import Effort, Made
from broker.flows.plan_placement import Asking, plan_live
from broker.placement.explaining import explain
from broker.placement.plan_figures import PlanFigures, figures_of
from broker.store.engine import Database
from broker.store.plans import StoredPlan

ACTOR: Final = "demo"
BUDGET_SECONDS: Final = 2.0
MOST_REASONS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPlan:
    """A plan from the demo's books, why it is so, and the loss of the provider it leans on most."""

    stored: StoredPlan
    made: Made
    figures: PlanFigures
    why: tuple[str, ...]
    lost: str
    loss: KeptReplan


def place_demo(database: Database, *, clock: Clock, tell: Callable[[str], None]) -> DemoPlan:
    """Plan from the demo's books as they stand, then lose the largest provider of the plan."""
    asking, effort = Asking(actor=ACTOR), Effort(budget_seconds=BUDGET_SECONDS)
    stored = plan_live(database, asking, clock=clock, effort=effort)
    made = plan_on_record(stored)
    lost = largest_provider(made)
    loss = replan_after_loss(
        database,
        Asking(actor=ACTOR, current_plan=stored.entry.id),
        lost=lost,
        clock=clock,
        effort=effort,
    )
    tell(f"placement: a plan from the books, and another without {lost}")
    return DemoPlan(
        stored=stored,
        made=made,
        figures=figures_of(made.snapshot, made.plan),
        why=_why(made),
        lost=lost,
        loss=loss,
    )


def largest_provider(made: Made) -> str:
    """Return the provider whose loss takes the most GPUs from a plan."""
    snapshot = made.snapshot
    provider_of = {pool.pool: pool.provider for pool in snapshot.pools}
    gpus_of = {
        (model.model, config.config): config.gpus
        for model in snapshot.models
        for config in model.configs
    }
    used: Counter[str] = Counter({each.provider: 0 for each in snapshot.providers})
    for run in made.plan.placements:
        used[provider_of[run.pool]] += run.replicas * gpus_of[run.model, run.config]
    return min(used, key=lambda name: (-used[name], name))


def _why(made: Made) -> tuple[str, ...]:
    """Return the first sentence of each of the first parts of the explanation."""
    parts = explain(made.snapshot, made.plan).page()
    return tuple(lines[0] for _, lines in islice(parts, MOST_REASONS))
