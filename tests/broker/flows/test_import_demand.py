"""Demand enters the books whole or not at all, once, and is never changed."""

from datetime import UTC, datetime

import pytest

from broker.flows.import_demand import DemandKind, import_trace, kind_of
from broker.flows.show_demand import list_forecasts, list_metered
from broker.placement.trace_sheet import TraceFormat, TraceOrigin
from broker.store.engine import Database
from tests.broker.demand_sheets import (
    FORECAST,
    METERED,
    clock,
    forecast_sheet_of,
    load_forecasts,
    load_metered,
    metered_sheet_of,
)


def test_the_same_forecast_twice_changes_nothing(database: Database) -> None:
    first = load_forecasts(database, FORECAST, FORECAST.replace(",us,", ",eu,"))
    second = load_forecasts(database, FORECAST, FORECAST)

    assert (len(first.recorded), first.unchanged) == (2, 0)
    assert (len(second.recorded), second.faults) == (0, ())
    assert len(list_forecasts(database)) == 2


def test_one_bad_row_keeps_all_out(database: Database) -> None:
    report = load_forecasts(database, FORECAST, FORECAST.replace("50000.5", "30000"))

    assert [(fault.line, fault.field) for fault in report.faults] == [(3, "p90_tokens_per_second")]
    assert (report.recorded, list_forecasts(database)) == ((), ())


def test_a_version_on_record_is_not_told_otherwise(database: Database) -> None:
    load_forecasts(database, FORECAST)

    report = load_forecasts(
        database, FORECAST.replace("50000.5", "60000"), FORECAST.replace(",us,", ",eu,")
    )

    assert [(fault.line, fault.field, fault.code) for fault in report.faults] == [
        (2, "version", "refused_by_books")
    ]
    assert "newer version" in report.faults[0].message
    assert len(list_forecasts(database)) == 1


def test_an_older_version_that_comes_late_does_not_count(database: Database) -> None:
    load_forecasts(database, FORECAST.replace(",1,planning", ",2,planning"))
    load_forecasts(database, FORECAST.replace("50000.5", "70000"))

    (counts,) = list_forecasts(database)

    assert counts.version == 2
    assert len(list_forecasts(database, all_versions=True)) == 2


def test_a_dry_run_says_the_same_and_writes_nothing(database: Database) -> None:
    forecast = load_forecasts(database, FORECAST, dry_run=True)
    metered = load_metered(database, METERED, dry_run=True)

    assert (len(forecast.recorded), len(metered.recorded)) == (1, 1)
    assert (list_forecasts(database), list_metered(database, model=None, limit=9)) == ((), [])


def test_the_same_metered_use_twice_changes_nothing(database: Database) -> None:
    load_metered(database, METERED)
    report = load_metered(database, METERED, METERED.replace("T00:00", "T00:10"))

    assert (len(report.recorded), report.unchanged) == (1, 1)
    assert len(list_metered(database, model="chat-70b", limit=9)) == 2
    assert list_metered(database, model="other", limit=9) == []


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (METERED.replace("6000,600", "6000,700"), "is not changed"),
        (METERED.replace("T00:00", "T00:05"), "count twice"),
        (METERED.replace("14T00:00", "13T23:55"), "count twice"),
    ],
)
def test_metered_use_that_does_not_go_with_what_is_on_record_is_refused(
    database: Database, row: str, message: str
) -> None:
    load_metered(database, METERED)

    report = load_metered(database, METERED.replace(",us,", ",eu,"), row)

    assert [(fault.line, fault.field) for fault in report.faults] == [(3, "started_at")]
    assert message in report.faults[0].message
    assert len(list_metered(database, model=None, limit=9)) == 1


def test_a_trace_twice_is_on_record_once(database: Database) -> None:
    origin = TraceOrigin(node="us", class_name="chat", started_at=datetime(2026, 5, 1, tzinfo=UTC))
    rows = b"trace,minute,requests,in_tok_per_s,out_tok_per_s\ncode,2023-11-16 18:17,3,10,1\n"

    first, second = (
        import_trace(
            database, rows, TraceFormat.AZURE, origin, file="azure.csv", actor="dana", clock=clock
        )
        for _ in range(2)
    )

    assert (len(first.recorded), second.unchanged) == (1, 1)
    (use,) = list_metered(database, model="code", limit=9)
    assert (use.input_tokens, use.output_tokens, use.seconds) == (600, 60, 60)


def test_a_trace_with_a_fault_is_kept_out(database: Database) -> None:
    origin = TraceOrigin(node="us", class_name="chat", started_at=clock())

    report = import_trace(
        database, b"a,b\n", TraceFormat.AZURE, origin, file="azure.csv", actor="dana", clock=clock
    )

    assert [fault.code for fault in report.faults] == ["no_header"]


def test_a_sheet_says_by_its_header_what_it_holds() -> None:
    assert kind_of(metered_sheet_of()) is DemandKind.METERED
    assert kind_of(forecast_sheet_of()) is DemandKind.FORECAST
    assert kind_of(b"") is DemandKind.FORECAST
