"""The demand of a procurement plan made from the books.

Forecasts are in tokens per second; a B200-equivalent serves of a model what its best profiled
configuration serves, per B200's worth of GPUs, or what is stated as tokens_per_gpu_second of B200.
The scenarios are the P10, P50 and P90 of the forecasts, weighted 0.3, 0.4 and 0.3: Swanson's rule,
which keeps the mean of the usual distributions. All models and classes move together, which errs
on the careful side. Where nobody has forecast anything, demand stays what the GPUs in service are
worth today.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Final

from sqlmodel import Session

from broker.flows.procurement_books import REFERENCE, InputMaker
from broker.flows.procurement_notes import ANYWHERE, PlanningBooks
from broker.placement.demand_forecast import MonthlyForecast, rate_at
from broker.placement.snapshot import Model
from broker.procurement.procurement_input import DemandSeries, Scenario
from broker.renewals.assumptions import AssumptionName, Scope, ScopeKind
from broker.store.demand import forecast_by_month, models_of

ALL_WORK: Final = "all"
"""The one class of work where demand is not forecast by class."""

QUANTILES: Final[Mapping[str, tuple[float, float]]] = {
    "P10": (0.1, 0.3),
    "P50": (0.5, 0.4),
    "P90": (0.9, 0.3),
}
"""Which quantile of the forecasts each scenario is, and how likely it is taken to be."""


def demand_scenarios(
    session: Session, read: PlanningBooks, maker: InputMaker
) -> tuple[tuple[Scenario, ...], tuple[str, ...]]:
    """Return the scenarios of demand, and what they assume."""
    last = read.horizon.start_of(read.months - 1)
    found = forecast_by_month(session, first_month=read.horizon.first_day, last_month=last)
    speeds = _Speeds(models_of(session), read, maker)
    usable = [each for each in found if speeds.of(each.model) > 0]
    left_out = tuple(_left_out(each.model for each in found if each not in usable))
    scenarios, assumed = _forecast(usable, read, speeds) if usable else _as_today(read, maker)
    return scenarios, (*assumed, *left_out)


def _left_out(models: Iterable[str]) -> Iterator[str]:
    for model in sorted(set(models)):
        yield (
            f"{model} needs nothing: it has a forecast, but no profile on GPUs that have a factor; "
            f"tonnage assumptions set tokens_per_gpu_second 3000 --scope gpu:{REFERENCE} "
            "--source TEXT"
        )


class _Speeds:
    """How many tokens per second of each model a B200-equivalent serves; 0 where nobody says."""

    def __init__(self, models: Iterable[Model], read: PlanningBooks, maker: InputMaker) -> None:
        self._by_model = {each.model: _best_speed(each, read.as_of, maker) for each in models}
        scope = Scope(kind=ScopeKind.GPU, key=REFERENCE)
        stated = read.books.assumptions.latest(
            AssumptionName.TOKENS_PER_GPU_SECOND, scope, on=read.as_of
        )
        self._stated = 0.0 if stated is None else float(stated.number)

    def of(self, model: str) -> float:
        """Return the speed of a model."""
        return self._by_model.get(model) or self._stated

    def is_profiled(self, model: str) -> bool:
        """Say whether the speed is that of the model's own profile."""
        return bool(self._by_model.get(model))


def _best_speed(model: Model, day: date, maker: InputMaker) -> float:
    speeds = []
    for config in model.configs:
        worth = config.gpus * float(maker.factor_on(config.gpu_model, day))
        if worth > 0 and config.tokens_per_second:
            mean = sum(config.tokens_per_second.values()) / len(config.tokens_per_second)
            speeds.append(mean / worth)
    return max(speeds, default=0.0)


def _forecast(
    found: list[MonthlyForecast], read: PlanningBooks, speeds: _Speeds
) -> tuple[tuple[Scenario, ...], tuple[str, ...]]:
    classes = sorted({each.workload_class for each in found})
    first = min(each.month for each in found)
    last = max(each.month for each in found)
    scenarios = tuple(
        Scenario(
            scenario=name,
            probability=probability,
            demand=tuple(_series(each, found, read, speeds, quantile=quantile) for each in classes),
        )
        for name, (quantile, probability) in QUANTILES.items()
    )
    assumed = ["all forecasts move together: P10, P50 and P90 of all, weighted 0.3, 0.4 and 0.3"]
    if last < read.horizon.start_of(read.months - 1):
        assumed.append(f"after {last:%Y-%m}, the last month forecast, demand stays as it is then")
    if first > read.horizon.first_day:
        assumed.append(f"before {first:%Y-%m}, the first month forecast, demand is as it is then")
    strangers = sorted({each.model for each in found if not speeds.is_profiled(each.model)})
    if strangers:
        assumed.append(
            f"{', '.join(strangers)} run at the stated tokens_per_gpu_second of a {REFERENCE}: "
            "they have no profile on the GPUs that have a factor"
        )
    return scenarios, tuple(assumed)


def _series(
    workload_class: str,
    found: Iterable[MonthlyForecast],
    read: PlanningBooks,
    speeds: _Speeds,
    *,
    quantile: float,
) -> DemandSeries:
    """Return the demand of a class; months without a forecast are as the nearest one with one."""
    known: dict[int, float] = defaultdict(float)
    for each in found:
        if each.workload_class == workload_class:
            rate = rate_at(
                each.p50_tokens_per_second, each.p90_tokens_per_second, quantile=quantile
            )
            known[read.horizon.month_of(each.month)] += rate / speeds.of(each.model)
    return DemandSeries(
        class_name=workload_class,
        geo=ANYWHERE,
        b200_equivalents=tuple(
            known[min(known, key=lambda one: (abs(one - month), one))]
            for month in range(read.months)
        ),
    )


def _as_today(
    read: PlanningBooks, maker: InputMaker
) -> tuple[tuple[Scenario, ...], tuple[str, ...]]:
    today = sum(
        float(each.gpus * maker.factor_on(each.gpu_model, read.as_of))
        for each in maker.held()
        if each.start_on is None
    )
    series = DemandSeries(
        class_name=ALL_WORK, geo=ANYWHERE, b200_equivalents=(today,) * read.months
    )
    scenario = Scenario(scenario="as today", probability=1.0, demand=(series,))
    assumed = (
        f"demand stays what the GPUs in service do today, {today:,.0f} B200-equivalents: nobody "
        "has forecast any that can be counted; tonnage demand import FILE",
    )
    return (scenario,), assumed
