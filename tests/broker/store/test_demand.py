"""Demand as the store tells it: what plans, and procurement, are made from."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from broker.errors import RefusedError
from broker.placement.demand_forecast import MonthlyForecast
from broker.placement.demand_sizing import DemandBasis, DemandChoice
from broker.placement.snapshot import Demand
from broker.store.demand import demand_at, forecast_by_month, metered, models_of
from broker.store.engine import Database
from broker.store.tables import ModelProfileRow
from tests.broker.demand_sheets import (
    FORECAST,
    METERED,
    NOW,
    load_forecasts,
    load_metered,
    load_model,
)


def asked(rate: float, *, node: str = "us") -> Demand:
    return Demand(model="chat-70b", class_name="chat", node=node, tokens_per_second=rate)


def test_a_plan_takes_the_p90_of_the_month_it_is_made_in(database: Database) -> None:
    load_forecasts(database, FORECAST, FORECAST.replace("2026-05", "2026-06"))

    with database.reading() as session:
        assert demand_at(session, NOW) == (asked(50000.5),)
        assert demand_at(session, NOW + timedelta(days=90)) == ()


def test_a_newer_version_supersedes_and_the_older_one_stays_on_record(database: Database) -> None:
    load_forecasts(database, FORECAST)
    load_forecasts(database, FORECAST.replace("50000.5,1", "60000,2"))
    load_forecasts(database, FORECAST.replace("us,2026-05", "eu,2026-05"))

    with database.reading() as session:
        assert demand_at(session, NOW) == (asked(50000.5, node="eu"), asked(60000))


def test_demand_that_was_taken_back_is_not_planned_for(database: Database) -> None:
    load_forecasts(database, FORECAST)
    load_forecasts(database, FORECAST.replace("40000,50000.5,1", "0,0,2"))

    with database.reading() as session:
        assert demand_at(session, NOW) == ()


def test_metered_use_counts_where_it_is_higher_and_only_for_its_days(database: Database) -> None:
    load_forecasts(database, FORECAST)
    load_metered(database, METERED.replace("6000,600", "1,60000000"))
    only = DemandChoice(basis=DemandBasis.METERED)
    briefly = DemandChoice(metered_for=timedelta(hours=1))

    with database.reading() as session:
        assert demand_at(session, NOW) == (asked(100_000),)
        assert demand_at(session, NOW, choice=only) == (asked(100_000),)
        assert demand_at(session, NOW, choice=briefly) == (asked(50000.5),)
        assert demand_at(session, datetime(2026, 5, 13, tzinfo=UTC), choice=only) == ()


def test_the_tokens_that_count_are_those_the_model_counts(database: Database) -> None:
    load_metered(database, METERED)
    load_model(database, counted="total")

    with database.reading() as session:
        assert demand_at(session, NOW) == (asked(11),)


def test_models_are_what_their_newest_profiles_say(database: Database) -> None:
    load_model(database)
    load_model(database, priority=100)

    with database.reading() as session:
        (model,) = models_of(session)

    assert (model.model, model.priority) == ("chat-70b", 100)
    assert model.configs[0].tokens_per_second == {"chat": 4418.0}


def test_a_profile_that_no_longer_holds_says_so(sqlite: Database) -> None:
    with sqlite.writing() as session:
        session.add(
            ModelProfileRow(
                model="m", revision=1, document="{}", file="f", actor="a", recorded_at=NOW
            )
        )

    with sqlite.reading() as session, pytest.raises(RefusedError, match="import it again"):
        models_of(session)


def test_procurement_sees_each_month_by_workload_class(database: Database) -> None:
    load_forecasts(
        database,
        FORECAST,
        FORECAST.replace(",us,", ",eu,"),
        FORECAST.replace("interactive", "batch"),
        FORECAST.replace("2026-05", "2026-07"),
    )

    with database.reading() as session:
        found = forecast_by_month(session, last_month=date(2026, 6, 1))

    assert [(one.month, one.workload_class, one.p90_tokens_per_second) for one in found] == [
        (date(2026, 5, 1), "batch", Decimal("50000.5")),
        (date(2026, 5, 1), "interactive", Decimal("100001")),
    ]
    assert isinstance(found[0], MonthlyForecast)


def test_windows_come_newest_first_and_no_more_than_asked_for(database: Database) -> None:
    load_metered(database, METERED, METERED.replace("T00:00", "T00:10"))

    with database.reading() as session:
        (newest,) = metered(session, limit=1)

    assert newest.started_at == datetime(2026, 5, 14, 0, 10, tzinfo=UTC)
