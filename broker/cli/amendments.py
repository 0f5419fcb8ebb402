"""`tonnage contracts amendments`: proposed changes of signed terms, and what becomes of them."""

from __future__ import annotations

import typer

from broker.cli.console import opened, print_json, print_table
from broker.cli.decisions import AsJson, Name, Reason, Since, decision
from broker.clock import utc_now
from broker.flows.change_contract import Decision, decide_amendment
from broker.flows.read_contracts import every_contract

app = typer.Typer(no_args_is_help=True, help="Approve or reject proposed amendments.")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List proposed amendments that nobody has decided yet."""
    with opened() as database:
        found = [(each, held) for held in every_contract(database) for each in held.amendments]
    if as_json:
        print_json(
            [
                {
                    "id": each.id,
                    "supplier_key": held.supplier_key,
                    "contract_ref": held.ref,
                    "line_no": each.line_no,
                    "changes": each.changes,
                    "source": each.source,
                    "proposed_by": each.proposed_by,
                }
                for each, held in found
            ]
        )
        return
    rows = [
        (
            each.id,
            held.supplier_key,
            f"{held.ref}/{each.line_no}",
            "; ".join(f"{name}: {c['from']} → {c['to']}" for name, c in each.changes.items()),
            each.source,
        )
        for each, held in found
    ]
    print_table(("id", "supplier", "contract/line", "changes", "source"), rows)


@app.command()
def approve(name: Name, amendment_id: str, reason: Reason, since: Since = None) -> None:
    """Approve an amendment: its terms hold from --from on."""
    _decide(name, amendment_id, approve=True, decision=decision(reason, since))


@app.command()
def reject(name: Name, amendment_id: str, reason: Reason) -> None:
    """Reject an amendment; the signed terms stay."""
    _decide(name, amendment_id, approve=False, decision=decision(reason, None))


def _decide(name: str, amendment_id: str, *, approve: bool, decision: Decision) -> None:
    with opened() as database:
        contract = decide_amendment(
            database, name, amendment_id, approve=approve, decision=decision, clock=utc_now
        )
    typer.echo(f"amendment of {contract.ref} {'approved' if approve else 'rejected'}")
