"""Forecast sheets: one row for a model's class, node, month and workload class; in and out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Final

from broker.contracts.named_rows import Columns, RowReading, read_rows
from broker.contracts.sheets import values as sheet_cell
from broker.contracts.sheets.issue import Code
from broker.errors import Fault
from broker.placement import demand_cells as cell
from broker.placement import document
from broker.placement.demand_forecast import Forecast, ForecastKey
from pricing.money import plain

FORECAST_COLUMNS: Final = Columns(
    names=(
        "model",
        "class",
        "node",
        "month",
        "workload_class",
        "p50_tokens_per_second",
        "p90_tokens_per_second",
        "version",
        "source",
    ),
    required=frozenset(
        {
            "model",
            "class",
            "node",
            "month",
            "workload_class",
            "p50_tokens_per_second",
            "p90_tokens_per_second",
            "version",
            "source",
        }
    ),
)


def read_forecasts(content: bytes) -> tuple[dict[int, Forecast], list[Fault]]:
    """Return the forecasts of a sheet by line, and everything wrong with it. Never raises.

    A row that says again what an earlier row says is left out; one that contradicts it is a fault.
    """
    rows, faults = read_rows(content, FORECAST_COLUMNS)
    by_line: dict[int, Forecast] = {}
    seen: dict[tuple[ForecastKey, int], Forecast] = {}
    for row in rows:
        found = _forecast(row)
        if found is not None:
            earlier = seen.setdefault((found.key, found.version), found)
            if earlier is found:
                by_line[row.line or 0] = found
            elif earlier != found:
                row.refuse(
                    "version",
                    Code.CONFLICT_IN_FILE,
                    "an earlier row of this version says otherwise; keep one of them",
                )
        faults += row.faults
    return by_line, sorted(faults, key=lambda fault: fault.line or 0)


def forecast_sheet(forecasts: Iterable[Forecast]) -> str:
    """Return forecasts as the sheet they would be read from."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FORECAST_COLUMNS.names)
    for each in forecasts:
        writer.writerow(
            (
                each.model,
                each.class_name,
                each.node,
                f"{each.month:%Y-%m}",
                each.workload_class,
                plain(each.p50_tokens_per_second),
                plain(each.p90_tokens_per_second),
                each.version,
                each.source,
            )
        )
    return text.getvalue()


def _forecast(row: RowReading) -> Forecast | None:
    row.require(FORECAST_COLUMNS.required)
    for named in ("model", "class", "node", "workload_class"):
        row.read(named, document.name)
    row.read("month", cell.month)
    for rate in ("p50_tokens_per_second", "p90_tokens_per_second"):
        row.read(rate, sheet_cell.number)
    row.read("version", sheet_cell.positive_whole_number)
    row.read("source", document.words)
    low, high = row.get("p50_tokens_per_second"), row.get("p90_tokens_per_second")
    if low is not None and high is not None and high < low:
        row.refuse(
            "p90_tokens_per_second",
            Code.BAD_NUMBER,
            "what is exceeded one time in ten is not below what is exceeded every other time; "
            "check both rates",
        )
    if row.faults:
        return None
    return Forecast(
        model=row.get("model"),
        class_name=row.get("class"),
        node=row.get("node"),
        month=row.get("month"),
        workload_class=row.get("workload_class"),
        p50_tokens_per_second=low,
        p90_tokens_per_second=high,
        version=row.get("version"),
        source=row.get("source"),
    )
