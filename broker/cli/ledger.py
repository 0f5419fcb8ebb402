"""`tonnage ledger`: verify the book of record, rebuild what derives from it, let the day turn."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from broker.api.wire.ledger import LedgerReport
from broker.cli.console import FOUND_WRONG, connected, opened, print_json
from broker.cli.decisions import AsJson, business_day
from broker.clock import utc_now
from broker.errors import BadInputError
from broker.flows.check_ledger import check_ledger, rebuild_ledger
from broker.flows.roll_ledger import roll_ledger

app = typer.Typer(no_args_is_help=True, help="Verify and rebuild the book of record.")


@app.command()
def verify(as_json: AsJson = False) -> None:
    """Verify every hash chain and every table; exit 1 and the first broken event if not."""
    with connected() as database:  # a damaged schema must not keep anybody from looking
        check = check_ledger(database)
    if as_json:
        print_json(LedgerReport.of(check).model_dump(mode="json"))
    elif check.broken is not None:
        broken = check.broken
        typer.echo(f"broken: event {broken.seq} of {broken.stream}: {broken.what}", err=True)
    elif not check.ok:
        for where in check.drift:
            typer.echo(f"drift: {where} differs from its events", err=True)
        if check.drift:
            typer.echo("the events are sound; repair with: tonnage ledger rebuild", err=True)
        for name in check.unguarded:
            typer.echo(f"unguarded: trigger {name} is gone; run: tonnage db upgrade", err=True)
    else:
        typer.echo(f"{check.events:,} events verify; root {check.root}")
    raise typer.Exit(0 if check.ok else FOUND_WRONG)


@app.command()
def rebuild(
    check: Annotated[
        bool, typer.Option("--check", help="Only compare; exit 1 where a table differs.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make every table of the ledger anew from its events."""
    if check:
        verify(as_json=as_json)
        return
    with opened() as database:
        streams = rebuild_ledger(database)
    if as_json:
        print_json({"streams": streams})
    else:
        typer.echo(f"{streams:,} streams rebuilt")


@app.command()
def roll(
    as_of: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])] = None,
    as_json: AsJson = False,
) -> None:
    """Let the calendar act up to a day: missed deadlines, tacit renewals, ends. Twice is once."""
    today = business_day()
    on = as_of.date() if as_of else today
    if on > today:
        raise BadInputError(
            f"{on} has not come, today is {today}: what the calendar records stays on record"
        )
    with opened() as database:
        rolled = roll_ledger(database, as_of=on, clock=utc_now)
    lines = [
        {
            "supplier_key": each.supplier_key,
            "contract_ref": each.ref,
            "event": event.kind.value,
            "valid_from": event.valid_from.isoformat(),
            "reason": event.reason,
        }
        for each in rolled
        for event in each.events
    ]
    if as_json:
        print_json({"as_of": on.isoformat(), "events": lines})
        return
    for line in lines:
        typer.echo("{valid_from}  {supplier_key} {contract_ref}: {event}, {reason}".format(**line))
    typer.echo(f"{len(lines)} events up to {on}")
