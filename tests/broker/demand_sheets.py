"""Sheets of demand for tests, and the ways to load them."""

import json
from datetime import UTC, datetime
from typing import Any

from broker.flows.import_demand import import_forecasts, import_metered
from broker.flows.manage_models import import_models
from broker.flows.sheet_import import SheetImport
from broker.placement.forecast_sheet import FORECAST_COLUMNS
from broker.placement.metered_sheet import METERED_COLUMNS
from broker.store.engine import Database
from tests.broker.placement.profiles import a_model

NOW = datetime(2026, 5, 15, 9, 30, tzinfo=UTC)
FORECAST = "chat-70b,chat,us,2026-05,interactive,40000,50000.5,1,planning"
METERED = "chat-70b,chat,us,2026-05-14T00:00:00Z,600,6000,600"


def clock() -> datetime:
    return NOW


def forecast_sheet_of(*rows: str) -> bytes:
    return "\n".join((",".join(FORECAST_COLUMNS.names), *rows, "")).encode()


def metered_sheet_of(*rows: str) -> bytes:
    return "\n".join((",".join(METERED_COLUMNS.names), *rows, "")).encode()


def models_of_one(**changes: Any) -> bytes:
    return json.dumps({"models": [a_model(**changes)]}).encode()


def load_forecasts(database: Database, *rows: str, dry_run: bool = False) -> SheetImport[Any]:
    return import_forecasts(
        database,
        forecast_sheet_of(*rows),
        file="forecast.csv",
        actor="dana",
        clock=clock,
        dry_run=dry_run,
    )


def load_metered(database: Database, *rows: str, dry_run: bool = False) -> SheetImport[Any]:
    return import_metered(
        database,
        metered_sheet_of(*rows),
        file="metered.csv",
        actor="dana",
        clock=clock,
        dry_run=dry_run,
    )


def load_model(database: Database, *, dry_run: bool = False, **changes: Any) -> SheetImport[Any]:
    return import_models(
        database,
        models_of_one(**changes),
        file="models.json",
        actor="dana",
        clock=clock,
        dry_run=dry_run,
    )
