"""Forecasts: the newest version counts, and what lies between the stated rates."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.placement.demand_forecast import (
    Forecast,
    by_month,
    forecast_rates,
    in_force,
    rate_at,
)
from broker.placement.demand_rates import DemandKey

MAY, JUNE = date(2026, 5, 1), date(2026, 6, 1)
rates = st.decimals(min_value=0, max_value=10**9, places=3)
shares = st.floats(min_value=0.001, max_value=0.999)


def a_forecast(
    p50: str = "100",
    p90: str = "150",
    *,
    month: date = MAY,
    workload: str = "chat",
    version: int = 1,
    node: str = "us",
) -> Forecast:
    return Forecast(
        model="chat-70b",
        class_name="chat",
        node=node,
        month=month,
        workload_class=workload,
        p50_tokens_per_second=Decimal(p50),
        p90_tokens_per_second=Decimal(p90),
        version=version,
        source="planning",
    )


def test_a_newer_version_replaces_the_older_one_and_no_other() -> None:
    old, new = a_forecast(version=1), a_forecast("80", "90", version=2)
    other = a_forecast(month=JUNE)

    assert in_force([new, old, other]) == (new, other)


def test_demand_is_taken_back_by_a_newer_version_that_says_zero() -> None:
    stated = in_force([a_forecast(), a_forecast("0", "0", version=2)])

    assert forecast_rates(stated, month=MAY) == {DemandKey("chat-70b", "chat", "us"): 0}


def test_workload_classes_of_one_demand_add_up() -> None:
    stated = [a_forecast(), a_forecast("10", "30", workload="agents"), a_forecast(month=JUNE)]

    assert forecast_rates(stated, month=MAY, quantile=0.9) == {
        DemandKey("chat-70b", "chat", "us"): 180
    }


def test_a_months_demand_is_summed_by_workload_class() -> None:
    stated = [a_forecast(), a_forecast("10", "30", node="eu"), a_forecast(workload="agents")]

    agents, chat = by_month(stated)

    assert (agents.workload_class, chat.workload_class) == ("agents", "chat")
    assert (chat.p50_tokens_per_second, chat.p90_tokens_per_second) == (Decimal(110), Decimal(180))


@given(low=rates, more=rates, one=shares, other=shares)
def test_who_wants_to_be_surer_plans_for_no_less(
    low: Decimal, more: Decimal, one: float, other: float
) -> None:
    one, other = sorted((one, other))

    assert rate_at(low, low + more, quantile=one) <= rate_at(low, low + more, quantile=other)


@given(low=rates, more=rates)
def test_the_stated_rates_come_back_exactly(low: Decimal, more: Decimal) -> None:
    forecast = replace(a_forecast(), p50_tokens_per_second=low, p90_tokens_per_second=low + more)

    assert (forecast.at(0.5), forecast.at(0.9)) == (float(low), float(low + more))


def test_the_p99_lies_as_far_beyond_the_p90_as_the_normal_distribution_says() -> None:
    # z(0.99) / z(0.9) = 2.3263 / 1.2816
    assert rate_at(Decimal(100), Decimal(150), quantile=0.99) == pytest.approx(208.77, abs=0.01)


@pytest.mark.parametrize("share", [0, 1, -1, 2])
def test_nobody_can_be_wholly_sure_of_a_forecast(share: float) -> None:
    with pytest.raises(ValueError, match="below 1"):
        a_forecast().at(share)
