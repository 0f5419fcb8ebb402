"""`tonnage plan`: where replicas run, and what is bought for them; checks, shows and lists plans.

What needs the database is read in by the functions that use it: a plan of a file does without it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.console import (
    FOUND_WRONG,
    actor,
    opened,
    print_json,
    print_table,
    read_settings,
)
from broker.cli.plan_files import read_document, write_document
from broker.cli.plan_report import planning_shown, print_entries, print_plan
from broker.clock import utc_now
from broker.flows.make_plan import (
    LONGEST_BUDGET_SECONDS,
    SHORTEST_BUDGET_SECONDS,
    Effort,
    make_from_document,
)
from broker.placement.plan import PlanStatus
from broker.placement.plan_json import plan_document, read_placements, read_plan
from broker.placement.snapshot import Running
from broker.placement.snapshot_reading import read_snapshot
from broker.placement.violations import Violation
from broker.store.plan_limits import MOST_PLANS, USUAL_PLANS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from broker.settings import Settings
    from broker.store.plans import StoredPlan

app = typer.Typer(help="Plan where replicas run and what to buy for them; check and show plans.")

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


@app.callback(invoke_without_command=True)
def plan(
    context: typer.Context,
    snapshot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON snapshot, - for standard input; else the books."),
    ] = None,
    out: OutFile = None,
    budget_seconds: BudgetSeconds = None,
    current: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="An earlier plan; its placements are what runs now."),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Put the plan of a snapshot on record, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Plan where replicas run and what to buy, from a snapshot or from the books as they stand.

    A plan from the books is put on record. Exit code 1: something asked for cannot be met.
    """
    if context.invoked_subcommand is not None:
        return
    settings = read_settings()
    budget = settings.plan_budget_seconds if budget_seconds is None else budget_seconds
    running = None if current is None else read_placements(read_document(current))
    document = None if snapshot is None else read_document(snapshot)
    with planning_shown() as tell:
        effort = Effort(budget_seconds=budget, on_better=tell)
        if document is not None and not keep:
            made = make_from_document(document, current=running, effort=effort)
            told = plan_document(made.plan)
        else:
            told = _planned_on_record(settings, document, running, effort)
    _hand_over(told, out=out, as_json=as_json)


def _planned_on_record(
    settings: Settings, document: object, running: Sequence[Running] | None, effort: Effort
) -> dict[str, object]:
    from broker.flows.plan_placement import Asking, plan_live, plan_snapshot

    asking = Asking(actor=actor(), on=settings.as_of, current=running)
    with opened(settings) as database:
        return _record(
            plan_live(database, asking, clock=utc_now, effort=effort)
            if document is None
            else plan_snapshot(database, document, asking, clock=utc_now, effort=effort)
        )


@app.command()
def check(
    snapshot: Annotated[Path, typer.Argument(metavar="SNAPSHOT", help="What was planned for.")],
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="What came out.")],
    as_json: AsJson = False,
) -> None:
    """Check a plan against its snapshot, by counting everything anew. Exit code 1: it is wrong."""
    from broker.placement.checking import check_plan

    asked = read_snapshot(read_document(snapshot))
    made = read_plan(read_document(plan))
    found = check_plan(asked, made)
    if as_json:
        print_json({"violations": [_violation(each) for each in found]})
    elif found:
        rows = [(each.code, each.where, each.message) for each in found]
        print_table(("what", "where", "why"), rows)
    else:
        typer.echo("the plan holds: capacity, demand, survival, shares, steps, cost and bound")
    if found:
        raise typer.Exit(FOUND_WRONG)


@app.command()
def show(
    plan_id: Annotated[str | None, typer.Argument(help="Its id; default: the newest.")] = None,
    out: OutFile = None,
    as_json: AsJson = False,
) -> None:
    """Show a plan on record. Exit code 1: something asked for cannot be met."""
    from broker.flows.plan_placement import newest, show_plan

    with opened() as database:
        kept = newest(database) if plan_id is None else show_plan(database, plan_id)
    _hand_over(_record(kept), out=out, as_json=as_json)


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=MOST_PLANS)] = USUAL_PLANS,
    as_json: AsJson = False,
) -> None:
    """List plans on record, the newest first."""
    from broker.api.wire.plans import PlanList
    from broker.flows.plan_placement import list_plans

    with opened() as database:
        found = list_plans(database, limit=limit)
    if as_json:
        print_json(PlanList.of(found).model_dump(mode="json")["items"])
        return
    print_entries(found)


def _hand_over(told: dict[str, object], *, out: Path | None, as_json: bool) -> None:
    """Write, print, and end with the exit code that the plan deserves."""
    if out is not None:
        write_document(out, told)
    plan = read_plan(told)
    if as_json:
        print_json(told)
    else:
        print_plan(plan)
        if "id" in told:
            typer.echo(f"on record as plan {told['id']}")
    if plan.status is PlanStatus.SHORT:
        raise typer.Exit(FOUND_WRONG)


def _record(kept: StoredPlan) -> dict[str, object]:
    from broker.api.wire.plans import PlanOut

    return PlanOut.of(kept).model_dump(mode="json", by_alias=True)


def _violation(each: Violation) -> dict[str, str]:
    return {"code": each.code.value, "where": each.where, "message": each.message}
