"""The console script `tonnage`: joins the commands below."""

from __future__ import annotations

import typer

from broker.cli import (
    alerts,
    assumptions,
    audit,
    capacity,
    contracts,
    database,
    demand,
    holdings,
    keys,
    ledger,
    obligations,
    plan,
    prices,
    providers,
    quotas,
    quotes,
    reconciliation,
    renewals,
    suppliers,
)
from broker.cli.console import Refusals
from broker.cli.dashboard import dashboard
from broker.cli.demo import demo
from broker.cli.doctor import doctor
from broker.cli.offers import offers
from broker.cli.procure import procure
from broker.cli.serve import serve
from broker.cli.work import work_

app = typer.Typer(
    name="tonnage",
    cls=Refusals,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its frames would show local values: prices and keys
)
app.add_typer(alerts.app, name="alerts")
app.add_typer(assumptions.app, name="assumptions")
app.add_typer(audit.app, name="audit")
app.add_typer(capacity.app, name="capacity")
app.add_typer(contracts.app, name="contracts")
app.add_typer(database.app, name="db")
app.add_typer(demand.app, name="demand")
app.add_typer(holdings.app, name="holdings")
app.add_typer(keys.app, name="keys")
app.add_typer(ledger.app, name="ledger")
app.add_typer(obligations.app, name="obligations")
app.add_typer(plan.app, name="plan")
app.add_typer(prices.app, name="prices")
app.add_typer(providers.app, name="providers")
app.add_typer(quotas.app, name="quotas")
app.add_typer(quotes.app, name="quotes")
app.add_typer(reconciliation.app, name="reconciliation")
app.add_typer(renewals.app, name="renewals")
app.add_typer(suppliers.app, name="suppliers")
app.command()(demo)
app.command()(doctor)
app.command()(offers)
app.command()(procure)
app.command()(serve)
app.command("work")(work_)
app.command()(dashboard)


@app.callback()
def tonnage() -> None:
    """Multi-cloud GPU capacity broker and procurement ledger."""


def main() -> None:
    """Run the command line."""
    app()
