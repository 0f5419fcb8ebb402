"""`tonnage procure`: what to buy, renew or leave, by when, and what each renewal is worth."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from broker.cli.console import actor, opened, plain_text, print_json, print_table
from broker.cli.decisions import AsJson, business_day
from broker.clock import utc_now
from broker.errors import BadInputError
from broker.flows.plan_procurement import (
    Planned,
    gather_input,
    keep_plan,
    procurement_document,
    read_procurement,
    solve_procurement,
)
from broker.procurement.input_json import input_document
from broker.procurement.input_reading import DEFAULT_MONTHS, MAX_MONTHS
from broker.procurement.negotiation_sheet import NegotiationSheet
from broker.procurement.plan_text import Table, plan_summary, plan_tables
from broker.procurement.procurement_input import ProcurementPolicy
from broker.procurement.sheet_text import sheet_lines, sheet_tables, sheet_title


def procure(
    input_: Annotated[
        Path | None,
        typer.Option("--input", help="A procurement input as JSON; without it: from the books."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the plan as JSON to this file.")] = None,
    months: Annotated[
        int, typer.Option(min=1, max=MAX_MONTHS, help="Months to plan, from the books.")
    ] = DEFAULT_MONTHS,
    as_of: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])] = None,
    renewal: Annotated[
        str | None, typer.Option(help="CONTRACT/LINE: the negotiation sheet of this one only.")
    ] = None,
    survival: Annotated[
        float, typer.Option(min=0, max=1, help="Share of demand left when a supplier is lost.")
    ] = 0.0,
    sheets: Annotated[bool, typer.Option(help="Solve the negotiation sheets.")] = True,
    show_input: Annotated[
        bool, typer.Option("--show-input", help="Print the input made from the books, and stop.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Plan what to sign, renew and leave, and print a negotiation sheet for each open renewal."""
    document = None if input_ is None else _read(input_)
    if document is not None:
        planned = solve_procurement(read_procurement(document), with_sheets=sheets, only=renewal)
    else:
        on = as_of.date() if as_of else business_day()
        with opened() as database:
            gathered = gather_input(
                database, as_of=on, months=months, policy=ProcurementPolicy(survival=survival)
            )
            if show_input:
                print_json(input_document(gathered.given))
                return
            planned = solve_procurement(
                gathered.require(), with_sheets=sheets, only=renewal, notes=gathered.notes
            )
            keep_plan(database, planned, actor=actor(), clock=utc_now)
    if out is not None:
        _write(out, procurement_document(planned))
    if as_json:
        print_json(procurement_document(planned))
        return
    print_procurement(planned)


def print_procurement(planned: Planned) -> None:
    """Print the page: decisions, what lacks, what it costs, then each sheet."""
    for line in plan_summary(planned.plan):
        typer.echo(line)
    for table in plan_tables(planned.plan):
        _print(table)
    for sheet in planned.sheets:
        typer.echo("")
        print_sheet(sheet)
    for note in planned.notes:
        typer.echo(plain_text(note), err=True)


def print_sheet(sheet: NegotiationSheet, *, in_short: bool = False) -> None:
    """Print a negotiation sheet, or only its few lines."""
    typer.echo(plain_text(sheet_title(sheet)))
    for line in sheet_lines(sheet):
        typer.echo(plain_text(f"  {line}"))
    for table in () if in_short else sheet_tables(sheet):
        _print(table)


def _print(table: Table) -> None:
    typer.echo("")
    typer.echo(table.title)
    if table.rows:
        print_table(table.columns, table.rows, numeric=table.numeric)
    else:
        typer.echo(table.when_empty)


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_bytes())
    except OSError as gone:
        raise BadInputError(f"{path} cannot be read; name a file of JSON") from gone
    except (ValueError, RecursionError) as wrong:
        raise BadInputError(f"{path} is no JSON document: {wrong}") from wrong


def _write(path: Path, document: object) -> None:
    try:
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    except OSError as closed:
        raise BadInputError(f"{path} cannot be written; name another file") from closed
