"""`tonnage plan`: where replicas run, and what is bought for them; checks, shows and lists plans."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from broker.api.wire.plans import PlanList
from broker.cli.console import (
    FOUND_WRONG,
    actor,
    opened,
    print_json,
    print_table,
    read_settings,
)
from broker.cli.plan_changes import replan, what_if_
from broker.cli.plan_explain import explain_
from broker.cli.plan_files import STANDARD_INPUT, read_document, write_document
from broker.cli.plan_options import (
    AsJson,
    BudgetSeconds,
    FailIfShort,
    OutFile,
    effort_of,
    end,
    record,
)
from broker.cli.plan_report import (
    planning_shown,
    print_entries,
    print_highlights,
    print_plan,
)
from broker.clock import utc_now
from broker.flows.change_plan import plan_on_record
from broker.flows.make_plan import make_from_document
from broker.flows.plan_placement import (
    Asking,
    list_plans,
    newest,
    plan_live,
    plan_snapshot,
    show_plan,
)
from broker.placement.checking import check_plan
from broker.placement.plan_json import plan_document, read_placements, read_plan
from broker.placement.snapshot import Snapshot
from broker.placement.snapshot_reading import read_snapshot
from broker.placement.violations import Violation
from broker.store.plan_limits import MOST_PLANS, USUAL_PLANS

app = typer.Typer(help="Plan where replicas run and what to buy for them; check and show plans.")

app.command("explain")(explain_)
app.command("replan")(replan)
app.command("what-if")(what_if_)


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
    fail_if_short: FailIfShort = False,
    as_json: AsJson = False,
) -> None:
    """Plan where replicas run and what to buy, from a snapshot or from the books as they stand.

    A plan from the books is put on record. A plan that is short is a plan: its status says so.
    """
    if context.invoked_subcommand is not None:
        return
    settings = read_settings()
    asking = Asking(
        actor=actor(),
        on=settings.as_of,
        current=None if current is None else read_placements(read_document(current)),
    )
    document = None if snapshot is None else read_document(snapshot)
    with planning_shown() as tell:
        effort = effort_of(budget_seconds, tell)
        if document is not None and not keep:
            made = make_from_document(document, current=asking.current, effort=effort)
            told, planned = plan_document(made.plan), made.snapshot
        else:
            with opened(settings) as database:
                kept = (
                    plan_live(database, asking, clock=utc_now, effort=effort)
                    if document is None
                    else plan_snapshot(database, document, asking, clock=utc_now, effort=effort)
                )
            told, planned = record(kept), plan_on_record(kept).snapshot
    _hand_over(
        told, planned, more=_more(told, snapshot, out), out=out, as_json=as_json,
        fail_if_short=fail_if_short,
    )  # fmt: skip


@app.command()
def check(
    snapshot: Annotated[Path, typer.Argument(metavar="SNAPSHOT", help="What was planned for.")],
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="What came out.")],
    as_json: AsJson = False,
) -> None:
    """Check a plan against its snapshot, by counting everything anew. Exit code 1: it is wrong."""
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
    fail_if_short: FailIfShort = False,
    as_json: AsJson = False,
) -> None:
    """Show a plan on record."""
    with opened() as database:
        kept = newest(database) if plan_id is None else show_plan(database, plan_id)
    told = record(kept)
    _hand_over(
        told, plan_on_record(kept).snapshot, more=_more(told, None, None), out=out,
        as_json=as_json, fail_if_short=fail_if_short,
    )  # fmt: skip


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=MOST_PLANS)] = USUAL_PLANS,
    as_json: AsJson = False,
) -> None:
    """List plans on record, the newest first."""
    with opened() as database:
        found = list_plans(database, limit=limit)
    if as_json:
        print_json(PlanList.of(found).model_dump(mode="json")["items"])
        return
    print_entries(found)


def _hand_over(
    told: dict[str, object],
    snapshot: Snapshot,
    *,
    more: str,
    out: Path | None,
    as_json: bool,
    fail_if_short: bool,
) -> None:
    """Write, print, and end with the exit code that was asked for."""
    if out is not None:
        write_document(out, told)
    plan = read_plan(told)
    if as_json:
        print_json(told)
    else:
        print_plan(plan)
        print_highlights(snapshot, plan, more=more)
        if "id" in told:
            typer.echo(f"on record as plan {told['id']}")
    end(plan, fail_if_short=fail_if_short)


def _more(told: dict[str, object], snapshot: Path | None, out: Path | None) -> str:
    """Return the command that explains the plan."""
    if "id" in told:
        return f"tonnage plan explain {told['id']}"
    name = "SNAPSHOT" if snapshot in (None, STANDARD_INPUT) else snapshot
    return f"tonnage plan explain --snapshot {name} --current {out or 'PLAN'}"


def _violation(each: Violation) -> dict[str, str]:
    return {"code": each.code.value, "where": each.where, "message": each.message}
