"""`tonnage contracts`: import sheets, read contracts, record what becomes of them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from broker.api.wire.contracts import ContractOut, EventOut
from broker.cli import amendments
from broker.cli.console import (
    FOUND_WRONG,
    NEEDS_INPUT,
    actor,
    opened,
    plain_text,
    print_json,
    print_table,
)
from broker.cli.decisions import AsJson, Name, Reason, Since, business_day, decision
from broker.clock import utc_now
from broker.contracts.contract import Contract
from broker.contracts.import_outcome import LISTED_FOR_PEOPLE, ImportPlan, PlanStatus
from broker.contracts.sheets.export import error_csv, template_csv
from broker.contracts.state import ContractState
from broker.errors import BadInputError
from broker.flows.change_contract import accept_tranche, move_contract, name_successor
from broker.flows.import_contracts import import_contracts
from broker.flows.read_contracts import contract_as_believed, contract_events, every_contract

app = typer.Typer(no_args_is_help=True, help="Import, read and change contracts.")
app.add_typer(amendments.app, name="amendments")

_EXIT = {PlanStatus.OK: 0, PlanStatus.ERRORS: FOUND_WRONG, PlanStatus.NEEDS_INPUT: NEEDS_INPUT}


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="Template or tranche sheet, CSV in UTF-8.")],
    dry_run: Annotated[bool, typer.Option(help="Say what would happen, write nothing.")] = False,
    errors: Annotated[
        Path | None, typer.Option(help="Write the faulty rows here, with what is wrong.")
    ] = None,
    correction: Annotated[
        str | None,
        typer.Option(
            help="Why signed terms were recorded wrongly: differences are then corrections, "
            "not amendments."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import a contract sheet: all of it, or nothing and every complaint.

    Terms that differ from signed ones are proposed as amendments and wait for approval.
    """
    content = read_file(file)
    with opened() as database:
        plan, sheet = import_contracts(
            database,
            content,
            file=file.name,
            actor=actor(),
            clock=utc_now,
            dry_run=dry_run,
            correction=correction,
        )
    if as_json:
        print_json(plan.as_json())
    else:
        _print_plan(plan, dry_run=dry_run, corrects=correction is not None)
    if errors is not None and plan.issues:
        _write_file(errors, error_csv(sheet.text, plan.issues))
    raise typer.Exit(_EXIT[plan.status])


