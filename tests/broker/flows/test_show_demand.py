"""Demand as it is shown: what counts, and what would serve it."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from broker.errors import BadInputError
from broker.flows.demo_demand import load_demo_demand
from broker.flows.show_demand import (
    demand_choice,
    planning_instant,
    show_demand,
    size_metered,
)
from broker.store.engine import Database
from tests.broker.demand_sheets import (
    FORECAST,
    METERED,
    NOW,
    clock,
    load_forecasts,
    load_metered,
    load_model,
)

FIXTURES = Path(__file__).parents[3] / "fixtures"


def test_demand_stands_beside_the_replicas_it_would_take(database: Database) -> None:
    load_forecasts(database, FORECAST)
    load_metered(database, METERED)
    load_model(database)

    (line,) = show_demand(database, as_of=NOW, choice=demand_choice()).lines

    assert line.is_servable
    assert line.planned.tokens_per_second == 50000.5
    assert line.planned.metered is not None
    assert line.planned.metered.sizing.tokens_per_second == 1.0
    # 50,000.5 tokens/s and a tenth more, at 4,418 for each replica of two GPUs
    assert [(need.replicas, need.gpus) for need in line.replicas] == [(13, 26)]


def test_demand_for_a_model_without_a_profile_is_shown_and_not_servable(
    database: Database,
) -> None:
    load_forecasts(database, FORECAST)

    (line,) = show_demand(database, as_of=NOW, choice=demand_choice()).lines

    assert (line.is_servable, line.replicas) == (False, ())


@pytest.mark.parametrize(
    "wish",
    [
        {"forecast_quantile": 1.0},
        {"metered_quantile": 1.5},
        {"metered_quantile": float("nan")},
        {"days": 0},
        {"days": 10**9},
    ],
)
def test_what_cannot_be_planned_for_is_refused(wish: dict[str, float]) -> None:
    with pytest.raises(BadInputError):
        demand_choice(**wish)  # type: ignore[arg-type]


def test_a_day_is_read_at_its_end_and_no_day_is_now() -> None:
    assert planning_instant(clock, on=None) == NOW
    assert planning_instant(clock, on=date(2026, 5, 31)) == datetime(
        2026, 5, 31, 23, 59, 59, 999_999, tzinfo=UTC
    )
    with pytest.raises(BadInputError, match="2000"):
        planning_instant(clock, on=date(1, 1, 1))


def test_the_demo_asks_for_more_in_europe_than_was_forecast(sqlite: Database) -> None:
    told: list[str] = []
    load_demo_demand(sqlite, FIXTURES, clock=clock, tell=told.append)

    as_of = planning_instant(clock, on=date(2026, 5, 15))
    lines = show_demand(sqlite, as_of=as_of, choice=demand_choice()).lines

    above = [
        (line.planned.key.model, line.planned.key.node)
        for line in lines
        if line.planned.metered is not None
        and line.planned.forecast is not None
        and line.planned.metered.sizing.tokens_per_second > line.planned.forecast
    ]
    assert above == [("chat-70b", "eu")]
    assert all(line.is_servable for line in lines)
    assert {line.planned.key.node for line in lines} == {"us", "eu", "world"}
    assert told[0] == "models.json: 4 models"
    for sized in size_metered(sqlite, as_of=as_of, choice=demand_choice()):
        assert sized.sizing.peak_factor is not None
        assert 1.4 < sized.sizing.peak_factor < 2.6


def test_a_folder_without_demand_says_what_is_missing(sqlite: Database, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"models\.json"):
        load_demo_demand(sqlite, tmp_path, clock=clock, tell=print)
