"""`tonnage holdings`: what suppliers say is ours, and taking it into the ledger."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from broker.api.wire.holdings import AdoptedOut, AdoptionRequest, HoldingOut
from broker.cli.console import actor, opened, print_json, print_table
from broker.clock import utc_now
from broker.errors import BadInputError
from broker.flows.adopt_holding import adopt_holding
from broker.flows.reconcile_capacity import list_holdings

app = typer.Typer(no_args_is_help=True, help="Owned capacity as suppliers state it.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])]


@app.command("list")
def list_(
    supplier: Annotated[str | None, typer.Option(help="One supplier only.")] = None,
    as_json: AsJson = False,
) -> None:
    """List reservations, blocks and commitments that suppliers still show."""
    with opened() as database:
        found = list_holdings(database, supplier=supplier)
    shown = [HoldingOut.of(each) for each in found]
    if as_json:
        print_json({"items": [each.model_dump(mode="json") for each in shown]})
        return
    print_table(
        ("supplier", "id", "kind", "GPU", "GPUs", "used", "region", "from", "until", "state"),
        [
            (
                each.supplier,
                each.resource_id,
                each.kind.value,
                each.gpu or each.native_type,
                each.gpus,
                each.gpus_used,
                each.zone or each.region,
                each.start_at and each.start_at.date(),
                each.end_at and each.end_at.date(),
                each.state.value,
            )
            for each in shown
        ],
        numeric=("GPUs", "used"),
    )
    if not shown:
        typer.echo("No supplier shows any: tonnage prices poll", err=True)


@app.command()
def adopt(
    supplier: Annotated[str, typer.Argument(help="Who shows it, such as nebius.")],
    resource_id: Annotated[str, typer.Argument(help="The supplier's id of it.")],
    ref: Annotated[str | None, typer.Option(help="Contract reference; default: its name.")] = None,
    supplier_key: Annotated[
        str | None, typer.Option(help="The supplier's key in the ledger, if another.")
    ] = None,
    start: Day = None,
    last_day: Day = None,
    price: Annotated[str | None, typer.Option(help="Per GPU-hour, if it states none.")] = None,
    currency: Annotated[str, typer.Option(help="Of the price.")] = "USD",
    as_json: AsJson = False,
) -> None:
    """Record what a supplier shows as a draft contract of one line."""
    try:
        request = AdoptionRequest(
            supplier=supplier,
            resource_id=resource_id,
            ref=ref,
            supplier_key=supplier_key,
            start_on=start and start.date(),
            last_day=last_day and last_day.date(),
            price_per_gpu_hour=price,
            currency=currency,
        )
    except ValueError as wrong:
        raise BadInputError(
            "a price is plain digits such as 4.35 and a currency is three letters such as USD; "
            "names are not empty"
        ) from wrong
    with opened() as database:
        adopted = adopt_holding(
            database,
            supplier,
            resource_id,
            adoption=request.to_adoption(),
            actor=actor(),
            clock=utc_now,
        )
    if as_json:
        print_json(AdoptedOut.of(adopted).model_dump(mode="json"))
        return
    typer.echo(
        f"draft {adopted.ref} of {adopted.supplier_key}: {adopted.gpu_count} {adopted.gpu_model} "
        f"from {adopted.start_on}"
    )
    typer.echo(f"Check it, then sign it: tonnage contracts move {adopted.ref} signed", err=True)
