"""Demand as it crosses the network. Stated rates are text, exact; computed ones are numbers.

Rates are tokens per second, of those tokens that the model counts.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from broker.api.wire.prices import Issue
from broker.errors import Fault
from broker.flows.sheet_import import SheetImport
from broker.flows.show_demand import DemandLine, DemandView
from broker.placement.demand_forecast import Forecast, MonthlyForecast
from broker.placement.demand_rates import Counted, MeteredUse, SizedDemand
from broker.placement.demand_sizing import DemandBasis, ReplicaNeed
from pricing.money import plain

Month = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}$", examples=["2026-11"])]
Rate = Annotated[float, Field(description="tokens per second")]

SHOWN_DECIMALS = 3


class DemandImport(BaseModel):
    """What an import found and added. With an error it added nothing."""

    file: str
    status: Literal["ok", "errors"]
    dry_run: bool
    recorded: int = Field(description="that were not on record yet")
    unchanged: int = Field(description="that were")
    issues: list[Issue]

    @classmethod
    def of(cls, report: SheetImport[Any]) -> DemandImport:
        """Return the report of a flow."""
        return cls(
            file=report.file,
            status="errors" if report.faults else "ok",
            dry_run=report.dry_run,
            recorded=len(report.recorded),
            unchanged=report.unchanged,
            issues=[_issue(fault) for fault in report.faults],
        )


class ForecastEntry(BaseModel):
    """One row of a forecast."""

    model: str
    class_name: str
    node: str
    month: Month
    workload_class: str
    p50_tokens_per_second: str
    p90_tokens_per_second: str
    version: int
    source: str

    @classmethod
    def of(cls, forecast: Forecast) -> ForecastEntry:
        """Return a forecast as it is shown."""
        return cls(
            model=forecast.model,
            class_name=forecast.class_name,
            node=forecast.node,
            month=f"{forecast.month:%Y-%m}",
            workload_class=forecast.workload_class,
            p50_tokens_per_second=plain(forecast.p50_tokens_per_second),
            p90_tokens_per_second=plain(forecast.p90_tokens_per_second),
            version=forecast.version,
            source=forecast.source,
        )


class MonthlyForecastEntry(BaseModel):
    """All demand of a workload class for a model in a month."""

    month: Month
    workload_class: str
    model: str
    p50_tokens_per_second: str
    p90_tokens_per_second: str

    @classmethod
    def of(cls, monthly: MonthlyForecast) -> MonthlyForecastEntry:
        """Return a month's demand as it is shown."""
        return cls(
            month=f"{monthly.month:%Y-%m}",
            workload_class=monthly.workload_class,
            model=monthly.model,
            p50_tokens_per_second=plain(monthly.p50_tokens_per_second),
            p90_tokens_per_second=plain(monthly.p90_tokens_per_second),
        )


class ForecastList(BaseModel):
    """Forecasts by month, and what the newest versions come to."""

    items: list[ForecastEntry]
    by_month: list[MonthlyForecastEntry]


class MeteredEntry(BaseModel):
    """Tokens of a model's class that came from a node in one window."""

    model: str
    class_name: str
    node: str
    started_at: datetime
    seconds: int
    input_tokens: int
    output_tokens: int

    @classmethod
    def of(cls, use: MeteredUse) -> MeteredEntry:
        """Return a window as it is shown."""
        return cls(
            model=use.model,
            class_name=use.class_name,
            node=use.node,
            started_at=use.started_at,
            seconds=use.seconds,
            input_tokens=use.input_tokens,
            output_tokens=use.output_tokens,
        )


class MeteredList(BaseModel):
    """Metered windows, the newest first."""

    items: list[MeteredEntry]


class SizedEntry(BaseModel):
    """Metered use of one demand, at a quantile beside its mean."""

    model: str
    class_name: str
    node: str
    counted: Counted
    quantile: float
    tokens_per_second: Rate
    mean_tokens_per_second: Rate
    peak_tokens_per_second: Rate
    peak_factor: float | None = Field(description="the quantile over the mean; null: no tokens")
    windows: int
    left_out: int = Field(description="windows next to empty, taken for not metered")
    first_at: datetime
    last_at: datetime

    @classmethod
    def of(cls, sized: SizedDemand) -> SizedEntry:
        """Return a sized demand as it is shown."""
        sizing = sized.sizing
        return cls(
            model=sized.key.model,
            class_name=sized.key.class_name,
            node=sized.key.node,
            counted=sized.counted,
            quantile=sizing.quantile,
            tokens_per_second=_shown(sizing.tokens_per_second),
            mean_tokens_per_second=_shown(sizing.mean_tokens_per_second),
            peak_tokens_per_second=_shown(sizing.peak_tokens_per_second),
            peak_factor=None if sizing.peak_factor is None else _shown(sizing.peak_factor),
            windows=sizing.windows,
            left_out=sized.left_out,
            first_at=sized.first_at,
            last_at=sized.last_at,
        )


class Sizing(BaseModel):
    """Metered use at a quantile, by model, class and node."""

    as_of: datetime
    days: int
    items: list[SizedEntry]


class ReplicaEntry(BaseModel):
    """Replicas of a configuration that would serve a demand alone, headroom included."""

    config: str
    gpu_model: str
    replicas: int
    gpus: int

    @classmethod
    def of(cls, need: ReplicaNeed) -> ReplicaEntry:
        """Return a need as it is shown."""
        return cls(
            config=need.config, gpu_model=need.gpu_model, replicas=need.replicas, gpus=need.gpus
        )


class DemandEntry(BaseModel):
    """One demand: what was forecast and metered, and what a plan takes of it."""

    model: str
    class_name: str
    node: str
    counted: Counted
    forecast_tokens_per_second: Rate | None
    metered_tokens_per_second: Rate | None
    tokens_per_second: Rate | None = Field(description="what counts; null: unknown by this basis")
    is_servable: bool = Field(description="false: no profile, or none that serves this class")
    replicas: list[ReplicaEntry]

    @classmethod
    def of(cls, line: DemandLine) -> DemandEntry:
        """Return a demand as it is shown."""
        planned = line.planned
        metered = planned.metered
        return cls(
            model=planned.key.model,
            class_name=planned.key.class_name,
            node=planned.key.node,
            counted=line.counted,
            forecast_tokens_per_second=_or_none(planned.forecast),
            metered_tokens_per_second=(
                None if metered is None else _shown(metered.sizing.tokens_per_second)
            ),
            tokens_per_second=_or_none(planned.tokens_per_second),
            is_servable=line.is_servable,
            replicas=[ReplicaEntry.of(need) for need in line.replicas],
        )


class DemandList(BaseModel):
    """All demand at an instant, as a plan would take it."""

    as_of: datetime
    basis: DemandBasis
    forecast_quantile: float
    metered_quantile: float
    metered_days: int
    items: list[DemandEntry]

    @classmethod
    def of(cls, view: DemandView) -> DemandList:
        """Return the demand as it is shown."""
        return cls(
            as_of=view.as_of,
            basis=view.choice.basis,
            forecast_quantile=view.choice.forecast_quantile,
            metered_quantile=view.choice.metered_quantile,
            metered_days=view.choice.metered_for.days,
            items=[DemandEntry.of(line) for line in view.lines],
        )


def _issue(fault: Fault) -> Issue:
    return Issue(
        line=fault.line,
        field=fault.field,
        severity="error",
        code=fault.code,
        message=fault.message,
    )


def _or_none(rate: float | None) -> float | None:
    return None if rate is None else _shown(rate)


def _shown(number: float) -> float:
    return round(number, SHOWN_DECIMALS)
