"""`tonnage quotes`: offers in writing, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from broker.api.wire.quotes import QuoteList, QuoteOut
from broker.cli.console import (
    actor,
    opened,
    print_json,
    print_table,
    read_settings,
)
from broker.cli.sheet_report import report_import
from broker.clock import today, utc_now
from broker.contracts.quote import Quote, QuoteKind, QuoteState
from broker.flows.announce_offers import announce_offers
from broker.flows.deliver_alerts import deliver_alerts
from broker.flows.record_quote import (
    import_quotes,
    list_quotes,
    move_quote,
    record_quote,
)
from broker.logs import log_to_stderr
from broker.notify.channels import channels_set, senders
from broker.store.engine import Database
from broker.store.renewals import SHORT_ID, KnownQuote
from pricing.commitment import PriceBasis

app = typer.Typer(no_args_is_help=True, help="Record, list and decide quotes.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
QuoteName = Annotated[str, typer.Argument(help="The quote's id, or the end of it.")]
Reason = Annotated[str, typer.Option(help="Why, for the next reader of the books.")]
On = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day it happened; today.")
]
Day = typer.Option(formats=["%Y-%m-%d"])


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The CSV sheet.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen, write nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import a sheet of quotes: all of it, or nothing and every fault at once."""
    with opened() as database:
        report = import_quotes(
            database,
            file.read_bytes(),
            file=file.name,
            actor=actor(),
            clock=utc_now,
            dry_run=dry_run,
        )
        if not report.dry_run:
            _announce(database, report.recorded)
    report_import(report, what="quotes", as_json=as_json)


@app.command()
def record(
    supplier: Annotated[str, typer.Option(help="Who offers.")],
    kind: Annotated[QuoteKind, typer.Option(help="Why they named a price.")],
    gpu_model: Annotated[str, typer.Option("--gpu", help="The GPU, however it is spelt.")],
    gpu_count: Annotated[int, typer.Option("--gpus", help="How many.")],
    unit_price: Annotated[
        str,
        typer.Option(
            "--price",
            prompt="Price",
            help="As quoted, digits only; asked for when left out, to keep it out of the history.",
        ),
    ],
    price_basis: Annotated[PriceBasis, typer.Option(help="What it is the price of.")],
    currency: Annotated[str, typer.Option(help="ISO 4217, such as USD.")],
    received_on: Annotated[datetime, Day],
    renews: Annotated[str | None, typer.Option(help="CONTRACT/LINE of a renewal offer.")] = None,
    form_factor: Annotated[str | None, typer.Option(help="SXM, PCIE, NVL72.")] = None,
    gpus_per_node: Annotated[int | None, typer.Option(help="For a price per node-hour.")] = None,
    region: Annotated[str | None, typer.Option(help="Where, such as us-central.")] = None,
    term_months: Annotated[int | None, typer.Option(help="Unset: on demand.")] = None,
    prepay_pct: Annotated[str | None, typer.Option(help="0 to 100; unset: not stated.")] = None,
    delivery_date: Annotated[datetime | None, Day] = None,
    lead_time_days: Annotated[int | None, typer.Option(help="Days from the order.")] = None,
    valid_until: Annotated[datetime | None, Day] = None,
    document: Annotated[str | None, typer.Option(help="Where it is written.")] = None,
    as_json: AsJson = False,
) -> None:
    """Put one quote on record; the same one again changes nothing."""
    stated = {
        "supplier": supplier,
        "kind": kind.value,
        "renews": renews,
        "gpu_model": gpu_model,
        "form_factor": form_factor,
        "gpu_count": gpu_count,
        "region": region,
        "term_months": term_months,
        "unit_price": unit_price,
        "currency": currency,
        "price_basis": price_basis.value,
        "gpus_per_node": gpus_per_node,
        "prepay_pct": prepay_pct,
        "delivery_date": _iso(delivery_date),
        "lead_time_days": lead_time_days,
        "received_on": _iso(received_on),
        "valid_until": _iso(valid_until),
        "document": document,
    }
    cells = {name: str(value) for name, value in stated.items() if value is not None}
    with opened() as database:
        known = record_quote(database, cells, source="command line", actor=actor(), clock=utc_now)
        _announce(database, [known.quote])
    _tell_one(known, as_json=as_json, what="on record")


