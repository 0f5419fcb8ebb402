"""The console script `tonnage`: joins the commands below, each read in when it is asked for."""

from __future__ import annotations

from typing import Any

import typer

from broker.cli.console import Refusals
from broker.cli.on_demand import CommandsOnDemand

COMMANDS = {
    "alerts": "broker.cli.alerts:app",
    "assumptions": "broker.cli.assumptions:app",
    "audit": "broker.cli.audit:app",
    "capacity": "broker.cli.capacity:app",
    "contracts": "broker.cli.contracts:app",
    "db": "broker.cli.database:app",
    "demand": "broker.cli.demand:app",
    "holdings": "broker.cli.holdings:app",
    "keys": "broker.cli.keys:app",
    "ledger": "broker.cli.ledger:app",
    "obligations": "broker.cli.obligations:app",
    "plan": "broker.cli.plan:app",
    "prices": "broker.cli.prices:app",
    "providers": "broker.cli.providers:app",
    "quotas": "broker.cli.quotas:app",
    "quotes": "broker.cli.quotes:app",
    "reconciliation": "broker.cli.reconciliation:app",
    "renewals": "broker.cli.renewals:app",
    "suppliers": "broker.cli.suppliers:app",
    "demo": "broker.cli.demo:demo",
    "doctor": "broker.cli.doctor:doctor",
    "offers": "broker.cli.offers:offers",
    "procure": "broker.cli.procure:procure",
    "serve": "broker.cli.serve:serve",
    "work": "broker.cli.work:work_",
    "dashboard": "broker.cli.dashboard:dashboard",
}
"""Where each command is: a module, and in it the group or the function."""


class Tonnage(Refusals):
    """All commands, in the order of the help; none is read in before it is asked for."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = CommandsOnDemand(COMMANDS)


app = typer.Typer(
    name="tonnage",
    cls=Tonnage,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its frames would show local values: prices and keys
)


@app.callback()
def tonnage() -> None:
    """Multi-cloud GPU capacity broker and procurement ledger."""


def main() -> None:
    """Run the command line."""
    app()