@app.command()
def template() -> None:
    """Print the template of a contract sheet, with one invented example row."""
    typer.echo(template_csv(), nl=False)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List all contracts, line by line."""
    on = business_day()
    with opened() as database:
        contracts = every_contract(database)
    if as_json:
        found = [ContractOut.of(contract, on=on).model_dump(mode="json") for contract in contracts]
        print_json({"as_of": on.isoformat(), "items": found})
        return
    columns = ("supplier", "contract/line", "state", "GPU", "GPUs", "region", "start", "last day")
    rows = [row for contract in contracts for row in _rows(contract)]
    print_table((*columns, "renewal", "notice", "owner"), rows, numeric={"GPUs"})
    if not rows:
        typer.echo("No contracts yet: tonnage contracts import FILE", err=True)


@app.command()
def show(
    name: Name,
    known_at: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%dT%H:%M:%S%z"], help="As believed at this instant."),
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Prices and deliveries of this day; today."),
    ] = None,
) -> None:
    """Print one contract as JSON, as known now or as it was believed at an instant."""
    with opened() as database:
        contract = contract_as_believed(database, name, known_at=known_at)
    on = as_of.date() if as_of else business_day()
    print_json(ContractOut.of(contract, on=on).model_dump(mode="json"))


@app.command()
def events(name: Name, as_json: AsJson = False) -> None:
    """Print the chain of events of one contract, oldest first."""
    with opened() as database:
        found = contract_events(database, name)
    if as_json:
        print_json([EventOut.of(event).model_dump(mode="json") for event in found])
        return
    rows = [
        (
            event.seq,
            event.kind.value,
            event.valid_from,
            f"{event.recorded_at:%Y-%m-%d %H:%M}Z",
            event.actor,
            event.reason,
            event.hash[:12],
        )
        for event in found
    ]
    columns = ("no.", "event", "valid from", "recorded", "by", "reason", "hash")
    print_table(columns, rows, numeric={"no."})


@app.command()
def move(
    name: Name,
    to: Annotated[ContractState, typer.Argument(help="The state it moves to.")],
    reason: Reason,
    evidence: Annotated[str | None, typer.Option(help="How and when notice was given.")] = None,
    since: Since = None,
) -> None:
    """Move a contract to another state; notice (in_notice) needs its evidence."""
    with opened() as database:
        contract = move_contract(
            database,
            name,
            to,
            evidence=evidence,
            decision=decision(reason, since),
            clock=utc_now,
        )
    typer.echo(f"contract {contract.ref} of {contract.supplier_key} is now {contract.state}")


@app.command()
def succeed(
    name: Name,
    successor: Annotated[str, typer.Argument(help="The signed contract that goes on.")],
    reason: Reason,
) -> None:
    """Record which signed contract goes on where this one ends."""
    with opened() as database:
        contract = name_successor(
            database, name, successor, decision=decision(reason, None), clock=utc_now
        )
    typer.echo(f"contract {contract.ref} of {contract.supplier_key} has a successor")


@app.command()
def accept(
    name: Name,
    line: Annotated[int, typer.Option(min=1)],
    tranche: Annotated[int, typer.Option(min=1)],
    on: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Day of acceptance.")],
    reason: Reason = "accepted",
) -> None:
    """Record that a tranche was accepted; the first makes a signed contract active."""
    with opened() as database:
        contract = accept_tranche(
            database,
            name,
            line_no=line,
            tranche_no=tranche,
            accepted_on=on.date(),
            decision=decision(reason, on),
            clock=utc_now,
        )
    gpus = contract.line(line).accepted_by(on.date())
    typer.echo(f"contract {contract.ref} line {line}: {gpus:,} GPUs accepted by {on.date()}")


def read_file(file: Path) -> bytes:
    """Return the content of a file, or refuse in words."""
    try:
        return file.read_bytes()
    except OSError as failure:
        raise BadInputError(f"{file} cannot be read: {failure.strerror}") from failure


def _write_file(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as failure:
        raise BadInputError(f"{file} cannot be written: {failure.strerror}") from failure


def _rows(contract: Contract) -> list[tuple[object, ...]]:
    return [
        (
            contract.supplier_key,
            f"{contract.ref}/{line.line_no}",
            contract.state.value,
            line.gpu_model,
            f"{line.gpu_count:,}",
            line.region,
            line.start_on,
            line.last_day_of_service,
            line.renewal.renewal_type and line.renewal.renewal_type.value,
            line.renewal.notice_period,
            line.owner,
        )
        for line in contract.lines
    ]


def _print_plan(plan: ImportPlan, *, dry_run: bool, corrects: bool) -> None:
    rows = [
        (
            planned.line,
            planned.outcome.value,
            planned.readable["supplier_key"],
            f"{planned.readable['contract_ref']}/{planned.readable['line_no']}",
            planned.readable["gpu_model"],
            planned.readable["gpu_count"],
            planned.readable["start_date"],
            planned.readable["end_date"],
        )
        for planned in plan.lines[:LISTED_FOR_PEOPLE]
    ]
    columns = ("line", "outcome", "supplier", "contract/line", "GPU", "GPUs", "start", "last day")
    print_table(columns, rows, numeric={"line", "GPUs"})
    for issue in plan.issues[:LISTED_FOR_PEOPLE]:
        where = f"{plan.file}:{issue.line}" + (f", {issue.field}" if issue.field else "")
        text = f"{where}: {issue.severity}: {issue.message} [{issue.code}]"
        typer.echo(plain_text(text), err=True)
    for name, true_count in (("rows", len(plan.lines)), ("complaints", len(plan.issues))):
        if true_count > LISTED_FOR_PEOPLE:
            typer.echo(f"… {LISTED_FOR_PEOPLE} of {true_count:,} {name}; --json has all", err=True)
    for row in plan.absent:
        text = f"not in the file, kept: {row.supplier_key} {row.contract_ref}/{row.line_no}"
        typer.echo(plain_text(text), err=True)
    counts = ", ".join(f"{count} {name}" for name, count in plan.summary.items() if count)
    if plan.status is not PlanStatus.OK:
        typer.echo(f"{counts or 'no rows'}: nothing was written; correct the file", err=True)
        return
    written = "written" if plan.to_write else "nothing to write"
    typer.echo(f"{counts}: " + ("dry run, nothing was written" if dry_run else written))
    if plan.amends_signed and not corrects:
        typer.echo("signed terms wait for approval: tonnage contracts amendments list", err=True)