@app.command("list")
def list_(
    as_of: Annotated[datetime | None, Day] = None,
    state: Annotated[QuoteState | None, typer.Option(help="One state only.")] = None,
    as_json: AsJson = False,
) -> None:
    """List quotes, newest first."""
    on = as_of.date() if as_of else _today()
    with opened() as database:
        found = [
            known for known in list_quotes(database, on=on) if state in (None, known.quote.state)
        ]
    if as_json:
        items = [QuoteOut.of(known, on=on) for known in found]
        print_json(QuoteList(as_of=on, items=items).model_dump(mode="json"))
        return
    columns = ("id", "supplier", "renews", "GPUs", "months", "per GPU-hour", "received")
    print_table(
        (*columns, "valid until", "delivers", "state"),
        [_row(known, on) for known in found],
        numeric={"months", "per GPU-hour"},
    )
    if not found:
        typer.echo("No quotes yet: tonnage quotes import FILE", err=True)


@app.command()
def accept(
    quote: QuoteName,
    reason: Reason,
    override_reason: Annotated[
        str | None, typer.Option(help="Why a quote that lapsed or was withdrawn is accepted.")
    ] = None,
    on: On = None,
    as_json: AsJson = False,
) -> None:
    """Accept a quote."""
    _move(quote, QuoteState.ACCEPTED, reason, on, as_json=as_json, override=override_reason)


@app.command()
def decline(quote: QuoteName, reason: Reason, on: On = None, as_json: AsJson = False) -> None:
    """Decline a quote."""
    _move(quote, QuoteState.DECLINED, reason, on, as_json=as_json)


@app.command()
def counter(quote: QuoteName, reason: Reason, on: On = None, as_json: AsJson = False) -> None:
    """Note that we answered with a counter-offer; the quote can still be accepted."""
    _move(quote, QuoteState.COUNTERED, reason, on, as_json=as_json)


@app.command()
def withdraw(quote: QuoteName, reason: Reason, on: On = None, as_json: AsJson = False) -> None:
    """Note that the supplier took a quote back; it no longer counts in a benchmark."""
    _move(quote, QuoteState.WITHDRAWN, reason, on, as_json=as_json)


def _move(
    quote: str,
    to: QuoteState,
    reason: str,
    on: datetime | None,
    *,
    as_json: bool,
    override: str | None = None,
) -> None:
    with opened() as database:
        known = move_quote(
            database,
            quote,
            to,
            on=on.date() if on else _today(),
            reason=reason,
            override_reason=override,
            actor=actor(),
            clock=utc_now,
        )
    _tell_one(known, as_json=as_json, what=f"is {to.value}")


def _announce(database: Database, quotes: Iterable[Quote]) -> None:
    """Raise and send the alerts of an offer to renew at once."""
    settings = read_settings()
    told = announce_offers(
        database,
        quotes,
        as_of=_today(),
        channels=channels_set(settings),
        actor=actor(),
        clock=utc_now,
    )
    if told is None:
        return
    log_to_stderr(settings.log_level)  # one of the channels is the log
    deliver_alerts(database, senders(settings), clock=utc_now)
    new = sum(each.is_new for each in told.told)
    typer.echo(f"{new} new alerts; see: tonnage alerts list", err=True)


def _tell_one(known: KnownQuote, *, as_json: bool, what: str) -> None:
    if as_json:
        print_json(QuoteOut.of(known, on=_today()).model_dump(mode="json"))
        return
    quote = known.quote
    subject = f" to renew {known.renews}" if known.renews else ""
    typer.echo(f"quote {quote.id} of {quote.supplier_key}{subject} {what}")


def _row(known: KnownQuote, on: date) -> tuple[object, ...]:
    quote = known.quote
    delivers = None if quote.lead_time_days is None else f"{quote.lead_time_days} days"
    lapsed = quote.is_open_on(on) or quote.state is not QuoteState.OPEN
    return (
        quote.id[-SHORT_ID:],
        quote.supplier_key,
        known.renews,
        f"{quote.gpu_count:,} {quote.gpu_model}",
        quote.term_months,
        f"{quote.price_per_gpu_hour:.4f} {quote.currency}",
        quote.received_on,
        quote.valid_until,
        quote.delivery_on or delivers,
        quote.state.value if lapsed else "lapsed",
    )


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.date().isoformat()


def _today() -> date:
    return read_settings().as_of or today()
