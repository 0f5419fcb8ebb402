"""What the commands of `tonnage plan` share: options, the plan that they start from, their end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from broker.api.wire.plans import PlanOut
from broker.cli.console import FOUND_WRONG, actor, read_settings
from broker.cli.plan_files import read_document
from broker.errors import BadInputError
from broker.flows.change_plan import plan_of_documents
from broker.flows.make_plan import LONGEST_BUDGET_SECONDS, SHORTEST_BUDGET_SECONDS, Effort, Made
from broker.flows.plan_placement import Asking
from broker.placement.plan import Plan, PlanStatus
from broker.store.plans import StoredPlan

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
OutFile = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Write the plan as JSON here.")
]
BudgetSeconds = Annotated[
    float | None,
    typer.Option(
        min=SHORTEST_BUDGET_SECONDS,
        max=LONGEST_BUDGET_SECONDS,
        help="How long to plan; default: TONNAGE_PLAN_BUDGET_SECONDS.",
    ),
]
FailIfShort = Annotated[
    bool, typer.Option("--fail-if-short", help="End with 1 if something asked for cannot be met.")
]
SnapshotFile = Annotated[
    Path | None,
    typer.Option("--snapshot", metavar="FILE", help="JSON snapshot of --current; else on record."),
]
CurrentFile = Annotated[
    Path | None,
    typer.Option("--current", metavar="FILE", help="Plan of --snapshot, as --out wrote it."),
]
PlanId = Annotated[
    str | None,
    typer.Option("--plan", metavar="ID", help="Plan on record; default: the newest real one."),
]


def basis_of_files(
    snapshot: Path | None, current: Path | None, plan_id: str | None = None
) -> Made | None:
    """Return the snapshot and plan that two files hold, or None where none is named.

    Raises BadInputError for one file without the other, or with an id beside them.
    """
    if snapshot is None and current is None:
        return None
    if snapshot is None or current is None:
        raise BadInputError("--snapshot and --current go together: what was planned, and the plan")
    if plan_id is not None:
        raise BadInputError("a plan is named by its files or by its id on record, not by both")
    return plan_of_documents(read_document(snapshot), read_document(current))


def asking_of(plan_id: str | None) -> Asking:
    """Return who asks, and of which plan."""
    return Asking(actor=actor(), on=read_settings().as_of, current_plan=plan_id)


def effort_of(budget_seconds: float | None, tell: Callable[[Plan], None]) -> Effort:
    """Return the effort that is asked for, else as it is set."""
    usual = read_settings().plan_budget_seconds
    return Effort(
        budget_seconds=usual if budget_seconds is None else budget_seconds, on_better=tell
    )


def record(kept: StoredPlan) -> dict[str, object]:
    """Return a plan on record as a program gets it."""
    return PlanOut.of(kept).model_dump(mode="json", by_alias=True)


def end(plan: Plan, *, fail_if_short: bool) -> None:
    """End the command: with 1 for a plan that is short, if that was asked for."""
    if fail_if_short and plan.status is PlanStatus.SHORT:
        raise typer.Exit(FOUND_WRONG)
