"""Tells people what `tonnage prices` found; programs get the same as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from broker.api.wire.market import Market
from broker.api.wire.prices import (
    Issue,
    PriceEntry,
    PriceHistories,
    PriceImport,
    Prices,
    PriceSourceList,
    SeriesEntry,
)
from broker.cli.console import fault_text, plain_text, print_table
from broker.errors import Fault
from broker.store import price_imports
from pricing.money import priced

NONE_ON_RECORD = (
    "no such price is on record; widen the filter, or add prices: tonnage prices import FILE"
)


@contextmanager
def progress_bar() -> Iterator[price_imports.Progress]:
    """Show how far the rows are stored, where a person is watching."""
    bar = Progress(
        TextColumn("storing rows"),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task("rows", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def tell_import(told: PriceImport) -> None:
    """Say what an import did, or what is wrong with its sheet."""
    if told.status == "errors":
        tell_refused(told.file, told.issues)
        return
    verb = "would add" if told.dry_run else "added"
    typer.echo(
        f"{plain_text(told.file)}: {told.rows} rows of {told.series} series; {verb} "
        f"{told.new_sightings} rows; {told.levels} price levels"
    )
    if told.newly_mapped:
        typer.echo(f"{told.newly_mapped} rows that were set aside before are mapped now")
    for code, count in told.notices.items():
        lines = ", ".join(str(issue.line) for issue in told.issues if issue.code == code)
        typer.echo(f"notice: {code} in {count} rows, such as lines {lines}", err=True)
    for row in told.unmapped:
        typer.echo(f"warning: line {row.line} set aside: {plain_text(row.reason)}", err=True)


def tell_refused(file: str, issues: list[Issue]) -> None:
    """Print every fault of a sheet on standard error."""
    typer.echo(f"error: {plain_text(file)} was not imported; nothing was written", err=True)
    for issue in issues:
        fault = Fault(code=issue.code, message=issue.message, line=issue.line, field=issue.field)
        typer.echo(f"  {plain_text(fault_text(fault))}", err=True)


def tell_prices(told: Prices) -> None:
    """Print the last known prices; where none is known, why."""
    if not told.items:
        typer.echo(NONE_ON_RECORD, err=True)
    print_table(
        ("provider", "gpu", "kind", "low", "high", "seen on", "age", "note"),
        [
            (
                *(row.provider, row.gpu_model, row.kind.value, _priced(row.low), _priced(row.high)),
                *(row.observed_on, row.age_days),
                _note(row),
            )
            for row in told.items
        ],
        numeric=("low", "high", "age"),
        title=f"USD per GPU-hour as of {told.as_of}",
    )
    tell_excluded(told.excluded)


def tell_history(told: PriceHistories) -> None:
    """Print the levels of each series."""
    if not told.items:
        typer.echo(NONE_ON_RECORD, err=True)
    print_table(
        ("provider", "kind", "as quoted", "GB", "price", "first seen", "last seen", "days unseen"),
        [
            (
                *(one.series.provider, one.series.kind.value),
                *(one.series.gpu_as_quoted, one.series.memory_gb),
                *(_priced(level.price), level.first_seen_on, level.last_seen_on),
                sum(gap.days for gap in one.gaps),
            )
            for one in told.items
            for level in one.levels
        ],
        numeric=("GB", "price", "days unseen"),
        title="USD per GPU-hour",
    )
    tell_excluded([one.series for one in told.items if one.series.excluded_because])


def tell_sources(told: PriceSourceList) -> None:
    """Print raw rows."""
    print_table(
        ("day", "provider", "as quoted", "GB", "kind", "price", "fetched at", "file", "line"),
        [
            (
                *(row.observed_on, row.series.provider, row.series.gpu_as_quoted),
                *(row.series.memory_gb, row.series.kind.value, _priced(row.price)),
                *(f"{row.fetched_at:%Y-%m-%d %H:%M:%S}Z", row.file, row.line),
            )
            for row in told.items
        ],
        numeric=("GB", "price", "line"),
        title=f"{len(told.items)} of {told.total} rows",
    )


def tell_market(told: Market) -> None:
    """Print a market: the comparison, the list benchmark, the index."""
    if not told.comparison:
        typer.echo(NONE_ON_RECORD, err=True)
    print_table(
        ("provider", "kind", "low", "high", "seen on", "age", "7 days", "30 days", "note"),
        [
            (
                *(
                    row.provider,
                    row.kind.value,
                    _priced(row.low),
                    _priced(row.high),
                    row.observed_on,
                    row.age_days,
                ),
                *(_percent(row.move_7_days), _percent(row.move_30_days)),
                _note(row),
            )
            for row in told.comparison
        ],
        numeric=("low", "high", "age", "7 days", "30 days"),
        title=f"{told.gpu_model}, USD per GPU-hour as of {told.as_of}",
    )
    benchmark = told.list_benchmark
    if benchmark.median is None:
        typer.echo(f"list benchmark: none, as only {benchmark.n} suppliers list it on demand")
    else:
        typer.echo(
            f"list benchmark: median {benchmark.median}, quartiles {benchmark.q1} to "
            f"{benchmark.q3}, MAD {benchmark.mad}, n = {benchmark.n}"
        )
    known = [step for step in told.panel if step.index is not None]
    if known:
        typer.echo(
            f"matched panel: {known[-1].index} on {known[-1].until}, from 100 on {told.panel_start}"
        )
    tell_excluded(told.excluded)


def tell_excluded(excluded: list[SeriesEntry]) -> None:
    """Name the series that nothing is compared with, and why."""
    if not excluded:
        return
    typer.echo(f"on record, but compared with nothing: {len(excluded)} series")
    for one in excluded:
        where = f"{one.provider} {one.gpu_as_quoted} {one.kind.value}"
        typer.echo(f"  {plain_text(where)}: {one.excluded_because}")


def _percent(fraction: str | None) -> str | None:
    return None if fraction is None else f"{Decimal(fraction) * 100:+.1f} %"


def _priced(digits: str | None) -> str | None:
    return None if digits is None else priced(Decimal(digits))


def _note(price: PriceEntry) -> str:
    if price.unknown_because:
        return f"UNKNOWN: {price.unknown_because}"
    return "carried forward" if price.stale else ""
