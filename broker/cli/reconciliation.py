"""`tonnage reconciliation`: where others' books and ours differ."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from broker.api.wire.holdings import CapacityReconciliation
from broker.cli.console import FOUND_WRONG, opened, print_json, print_table, read_settings
from broker.clock import today
from broker.flows.reconcile_capacity import Reconciliation, reconcile

app = typer.Typer(no_args_is_help=True, help="Where others' books and ours differ.")


@app.callback()
def reconciliation() -> None:
    """Keep `capacity` a command of its own: others follow."""


@app.command()
def capacity(
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="On this day instead of today.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
) -> None:
    """Compare owned capacity as suppliers state it with contract lines; exit 1 on a difference."""
    day = on.date() if on else read_settings().as_of or today()
    with opened() as database:
        result = reconcile(database, on=day)
    if as_json:
        print_json(CapacityReconciliation.of(result).model_dump(mode="json"))
    else:
        print_differences(result)
        typer.echo(
            f"{result.holdings} holdings and {result.lines} contract lines compared on "
            f"{result.on}: {len(result.findings)} differences",
            err=True,
        )
    if result.findings:
        raise typer.Exit(FOUND_WRONG)


def print_differences(result: Reconciliation) -> None:
    """Print the differences as a table."""
    print_table(
        ("difference", "supplier", "about", "supplier says", "contract says"),
        [
            (
                found.difference.value,
                found.supplier,
                found.object_id,
                found.stated,
                found.contracted,
            )
            for found in result.findings
        ],
    )
