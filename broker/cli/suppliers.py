"""`tonnage suppliers`: who sells to us, and what rating schemes say of them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from broker.api.wire.suppliers import SupplierOut
from broker.cli.console import actor, opened, print_json, print_table
from broker.clock import utc_now
from broker.contracts.supplier import TierFact
from broker.flows.describe_supplier import describe_supplier, list_suppliers, rate_supplier
from broker.flows.load_ratings import load_ratings
from providers.ratings_csv import PUBLISHED, published

app = typer.Typer(no_args_is_help=True, help="List, describe and rate suppliers.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
Key = Annotated[str, typer.Argument(help="The supplier's key, such as harbor-compute.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List all suppliers with what rating schemes say of them."""
    with opened() as database:
        found = list_suppliers(database)
    if as_json:
        print_json([SupplierOut.of(each).model_dump(mode="json") for each in found])
        return
    rows = [
        (
            each.key,
            each.legal_name,
            each.country,
            ", ".join(f"{_rater(fact)}: {fact.tier}" for fact in each.tiers) or None,
        )
        for each in found
    ]
    print_table(("key", "name", "country", "tiers"), rows)


@app.command()
def describe(
    key: Key,
    name: Annotated[str | None, typer.Option(help="Legal name.")] = None,
    country: Annotated[
        str | None, typer.Option(help="ISO 3166, such as US or GB-ENG: working days of notices.")
    ] = None,
    alias: Annotated[list[str] | None, typer.Option(help="Another name in sheets.")] = None,
) -> None:
    """Record a supplier, or change its name, country or aliases."""
    with opened() as database:
        supplier = describe_supplier(
            database,
            key,
            legal_name=name,
            country=country,
            aliases=tuple(alias or ()),
            actor=actor(),
            clock=utc_now,
        )
    typer.echo(f"{supplier.key}: {supplier.legal_name}, country {supplier.country or 'unknown'}")


@app.command()
def rate(
    key: Key,
    scheme: Annotated[str, typer.Option(help="Who rates, such as market-class.")],
    tier: Annotated[str, typer.Option(help="What it says, such as neocloud.")],
    on: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="As of which day.")],
    source: Annotated[str, typer.Option(help="Where to check it.")],
    edition: Annotated[str, typer.Option(help="Which edition of the scheme.")] = "",
) -> None:
    """Record what a rating scheme says of a supplier."""
    fact = TierFact(scheme=scheme, edition=edition, tier=tier, on=on.date(), source=source)
    with opened() as database:
        rate_supplier(database, key, fact, actor=actor(), clock=utc_now)
    typer.echo(f"{key}: {_rater(fact)} says {tier} on {on.date()}")


@app.command()
def ratings(
    file: Annotated[
        Path | None,
        typer.Argument(exists=True, dir_okay=False, help="A sheet of ratings; default: published."),
    ] = None,
) -> None:
    """Load published ratings: scheme, edition, tier, day and source of each supplier."""
    content = published() if file is None else file.read_bytes()
    with opened() as database:
        report = load_ratings(
            database,
            content,
            file=PUBLISHED if file is None else file.name,
            actor=actor(),
            clock=utc_now,
        )
    typer.echo(
        f"{report.ratings} ratings, {report.new} new; {report.suppliers_recorded} suppliers recorded"
    )


def _rater(fact: TierFact) -> str:
    return f"{fact.scheme} {fact.edition}".strip()
