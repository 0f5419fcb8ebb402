"""`tonnage prices poll`: ask the suppliers now, all at once, and watch them answer."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from broker.cli.console import FOUND_WRONG, actor, opened, print_json, print_table, read_settings
from broker.clock import today, utc_now
from broker.flows.evaluate_alerts import EvaluationReport, evaluate_alerts
from broker.flows.ingest_reading import PollReport
from broker.flows.poll_prices import OnProgress, PollProgress, PollStep, poll_suppliers
from broker.flows.show_providers import require_known
from broker.notify.channels import channels_set
from broker.settings import Settings
from broker.store.engine import Database
from providers import registry
from providers.access import of_process
from providers.reading import ReadingState
from providers.supplier import Ask

GOOD = frozenset({ReadingState.OK, ReadingState.NOT_CONFIGURED})
_MARKS = {PollStep.OK: "green", PollStep.ASKING: "cyan", PollStep.NOT_CONFIGURED: "dim"}


def poll(
    supplier: Annotated[list[str] | None, typer.Option(help="Only this one; may repeat.")] = None,
    accept_jump: Annotated[
        bool,
        typer.Option("--accept-jump", help="Take in prices that moved by the factor of a unit."),
    ] = False,
    evaluate: Annotated[
        bool, typer.Option("--evaluate/--no-evaluate", help="Evaluate alert rules afterwards.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
) -> None:
    """Ask suppliers for prices, stock and what we own; exit 1 when one could not be read whole."""
    keys = supplier or list(registry.SUPPLIERS)
    for key in keys:
        require_known(key)
    settings = read_settings()
    with opened(settings) as database, _watching() as on_progress:
        reports = poll_suppliers(
            database,
            [registry.supplier(key) for key in dict.fromkeys(keys)],
            Ask(),
            lambda _key: of_process(),
            actor=actor(),
            clock=utc_now,
            on_progress=on_progress,
            accept_jump=accept_jump,
        )
        told = _evaluated(database, settings) if evaluate else None
    if as_json:
        print_json({"polls": [_as_json(each) for each in reports]})
    else:
        _print(reports)
        if told is not None and told.told:
            typer.echo(f"{len(told.told)} new alerts: tonnage alerts list", err=True)
    if any(report.state not in GOOD for report in reports):
        raise typer.Exit(FOUND_WRONG)


@contextmanager
def _watching() -> Iterator[OnProgress]:
    """Show every supplier's step while it is asked, where somebody watches."""
    console = Console(stderr=True, highlight=False)
    if not sys.stderr.isatty():
        yield lambda _news: None
        return
    steps: dict[str, PollProgress] = {}
    with Live(console=console, refresh_per_second=8, transient=True) as live:

        def show(news: PollProgress) -> None:
            steps[news.supplier] = news
            live.update(_board(steps))

        yield show


def _board(steps: dict[str, PollProgress]) -> Table:
    table = Table.grid(padding=(0, 2))
    for news in steps.values():
        seconds = f"{news.seconds:.1f} s" if news.step is not PollStep.ASKING else ""
        table.add_row(
            news.supplier,
            f"[{_MARKS.get(news.step, 'red')}]{news.step.value}[/]",
            f"{news.offers} offers" if news.offers else "",
            seconds,
        )
    return table


def _evaluated(database: Database, settings: Settings) -> EvaluationReport:
    return evaluate_alerts(
        database,
        as_of=settings.as_of or today(),
        channels=channels_set(settings),
        actor=actor(),
        clock=utc_now,
    )


def _print(reports: list[PollReport]) -> None:
    print_table(
        ("supplier", "state", "offers", "changes", "prices", "left out", "remark"),
        [
            (
                report.supplier,
                report.state.value,
                report.offers or None,
                report.changes or None,
                report.prices or None,
                report.skips or None,
                _remark(report),
            )
            for report in reports
        ],
        numeric=("offers", "changes", "prices", "left out"),
    )


def _remark(report: PollReport) -> str | None:
    if report.missing:
        return f"set {', '.join(report.missing)}"
    if report.message:
        return report.message
    return "; ".join(report.warnings) or None


def _as_json(report: PollReport) -> dict[str, object]:
    return {
        "supplier": report.supplier,
        "state": report.state.value,
        "poll_id": report.poll_id,
        "started_at": report.started_at.isoformat(),
        "finished_at": report.finished_at.isoformat(),
        "offers": report.offers,
        "changes": report.changes,
        "new": report.new,
        "gone": report.gone,
        "skips": report.skips,
        "prices": report.prices,
        "failed_places": list(report.failed_places),
        "missing": list(report.missing),
        "warnings": list(report.warnings),
        "error_kind": report.kind.value if report.kind else None,
        "error": report.message,
    }
