"""`tonnage assumptions`: figures that no contract states, each with its source."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from broker.api.wire.assumptions import AssumptionList, AssumptionOut
from broker.cli.console import (
    actor,
    opened,
    print_json,
    print_table,
    read_settings,
)
from broker.cli.sheet_report import report_import
from broker.clock import today, utc_now
from broker.flows.state_assumption import (
    import_assumptions,
    list_assumptions,
    state_assumption,
)
from broker.renewals.assumptions import DEFINITIONS, AssumptionName

app = typer.Typer(no_args_is_help=True, help="State and list what briefs rest on.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
Day = typer.Option(formats=["%Y-%m-%d"])


@app.command("set")
def set_(
    name: Annotated[AssumptionName, typer.Argument(help="What; see: tonnage assumptions names")],
    value: Annotated[str, typer.Argument(help='Such as 0.95, or "150000 USD" for money.')],
    source: Annotated[str, typer.Option(help="Who says so, and on what grounds.")],
    scope: Annotated[
        str,
        typer.Option(help="global, gpu:B200, supplier:KEY, contract:REF or line:REF/1"),
    ] = "global",
    valid_from: Annotated[datetime | None, Day] = None,
    as_json: AsJson = False,
) -> None:
    """State an assumption; earlier statements stay on record."""
    since = valid_from.date() if valid_from else _today()
    cells = {
        "name": name.value,
        "scope": scope,
        "value": value,
        "valid_from": since.isoformat(),
        "source": source,
    }
    with opened() as database:
        known = state_assumption(database, cells, actor=actor(), clock=utc_now)
    if as_json:
        print_json(AssumptionOut.of(known).model_dump(mode="json"))
        return
    typer.echo(f"{name} for {known.scope} is {known.stated.value} from {since} on")


@app.command("list")
def list_(
    as_of: Annotated[datetime | None, Day] = None,
    history: Annotated[
        bool, typer.Option("--all", help="Also what was replaced or is not valid yet.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List what is assumed, by name and scope."""
    on = as_of.date() if as_of else _today()
    with opened() as database:
        found = [
            AssumptionOut.of(known)
            for known in list_assumptions(database, on=on)
            if known.in_force or history
        ]
    if as_json:
        print_json(AssumptionList(as_of=on, items=found).model_dump(mode="json"))
        return
    print_table(
        ("name", "scope", "value", "unit", "from", "source"),
        [(one.name, one.scope, one.value, one.unit, one.valid_from, one.source) for one in found],
        numeric={"value"},
    )
    if not found:
        typer.echo("Nothing is assumed yet: tonnage assumptions set NAME VALUE", err=True)


@app.command()
def names() -> None:
    """List what can be assumed, with units and examples."""
    print_table(
        ("name", "unit", "example", "meaning"),
        [
            (name.value, definition.unit.value, definition.example, definition.meaning)
            for name, definition in DEFINITIONS.items()
        ],
    )


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The CSV sheet.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen, write nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import a sheet of assumptions: all of it, or nothing and every fault at once."""
    with opened() as database:
        report = import_assumptions(
            database,
            file.read_bytes(),
            file=file.name,
            actor=actor(),
            clock=utc_now,
            dry_run=dry_run,
        )
    report_import(report, what="assumptions", as_json=as_json)


def _today() -> date:
    return read_settings().as_of or today()
