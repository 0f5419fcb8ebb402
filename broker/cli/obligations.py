"""`tonnage obligations`: what must be done and by when."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from broker.api.wire.contracts import ObligationOut
from broker.cli.console import opened, print_json, print_table
from broker.cli.decisions import AsJson, Reason, business_day, decision
from broker.clock import utc_now
from broker.flows.change_contract import close_obligation
from broker.flows.read_contracts import open_obligations
from broker.renewals.obligations import ObligationState

app = typer.Typer(no_args_is_help=True, help="List and close what must be done by a day.")


@app.command("list")
def list_(
    as_of: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])] = None,
    within_days: Annotated[int | None, typer.Option(min=0, help="Only so many days ahead.")] = None,
    as_json: AsJson = False,
) -> None:
    """List open obligations, the nearest first."""
    on = as_of.date() if as_of else business_day()
    with opened() as database:
        found = open_obligations(database, on=on, within_days=within_days)
    shown = [ObligationOut.of(each, contract, on=on) for each, contract in found]
    if as_json:
        items = [each.model_dump(mode="json") for each in shown]
        print_json({"as_of": on.isoformat(), "items": items})
        return
    rows = [
        (
            each.due_on,
            each.days_left,
            each.kind,
            each.supplier_key,
            f"{each.contract_ref}/{each.line_no}",
            each.computed_from,
            each.id,
        )
        for each in shown
    ]
    columns = ("due", "days", "what", "supplier", "contract/line", "computed from", "id")
    print_table(columns, rows, numeric={"days"})


@app.command()
def close(
    obligation_id: str,
    outcome: Annotated[ObligationState, typer.Argument(help="done, waived or missed")],
    reason: Reason,
    evidence: Annotated[str | None, typer.Option(help="What was sent, how and when.")] = None,
) -> None:
    """Record that an obligation was met, waived or missed; one that was met needs evidence."""
    with opened() as database:
        contract = close_obligation(
            database,
            obligation_id,
            outcome,
            evidence=evidence,
            decision=decision(reason, None),
            clock=utc_now,
        )
    typer.echo(f"obligation of contract {contract.ref} is {outcome}")
