"""Market sheets for tests: lines with sane defaults, sheets of them, and their import."""

from typing import Any

from broker.flows.import_prices import PriceImportReport, import_prices
from broker.store.engine import Database
from providers.market_csv import COLUMNS
from tests.builders import ACTOR, NOON

_DEFAULTS = {
    "date": "2026-05-11",
    "provider": "delphi-gpu",
    "gpu": "b200",
    "vram_gb": "180",
    "usd_per_gpu_hour": "5",
    "kind": "on-demand",
}


def a_price(**cells: Any) -> str:
    """A line: delphi-gpu lists a B200 at 5.00 on 11 May, fetched that morning."""
    values = _DEFAULTS | {name: str(cell) for name, cell in cells.items()}
    return ",".join(
        {"fetched_at": f"{values['date']}T07:00:00Z", **values}[name] for name in COLUMNS
    )


def a_market_sheet(*lines: str) -> bytes:
    """A sheet of those lines."""
    return "\n".join((",".join(COLUMNS), *lines, "")).encode()


def import_lines(
    database: Database, *lines: str, file: str = "market.csv", dry_run: bool = False
) -> PriceImportReport:
    """Import a sheet of those lines."""
    return import_prices(
        database,
        a_market_sheet(*lines),
        file=file,
        actor=ACTOR,
        clock=lambda: NOON,
        dry_run=dry_run,
    )
