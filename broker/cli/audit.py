"""`tonnage audit`: who did what, and whether that record is whole."""

from __future__ import annotations

from typing import Annotated

import typer

from broker.access.audit import AuditEntry
from broker.api.wire.audit import AuditEntryOut, AuditReport
from broker.cli.console import FOUND_WRONG, connected, opened, print_json, print_table
from broker.cli.decisions import AsJson
from broker.flows.keep_audit import list_audit, verify_audit
from broker.store.audit import AuditFilter

app = typer.Typer(no_args_is_help=True, help="Read and verify the audit log.")

LISTED = 50
MOST_LISTED = 10_000


@app.command("list")
def list_(
    actor: Annotated[str | None, typer.Option(help="Only what this person or key did.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this, such as key.revoked.")] = None,
    object_id: Annotated[str | None, typer.Option(help="Only what was done to this.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_LISTED, help="Entries at most.")] = LISTED,
    as_json: AsJson = False,
) -> None:
    """List what was done, the newest first."""
    wanted = AuditFilter(actor=actor, action=action, object_id=object_id)
    with opened() as database:
        found = list_audit(database, wanted, limit=limit)
    if as_json:
        print_json([AuditEntryOut.of(entry).model_dump(mode="json") for entry in found])
        return
    columns = ("no.", "at", "actor", "action", "object", "status", "key", "address")
    print_table(columns, [_row(entry) for entry in found], numeric=("no.", "status"))


@app.command()
def verify(
    kept: Annotated[
        str | None, typer.Option(help="A head that was printed before; it must be in the chain.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify the chain; exit 1 and the first broken entry if it is not whole."""
    with connected() as database:
        check = verify_audit(database, kept_hash=kept)
    if as_json:
        print_json(AuditReport.of(check).model_dump(mode="json"))
    elif check.broken is not None:
        typer.echo(f"broken: entry {check.broken.seq}: {check.broken.what}", err=True)
    else:
        typer.echo(f"{check.entries:,} entries verify; head {check.head}")
    raise typer.Exit(0 if check.ok else FOUND_WRONG)


def _row(entry: AuditEntry) -> tuple[object, ...]:
    draft, moment = entry.draft, f"{entry.at:%Y-%m-%d %H:%M:%S}Z"
    origin = draft.origin
    return (
        entry.seq,
        moment,
        draft.actor,
        draft.action,
        draft.object_id,
        draft.status,
        origin.key_id,
        origin.address,
    )
