"""`tonnage db`: the schema of the database."""

from __future__ import annotations

from typing import Annotated

import typer

from broker.cli.console import FOUND_WRONG, connected, print_json
from broker.flows.prepare_database import database_faults, upgrade_database

app = typer.Typer(no_args_is_help=True, help="Bring the database up to date, or check it.")


@app.command()
def upgrade() -> None:
    """Bring the database to the newest schema; twice is as good as once."""
    with connected() as database:
        revision = upgrade_database(database)
    typer.echo(f"the database is at revision {revision}")


@app.command()
def check(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
) -> None:
    """Say what is wrong with the schema; exit code 1 if anything is."""
    with connected() as database:
        faults = database_faults(database)
    if as_json:
        print_json({"faults": faults})
    else:
        typer.echo("\n".join(faults) or "the database is as expected")
    if faults:
        raise typer.Exit(FOUND_WRONG)
