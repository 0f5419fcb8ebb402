"""`tonnage renewals`: what ends, and the page for the call."""

from __future__ import annotations

import sys
from datetime import date, datetime
from decimal import Decimal
from shutil import get_terminal_size
from typing import Annotated

import typer
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from broker.api.wire.renewals import RenewalList, brief_json
from broker.cli.console import UNKNOWN, opened, plain_text, print_json, print_table, read_settings
from broker.clock import today
from broker.flows.review_renewals import list_renewals, review_renewal
from broker.renewals.brief import Brief
from broker.renewals.brief_text import brief_page, page_subtitle, page_title
from broker.renewals.page_words import WIDTH
from broker.renewals.recommendation import price_digits, price_text
from broker.renewals.renewal_list import RenewalEntry

app = typer.Typer(no_args_is_help=True, help="What ends soon, and the page for the call.")

AsOf = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="As of this day instead of today.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]

_PAGE_WIDTH = WIDTH + 2
_MILLION = Decimal(1_000_000)
_WIDE = 150
"""Columns that a row of the list needs."""


@app.command("list")
def list_(
    as_of: AsOf = None,
    within_days: Annotated[
        int | None, typer.Option(min=0, help="Only where a deadline is so near, or over.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List every line in force with an end: by days to its next deadline, then by risk."""
    on = _day(as_of)
    with opened() as database:
        found = list_renewals(database, as_of=on, within_days=within_days)
    if as_json:
        print_json(RenewalList(as_of=on, items=found).model_dump(mode="json"))
        return
    is_narrow = sys.stdout.isatty() and get_terminal_size().columns < _WIDE
    _print_stacked(found) if is_narrow else _print_wide(found)
    if found:
        typer.echo(
            "Per GPU-hour, in the currency of the contract; market: median (suppliers); exposure: "
            "what the offer adds in a year.",
            err=True,
        )
    else:
        typer.echo("Nothing ends: tonnage contracts import FILE", err=True)


@app.command()
def brief(
    name: Annotated[str, typer.Argument(help="CONTRACT/LINE, CONTRACT of one line, or line id.")],
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Print the page for the call: what is asked, what it is worth, what to do and by when."""
    with opened() as database:
        found = review_renewal(database, name, as_of=_day(as_of))
    if as_json:
        print_json(brief_json(found))
        return
    print_brief(found)


def print_brief(found: Brief) -> None:
    """Print the page, as wide as it was written for."""
    console = Console(
        file=sys.stdout,
        width=_PAGE_WIDTH,
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    console.print(Text(plain_text(page_title(found)), style="bold"))
    console.print(Text(plain_text(page_subtitle(found)), style="dim"))
    first, *rest = brief_page(found)
    advice = Text("\n".join(plain_text(line) for line in first.lines))
    advice.stylize("bold", 0, len(first.lines[0]))
    console.print(Panel(advice, title=first.title, title_align="left", width=_PAGE_WIDTH))
    for section in rest:
        console.print(Text(f"\n{section.title}", style="bold"))
        for line in section.lines:
            console.print(Text(plain_text(line)))


def _day(as_of: datetime | None) -> date:
    return as_of.date() if as_of else read_settings().as_of or today()


def _print_wide(found: list[RenewalEntry]) -> None:
    names = ("supplier", "contract/line", "GPUs", "now", "offer", "hike", "market", "premium")
    print_table(
        (*names, "exposure", "speak by", "days", "risk", "next step"),
        [_cells(entry) for entry in found],
        numeric={"now", "offer", "hike", "market", "premium", "exposure", "days", "risk"},
    )


def _print_stacked(found: list[RenewalEntry]) -> None:
    """Print two lines a row, so that a narrow terminal breaks none of them."""
    names = (
        ("contract/line", "supplier"),
        ("GPUs", ""),
        ("now", "offer"),
        ("hike", "premium"),
        ("market", "exposure"),
        ("speak by", "days"),
        ("next step", "risk"),
    )
    rows = []
    for entry in found:
        supplier, line, gpus, now, offer, hike, market, premium, *rest = _cells(entry)
        exposure, speak_by, days, risk, step = rest
        stacks = (
            (line, supplier),
            (gpus, ""),
            (now, offer),
            (hike, premium),
            (market, exposure),
            (speak_by, days),
            (step, risk),
        )
        rows.append(
            [
                f"{upper or UNKNOWN}\n{UNKNOWN if lower is None else lower}"
                for upper, lower in stacks
            ]
        )
    columns = [f"{upper}\n{lower}" for upper, lower in names]
    print_table(columns, rows, numeric=set(columns[2:5]))


def _cells(entry: RenewalEntry) -> tuple[str | None, ...]:
    risk = f"{entry.risk_low:.0f}"
    if entry.risk_low != entry.risk_high:
        risk += f"-{entry.risk_high:.0f}"
    market, exposure = entry.benchmark, entry.exposure
    return (
        entry.supplier,
        f"{entry.contract_ref}/{entry.line_no}",
        f"{entry.gpu_count:,} {entry.gpu_model}",
        None if entry.price_now is None else price_text(entry.price_now),
        None if entry.offer is None else price_digits(entry.offer),
        _percent(entry.hike),
        None if market is None else f"{price_digits(market)} ({entry.benchmark_n})",
        _percent(entry.premium),
        None if exposure is None else f"{exposure.amount / _MILLION:+,.2f} m",
        f"{entry.next_on}{' (end)' if entry.next_on == entry.last_day_of_service else ''}",
        str(entry.days_left),
        risk,
        entry.action,
    )


def _percent(fraction: Decimal | None) -> str | None:
    return None if fraction is None else f"{fraction * 100:+.1f} %"
