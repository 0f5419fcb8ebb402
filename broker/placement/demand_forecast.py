"""Forecasts of demand: what has to be served in a month, as likely as not (P50) and at most (P90).

Rates are tokens per second to have capacity for, not averages over the month: whoever forecasts
averages multiplies by the peak factor first. A newer version of a forecast replaces the older one
of the same model, class, node, month and workload class; what a newer version does not name stays
as it was, and is taken back by naming it with zero.

Between and beyond the two stated points the rate is taken to be log-normal:
rate(q) = P50 x (P90 / P50) ^ (z(q) / z(0.9)), z being the quantile of the normal distribution.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from statistics import NormalDist
from typing import Final, NamedTuple

from broker.placement.demand_rates import DemandKey

FORECAST_QUANTILE: Final = 0.9
"""What is planned for unless somebody wishes otherwise: the P90."""

_MEDIAN: Final = 0.5
_STATED_HIGH: Final = 0.9
_Z_HIGH: Final = NormalDist().inv_cdf(_STATED_HIGH)


class ForecastKey(NamedTuple):
    """What a forecast is about, whichever version."""

    model: str
    class_name: str
    node: str
    month: date
    workload_class: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """One row of a forecast; `month` is its first day, rates are in tokens per second."""

    model: str
    class_name: str
    node: str
    month: date
    workload_class: str
    p50_tokens_per_second: Decimal
    p90_tokens_per_second: Decimal
    version: int
    source: str

    @property
    def key(self) -> ForecastKey:
        """Return what it is about, whichever version."""
        return ForecastKey(self.model, self.class_name, self.node, self.month, self.workload_class)

    @property
    def demand_key(self) -> DemandKey:
        """Return which demand it adds to."""
        return DemandKey(self.model, self.class_name, self.node)

    def at(self, quantile: float) -> float:
        """Return the rate at a quantile above 0 and below 1, or raise ValueError."""
        return rate_at(self.p50_tokens_per_second, self.p90_tokens_per_second, quantile=quantile)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyForecast:
    """All demand of a workload class for a model in a month, over its classes and nodes.

    The P90 is the sum of P90s: no less than that of the sum, so it errs on the safe side.
    """

    month: date
    workload_class: str
    model: str
    p50_tokens_per_second: Decimal
    p90_tokens_per_second: Decimal


def rate_at(p50: Decimal, p90: Decimal, *, quantile: float) -> float:
    """Return the rate at a quantile, exactly as stated at 0.5 and 0.9.

    Where the P50 is zero there is no log-normal: nothing up to the median, the P90 above it.
    """
    if not 0 < quantile < 1:
        raise ValueError("the quantile of a forecast is above 0 and below 1, such as 0.9")
    if quantile == _MEDIAN or p50 == p90:
        return float(p50)
    if quantile == _STATED_HIGH:
        return float(p90)
    if p50 == 0:
        return 0.0 if quantile < _MEDIAN else float(p90)
    return float(p50) * math.pow(p90 / p50, NormalDist().inv_cdf(quantile) / _Z_HIGH)


def in_force(forecasts: Iterable[Forecast]) -> tuple[Forecast, ...]:
    """Return the newest version of each, by what they are about."""
    newest: dict[ForecastKey, Forecast] = {}
    for each in forecasts:
        held = newest.get(each.key)
        if held is None or held.version < each.version:
            newest[each.key] = each
    return tuple(newest[key] for key in sorted(newest))


def forecast_rates(
    forecasts: Iterable[Forecast], *, month: date, quantile: float = FORECAST_QUANTILE
) -> dict[DemandKey, float]:
    """Return the rate of each demand in a month, over its workload classes.

    `forecasts` are those in force. What is forecast as nothing is in it as zero.
    """
    rates: dict[DemandKey, float] = defaultdict(float)
    for each in forecasts:
        if each.month == month:
            rates[each.demand_key] += each.at(quantile)
    return dict(rates)


def by_month(forecasts: Iterable[Forecast]) -> tuple[MonthlyForecast, ...]:
    """Return the forecasts in force by month, workload class and model."""
    sums: dict[tuple[date, str, str], tuple[Decimal, Decimal]] = {}
    for each in forecasts:
        place = (each.month, each.workload_class, each.model)
        low, high = sums.get(place, (Decimal(0), Decimal(0)))
        sums[place] = (low + each.p50_tokens_per_second, high + each.p90_tokens_per_second)
    return tuple(
        MonthlyForecast(
            month=month,
            workload_class=workload_class,
            model=model,
            p50_tokens_per_second=low,
            p90_tokens_per_second=high,
        )
        for (month, workload_class, model), (low, high) in sorted(sums.items())
    )


def first_of_month(day: date) -> date:
    """Return the first day of a day's month, by which months are named here."""
    return day.replace(day=1)
