"""The demo's demand: models, forecasts and metered use, all invented but what chips deliver."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from broker.clock import Clock
from broker.errors import BadInputError
from broker.flows.import_demand import import_forecasts, import_metered
from broker.flows.manage_models import import_models
from broker.flows.sheet_import import SheetImport
from broker.store.engine import Database

FOLDER = "demand"
ACTOR = "demo"


def load_demo_demand(
    database: Database, fixtures: Path, *, clock: Clock, tell: Callable[[str], None]
) -> None:
    """Load what is asked of the demo's models; raise BadInputError where a file is missing."""
    steps: tuple[tuple[str, str, Callable[..., SheetImport[Any]]], ...] = (
        ("models.json", "models", import_models),
        ("forecast_2026-05.csv", "forecasts", import_forecasts),
        ("metered_2026-05.csv", "metered windows", import_metered),
    )
    for name, what, load in steps:
        path = fixtures / FOLDER / name
        if not path.is_file():
            raise BadInputError(
                f"{path} is not there; run the demo from a checkout, or name its folder with "
                "--fixtures"
            )
        report = load(database, path.read_bytes(), file=name, actor=ACTOR, clock=clock)
        if report.faults:
            raise BadInputError(f"{name} of the fixtures has faults", report.faults)
        tell(f"{name}: {len(report.recorded):,} {what}")
