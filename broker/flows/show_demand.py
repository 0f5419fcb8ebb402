"""Shows demand: what was forecast and metered, what counts, and the replicas that would serve it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from broker.clock import Clock
from broker.errors import BadInputError
from broker.placement.demand_forecast import (
    FORECAST_QUANTILE,
    Forecast,
    MonthlyForecast,
    first_of_month,
    in_force,
)
from broker.placement.demand_rates import Counted, MeteredUse, SizedDemand
from broker.placement.demand_sizing import (
    METERED_FOR,
    DemandBasis,
    DemandChoice,
    PlannedDemand,
    ReplicaNeed,
    replicas_for,
)
from broker.placement.quantile import SIZING_QUANTILE
from broker.placement.snapshot import Model
from broker.store import demand
from broker.store.engine import Database

LONGEST_METERED_DAYS = 400
EARLIEST_YEAR, LATEST_YEAR = 2000, 2199


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandLine:
    """One demand; without a profile of its model or class nothing can serve it."""

    planned: PlannedDemand
    counted: Counted
    is_servable: bool
    replicas: tuple[ReplicaNeed, ...]  # of each configuration alone, fewest GPUs first


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandView:
    """All demand at an instant, as a plan would take it."""

    as_of: datetime
    choice: DemandChoice
    lines: tuple[DemandLine, ...]


def demand_choice(
    *,
    basis: DemandBasis = DemandBasis.HIGHER,
    forecast_quantile: float = FORECAST_QUANTILE,
    metered_quantile: float = SIZING_QUANTILE,
    days: int = METERED_FOR.days,
) -> DemandChoice:
    """Return what to plan for, or raise BadInputError for what cannot be."""
    if not 0 < forecast_quantile < 1:
        raise BadInputError("the quantile of a forecast is above 0 and below 1, such as 0.9")
    if not 0 <= metered_quantile <= 1:
        raise BadInputError("the quantile of metered use goes from 0 to 1, such as 0.99")
    if not 1 <= days <= LONGEST_METERED_DAYS:
        raise BadInputError(f"metered use counts for 1 to {LONGEST_METERED_DAYS} days")
    return DemandChoice(
        basis=basis,
        forecast_quantile=forecast_quantile,
        metered_quantile=metered_quantile,
        metered_for=timedelta(days=days),
    )


def planning_instant(clock: Clock, *, on: date | None) -> datetime:
    """Return the instant that demand is read at: now, or the last one of a day."""
    if on is not None and not EARLIEST_YEAR <= on.year <= LATEST_YEAR:
        raise BadInputError(f"a day lies between {EARLIEST_YEAR} and {LATEST_YEAR}")
    return clock() if on is None else datetime.combine(on, time.max, tzinfo=UTC)


def show_demand(database: Database, *, as_of: datetime, choice: DemandChoice) -> DemandView:
    """Return every demand with what counts of it, by model, class and node."""
    with database.reading() as session:
        models = {model.model: model for model in demand.models_of(session)}
        counted = demand.counted_of(session)
        planned = demand.planned_at(session, as_of, choice=choice)
    return DemandView(
        as_of=as_of,
        choice=choice,
        lines=tuple(
            _line(each, models.get(each.key.model), counted.get(each.key.model, Counted.OUTPUT))
            for each in planned
        ),
    )


def size_metered(
    database: Database, *, as_of: datetime, choice: DemandChoice
) -> tuple[SizedDemand, ...]:
    """Return metered use at a quantile beside its mean, by model, class and node."""
    with database.reading() as session:
        return demand.sized_at(session, as_of, choice=choice)


def list_forecasts(
    database: Database,
    *,
    first_month: date | None = None,
    last_month: date | None = None,
    all_versions: bool = False,
) -> tuple[Forecast, ...]:
    """Return forecasts by month; only those in force unless all versions are wished."""
    with database.reading() as session:
        found = demand.forecasts(
            session, first_month=_month(first_month), last_month=_month(last_month)
        )
    if all_versions:
        return tuple(found)
    return tuple(sorted(in_force(found), key=lambda each: (each.month, each.key)))


def monthly_forecast(
    database: Database, *, first_month: date | None = None, last_month: date | None = None
) -> tuple[MonthlyForecast, ...]:
    """Return the forecasts in force by month, workload class and model."""
    with database.reading() as session:
        return demand.forecast_by_month(
            session, first_month=_month(first_month), last_month=_month(last_month)
        )


def list_metered(database: Database, *, model: str | None, limit: int) -> list[MeteredUse]:
    """Return metered windows, the newest first."""
    with database.reading() as session:
        return demand.metered(session, models=None if model is None else {model}, limit=limit)


def _month(day: date | None) -> date | None:
    return None if day is None else first_of_month(day)


def _line(planned: PlannedDemand, model: Model | None, counted: Counted) -> DemandLine:
    replicas = () if model is None else replicas_for(planned, model)
    return DemandLine(
        planned=planned, counted=counted, is_servable=bool(replicas), replicas=replicas
    )
