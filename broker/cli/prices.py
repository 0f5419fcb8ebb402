"""`tonnage prices`: market prices and exchange rates, in and out."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from broker.api.wire.market import Market
from broker.api.wire.prices import (
    FxImport,
    PriceHistories,
    PriceImport,
    Prices,
    PriceSourceList,
    SeriesHistoryEntry,
)
from broker.cli.console import FOUND_WRONG, actor, opened, print_json, read_settings
from broker.cli.poll import poll
from broker.cli.price_report import (
    progress_bar,
    tell_history,
    tell_import,
    tell_market,
    tell_prices,
    tell_refused,
    tell_sources,
)
from broker.clock import utc_now
from broker.flows.compare_market import WINDOW_DAYS, compare_market
from broker.flows.import_fx import import_fx
from broker.flows.import_prices import import_prices
from broker.flows.list_prices import (
    MAX_AGE_DAYS,
    latest_prices,
    price_filter,
    price_levels,
    price_sources,
)
from pricing.series import PriceKind

app = typer.Typer(no_args_is_help=True, help="Market prices and exchange rates.")
app.command()(poll)

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The CSV file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
GpuWish = Annotated[str | None, typer.Option("--gpu", help="A GPU, however it is spelt.")]
OneGpu = Annotated[str, typer.Option("--gpu", help="A GPU, however it is spelt.")]
Provider = Annotated[str | None, typer.Option(help="One provider only.")]
Kind = Annotated[PriceKind | None, typer.Option(help="One kind of offer only.")]
Day = typer.Option(formats=["%Y-%m-%d"], help="As of this day instead of today.")
First = Annotated[
    datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day.")
]
Last = Annotated[
    datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day, included.")
]


@app.command("import")
def import_(
    file: File,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen, write nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import a sheet of market prices: all of it, or nothing and every fault at once."""
    with opened() as database, progress_bar() as on_progress:
        report = import_prices(
            database,
            file.read_bytes(),
            file=file.name,
            actor=actor(),
            clock=utc_now,
            dry_run=dry_run,
            on_progress=on_progress,
        )
    told = PriceImport.of(report)
    if as_json:
        print_json(told.model_dump(mode="json"))
    else:
        tell_import(told)
    if not report.is_ok:
        raise typer.Exit(FOUND_WRONG)


@app.command("list")
def list_(
    gpu: GpuWish = None,
    kind: Kind = None,
    provider: Provider = None,
    as_of: Annotated[datetime | None, Day] = None,
    max_age_days: Annotated[
        int, typer.Option(min=0, help="Older prices are unknown.")
    ] = MAX_AGE_DAYS,
    as_json: AsJson = False,
) -> None:
    """List the last known price of each provider, GPU model and kind."""
    with opened() as database:
        found = latest_prices(
            database,
            price_filter(gpu=gpu, provider=provider, kind=kind),
            as_of=_day(as_of) or _today(),
            max_age_days=max_age_days,
        )
    told = Prices.of(found)
    if as_json:
        print_json(told.model_dump(mode="json"))
        return
    tell_prices(told)


@app.command()
def history(
    gpu: OneGpu,
    provider: Provider = None,
    kind: Kind = None,
    first: First = None,
    last: Last = None,
    as_json: AsJson = False,
) -> None:
    """Tell how the prices of a GPU moved: levels, and the days on which nobody looked."""
    with opened() as database:
        found = price_levels(
            database,
            price_filter(gpu=gpu, provider=provider, kind=kind),
            first=_day(first),
            last=_day(last),
        )
    told = PriceHistories(items=[SeriesHistoryEntry.of(one) for one in found])
    if as_json:
        print_json(told.model_dump(mode="json"))
        return
    tell_history(told)


@app.command()
def sources(
    gpu: GpuWish = None,
    provider: Provider = None,
    kind: Kind = None,
    first: First = None,
    last: Last = None,
    limit: Annotated[int, typer.Option(min=1, help="How many rows at most.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List the raw rows that prices came from, the newest first."""
    with opened() as database:
        found = price_sources(
            database,
            price_filter(gpu=gpu, provider=provider, kind=kind),
            first=_day(first),
            last=_day(last),
            limit=limit,
        )
    told = PriceSourceList.of(found)
    if as_json:
        print_json(told.model_dump(mode="json"))
        return
    tell_sources(told)


@app.command()
def market(
    gpu: OneGpu,
    as_of: Annotated[datetime | None, Day] = None,
    window_days: Annotated[int, typer.Option(help="Days of history before it.")] = WINDOW_DAYS,
    as_json: AsJson = False,
) -> None:
    """Compare what providers list for a GPU: prices, moves, the list benchmark and the index."""
    with opened() as database:
        view = compare_market(
            database, gpu=gpu, as_of=_day(as_of) or _today(), window_days=window_days
        )
    told = Market.of(view)
    if as_json:
        print_json(told.model_dump(mode="json"))
        return
    tell_market(told)


@app.command()
def fx(file: File, as_json: AsJson = False) -> None:
    """Import a sheet of exchange rates: all of it, or nothing and every fault at once."""
    with opened() as database:
        report = import_fx(database, file.read_bytes(), file=file.name)
    told = FxImport.of(report)
    if as_json:
        print_json(told.model_dump(mode="json"))
    elif report.is_ok:
        typer.echo(f"{told.file}: {told.rows} rates, {told.new_rates} new")
    else:
        tell_refused(told.file, told.issues)
    if not report.is_ok:
        raise typer.Exit(FOUND_WRONG)


def _today() -> date:
    return read_settings().as_of or utc_now().date()


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()
