"""Demand: forecasts and metered use in, and what a plan would take of them out."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from broker.access.scope import Scope
from broker.api.uploads import CSV_BODY, CsvUpload
from broker.api.wire.demand import (
    DemandImport,
    DemandList,
    ForecastEntry,
    ForecastList,
    MeteredEntry,
    MeteredList,
    MonthlyForecastEntry,
    SizedEntry,
    Sizing,
)
from broker.api.wiring import Caller, WiringDep, requires
from broker.flows.import_demand import import_forecasts, import_metered
from broker.flows.show_demand import (
    LONGEST_METERED_DAYS,
    demand_choice,
    list_forecasts,
    list_metered,
    monthly_forecast,
    planning_instant,
    show_demand,
    size_metered,
)
from broker.placement.demand_forecast import FORECAST_QUANTILE
from broker.placement.demand_sizing import METERED_FOR, DemandBasis, DemandChoice
from broker.placement.quantile import SIZING_QUANTILE

router = APIRouter(prefix="/v1", tags=["demand"])

Reader = Annotated[Caller, requires(Scope.DEMAND_READ)]
Forecaster = Annotated[Caller, requires(Scope.DEMAND_WRITE)]
Meter = Annotated[Caller, requires(Scope.DEMAND_METER)]

AsOf = Annotated[date | None, Query(description="at the end of this day; default: now")]
Days = Annotated[
    int, Query(ge=1, le=LONGEST_METERED_DAYS, description="metered use counts for so long")
]
DryRun = Annotated[bool, Query(description="say what would happen, write nothing")]
Quantile = Annotated[float, Query(ge=0, le=1, description="of the rates over time")]
Month = Annotated[date | None, Query(description="any day of the month")]


def _choice(
    basis: DemandBasis = DemandBasis.HIGHER,
    forecast_quantile: Annotated[float, Query(gt=0, lt=1)] = FORECAST_QUANTILE,
    metered_quantile: Quantile = SIZING_QUANTILE,
    days: Days = METERED_FOR.days,
) -> DemandChoice:
    return demand_choice(
        basis=basis,
        forecast_quantile=forecast_quantile,
        metered_quantile=metered_quantile,
        days=days,
    )


Choice = Annotated[DemandChoice, Depends(_choice)]


@router.get("/demand")
def demand(wiring: WiringDep, _: Reader, choice: Choice, as_of: AsOf = None) -> DemandList:
    """List what is asked of each model, forecast beside metered, and the replicas it would take."""
    at = planning_instant(wiring.clock, on=as_of or wiring.settings.as_of)
    return DemandList.of(show_demand(wiring.database, as_of=at, choice=choice))


@router.get("/demand/sizing")
def sizing(
    wiring: WiringDep,
    _: Reader,
    quantile: Quantile = SIZING_QUANTILE,
    days: Days = METERED_FOR.days,
    as_of: AsOf = None,
) -> Sizing:
    """List metered use at a quantile beside its mean, and the factor between them."""
    at = planning_instant(wiring.clock, on=as_of or wiring.settings.as_of)
    choice = demand_choice(metered_quantile=quantile, days=days)
    found = size_metered(wiring.database, as_of=at, choice=choice)
    return Sizing(as_of=at, days=days, items=[SizedEntry.of(one) for one in found])


@router.get("/demand-forecasts")
def forecasts(
    wiring: WiringDep,
    _: Reader,
    first_month: Month = None,
    last_month: Month = None,
    all_versions: Annotated[bool, Query(description="also those that were replaced")] = False,
) -> ForecastList:
    """List forecasts by month, and their sums by month, workload class and model."""
    listed = list_forecasts(
        wiring.database,
        first_month=first_month,
        last_month=last_month,
        all_versions=all_versions,
    )
    sums = monthly_forecast(wiring.database, first_month=first_month, last_month=last_month)
    return ForecastList(
        items=[ForecastEntry.of(each) for each in listed],
        by_month=[MonthlyForecastEntry.of(each) for each in sums],
    )


@router.post("/demand-forecasts", openapi_extra=CSV_BODY)
def add_forecasts(
    wiring: WiringDep, caller: Forecaster, upload: CsvUpload, dry_run: DryRun = False
) -> DemandImport:
    """Import a sheet of forecasts: all of it, or nothing and every fault at once."""
    return DemandImport.of(
        import_forecasts(
            wiring.database,
            upload.content,
            file=upload.file,
            actor=caller.actor,
            clock=wiring.clock,
            dry_run=dry_run,
        )
    )


@router.get("/demand-samples")
def samples(
    wiring: WiringDep,
    _: Reader,
    model: Annotated[
        str | None, Query(max_length=120, pattern=r"^[^\x00-\x1f]*$", description="one model only")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=2000)] = 200,
) -> MeteredList:
    """List metered windows, the newest first."""
    found = list_metered(wiring.database, model=model, limit=limit)
    return MeteredList(items=[MeteredEntry.of(each) for each in found])


@router.post("/demand-samples", openapi_extra=CSV_BODY)
def add_samples(
    wiring: WiringDep, caller: Meter, upload: CsvUpload, dry_run: DryRun = False
) -> DemandImport:
    """Import a sheet of metered use: all of it, or nothing and every fault at once."""
    return DemandImport.of(
        import_metered(
            wiring.database,
            upload.content,
            file=upload.file,
            actor=caller.actor,
            clock=wiring.clock,
            dry_run=dry_run,
        )
    )
