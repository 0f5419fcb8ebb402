"""`tonnage demand`: forecasts and metered use, what they come to, and the models that serve it."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from broker.api.wire.demand import (
    DemandImport,
    DemandList,
    ForecastEntry,
    ForecastList,
    MonthlyForecastEntry,
    SizedEntry,
    Sizing,
)
from broker.cli.console import FOUND_WRONG, actor, opened, print_json, print_table, read_settings
from broker.cli.demand_report import tell_demand, tell_sizing
from broker.cli.models import app as models_app
from broker.cli.sheet_report import report_import
from broker.clock import utc_now
from broker.errors import BadInputError
from broker.flows.import_demand import (
    DemandKind,
    import_forecasts,
    import_metered,
    import_trace,
    kind_of,
)
from broker.flows.sheet_import import SheetImport
from broker.flows.show_demand import (
    demand_choice,
    list_forecasts,
    monthly_forecast,
    planning_instant,
    show_demand,
    size_metered,
)
from broker.placement.demand_cells import instant
from broker.placement.demand_forecast import FORECAST_QUANTILE
from broker.placement.demand_sizing import METERED_FOR, DemandBasis
from broker.placement.model_reading import DEFAULT_CLASS
from broker.placement.quantile import SIZING_QUANTILE
from broker.placement.trace_sheet import TraceFormat, TraceOrigin

app = typer.Typer(no_args_is_help=True, help="What is asked of the models that are served.")
app.add_typer(models_app, name="models")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen, write nothing.")]
AsOf = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="At the end of this day instead of now."),
]
Month = ["%Y-%m"]
Days = Annotated[int, typer.Option(min=1, help="Metered use counts for so many days.")]


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The CSV sheet.")],
    kind: Annotated[
        DemandKind | None, typer.Option(help="What the sheet holds; unset: by its header.")
    ] = None,
    trace: Annotated[
        TraceFormat | None, typer.Option("--format", help="A public trace, as metered use.")
    ] = None,
    node: Annotated[str | None, typer.Option(help="Where the trace's requests came from.")] = None,
    class_name: Annotated[
        str, typer.Option("--class", help="The class of the trace's requests.")
    ] = DEFAULT_CLASS,
    started_at: Annotated[
        str | None, typer.Option(help="Second zero of a servegen trace: 2026-05-01T00:00:00Z.")
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import forecasts or metered use: all of a sheet, or nothing and every fault at once."""
    content = file.read_bytes()
    common: dict[str, Any] = {
        "file": file.name,
        "actor": actor(),
        "clock": utc_now,
        "dry_run": dry_run,
    }
    report: SheetImport[Any]
    if trace is not None:
        origin = _origin(trace, node=node, class_name=class_name, started_at=started_at)
        with opened() as database:
            report = import_trace(database, content, trace, origin, **common)
        _tell_import(report, what="metered windows", as_json=as_json)
    elif (kind or kind_of(content)) is DemandKind.METERED:
        with opened() as database:
            report = import_metered(database, content, **common)
        _tell_import(report, what="metered windows", as_json=as_json)
    else:
        with opened() as database:
            report = import_forecasts(database, content, **common)
        _tell_import(report, what="forecasts", as_json=as_json)


@app.command()
def show(
    as_of: AsOf = None,
    basis: Annotated[DemandBasis, typer.Option(help="What counts.")] = DemandBasis.HIGHER,
    forecast_quantile: Annotated[
        float, typer.Option(help="How sure to be of the forecast.")
    ] = FORECAST_QUANTILE,
    metered_quantile: Annotated[
        float, typer.Option(help="For which share of the time it is enough.")
    ] = SIZING_QUANTILE,
    days: Days = METERED_FOR.days,
    as_json: AsJson = False,
) -> None:
    """Show what is asked of each model, forecast beside metered, and the replicas it would take."""
    choice = demand_choice(
        basis=basis,
        forecast_quantile=forecast_quantile,
        metered_quantile=metered_quantile,
        days=days,
    )
    with opened() as database:
        view = show_demand(database, as_of=_instant(as_of), choice=choice)
    told = DemandList.of(view)
    if as_json:
        print_json(told.model_dump(mode="json"))
        return
    tell_demand(told)


@app.command()
def sizing(
    quantile: Annotated[
        float, typer.Option(help="For which share of the time it is enough.")
    ] = SIZING_QUANTILE,
    days: Days = METERED_FOR.days,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show metered use at a quantile beside its mean, and the factor between them."""
    at = _instant(as_of)
    choice = demand_choice(metered_quantile=quantile, days=days)
    with opened() as database:
        found = size_metered(database, as_of=at, choice=choice)
    told = Sizing(as_of=at, days=days, items=[SizedEntry.of(one) for one in found])
    if as_json:
        print_json(told.model_dump(mode="json"))
        return
    tell_sizing(told)


@app.command()
def forecasts(
    first: Annotated[
        datetime | None, typer.Option("--from", formats=Month, help="The first month.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=Month, help="The last month, included.")
    ] = None,
    all_versions: Annotated[
        bool, typer.Option("--all", help="Also those that were replaced.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List forecasts by month; with --json also their sums by workload class."""
    months = {"first_month": _day(first), "last_month": _day(last)}
    with opened() as database:
        listed = list_forecasts(database, **months, all_versions=all_versions)
        sums = monthly_forecast(database, **months)
    items = [ForecastEntry.of(each) for each in listed]
    if as_json:
        by_month = [MonthlyForecastEntry.of(each) for each in sums]
        print_json(ForecastList(items=items, by_month=by_month).model_dump(mode="json"))
        return
    print_table(
        ("month", "workload", "model", "class", "node", "P50 tok/s", "P90 tok/s", "v", "source"),
        [
            (
                one.month,
                one.workload_class,
                one.model,
                one.class_name,
                one.node,
                one.p50_tokens_per_second,
                one.p90_tokens_per_second,
                one.version,
                one.source,
            )
            for one in items
        ],
        numeric=("P50 tok/s", "P90 tok/s", "v"),
    )


def _origin(
    trace: TraceFormat, *, node: str | None, class_name: str, started_at: str | None
) -> TraceOrigin:
    if node is None:
        raise BadInputError("a trace does not say where its requests came from; name it: --node")
    if started_at is None and trace is TraceFormat.SERVEGEN:
        raise BadInputError(
            "a servegen trace counts seconds from a start that it does not tell; name it: "
            "--started-at 2026-05-01T00:00:00Z"
        )
    return TraceOrigin(
        node=node,
        class_name=class_name,
        started_at=utc_now() if started_at is None else _told_instant(started_at),
    )


def _told_instant(text: str) -> datetime:
    try:
        return instant(text)
    except ValueError as refusal:
        raise BadInputError(f"--started-at: {refusal}") from refusal


def _tell_import(report: SheetImport[Any], *, what: str, as_json: bool) -> None:
    if not as_json:
        report_import(report, what=what, as_json=False)
    print_json(DemandImport.of(report).model_dump(mode="json"))
    if report.faults:
        raise typer.Exit(FOUND_WRONG)


def _instant(day: datetime | None) -> datetime:
    on = read_settings().as_of if day is None else day.date()
    return planning_instant(utc_now, on=on)


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()
