"""How long an import of market prices takes: `python benchmarks/prices_import.py [DAYS]`.

Imports invented days of three hundred products each, one sheet a day after a first sheet of all
but the last ten, into a fresh SQLite file, and prints seconds.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from broker.clock import utc_now
from broker.flows.import_prices import import_prices
from broker.store import schema
from broker.store.engine import Database
from providers.market_csv import COLUMNS

FIRST = date(2026, 1, 1)
PROVIDERS = 30
GPUS = ("b200", "h100-sxm", "h200", "gb200", "a100-sxm-80", "l40s", "l4", "a10", "mi300x", "b300")
SINGLE_DAYS = 10


def main(days: int) -> None:
    """Import and print."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'prices.db'}")
        schema.upgrade(database)
        _timed(database, "first sheet", range(max(1, days - SINGLE_DAYS)))
        for day in range(max(1, days - SINGLE_DAYS), days):
            _timed(database, f"day {day + 1}", range(day, day + 1))
        database.close()


def _timed(database: Database, name: str, days: range) -> None:
    sheet = "\n".join((",".join(COLUMNS), *_lines(days), "")).encode()
    began = time.perf_counter()
    report = import_prices(database, sheet, file=name, actor="benchmark", clock=utc_now)
    seconds = time.perf_counter() - began
    print(f"{name}: {report.rows} rows, {report.levels} levels in {seconds:.2f} s")


def _lines(days: range) -> Iterator[str]:
    for number in days:
        day = FIRST + timedelta(days=number)
        for seller in range(PROVIDERS):
            for place, gpu in enumerate(GPUS):
                cents = 150 + 37 * place + 11 * seller + (number // 20) * 5
                price = f"{cents // 100}.{cents % 100:02}"
                yield f"{day},seller-{seller},{gpu},,{price},on-demand,{day}T07:00:00Z"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 180)
