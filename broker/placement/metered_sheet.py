"""Sheets of metered use: one row for a model's class, node and window of time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from broker.contracts.named_rows import Columns, RowReading, read_rows
from broker.contracts.sheets.issue import Code
from broker.errors import Fault
from broker.placement import demand_cells as cell
from broker.placement import document
from broker.placement.demand_rates import DemandKey, MeteredUse, overlaps

_NAMES: Final = (
    "model",
    "class",
    "node",
    "started_at",
    "seconds",
    "input_tokens",
    "output_tokens",
)
METERED_COLUMNS: Final = Columns(names=_NAMES, required=frozenset(_NAMES))


def read_metered(content: bytes) -> tuple[dict[int, MeteredUse], list[Fault]]:
    """Return the windows of a sheet by line, and everything wrong with it. Never raises."""
    rows, faults = read_rows(content, METERED_COLUMNS)
    by_line: dict[int, MeteredUse] = {}
    seen: dict[tuple[DemandKey, datetime], MeteredUse] = {}
    for row in rows:
        found = _use(row)
        if found is not None:
            earlier = seen.setdefault((found.key, found.started_at), found)
            if earlier is found:
                by_line[row.line or 0] = found
            elif earlier != found:
                row.refuse(
                    "started_at",
                    Code.CONFLICT_IN_FILE,
                    "an earlier row of this window says otherwise; keep one of them",
                )
        faults += row.faults
    faults += overlap_faults(by_line)
    return by_line, sorted(faults, key=lambda fault: fault.line or 0)


def overlap_faults(by_line: Mapping[int, MeteredUse]) -> list[Fault]:
    """Return a fault for each window that begins before the one before it has ended."""
    lines = {(use.key, use.started_at): line for line, use in by_line.items()}
    return [
        Fault(
            code=Code.CONFLICT_IN_FILE.value,
            message=f"the window of line {lines[earlier.key, earlier.started_at]} has not ended "
            "by then, so tokens would count twice; check start and seconds",
            line=lines[later.key, later.started_at],
            field="started_at",
        )
        for earlier, later in overlaps(by_line.values())
    ]


def _use(row: RowReading) -> MeteredUse | None:
    row.require(METERED_COLUMNS.required)
    for named in ("model", "class", "node"):
        row.read(named, document.name)
    row.read("started_at", cell.instant)
    row.read("seconds", cell.window_seconds)
    for count in ("input_tokens", "output_tokens"):
        row.read(count, cell.tokens)
    if row.faults:
        return None
    return MeteredUse(
        model=row.get("model"),
        class_name=row.get("class"),
        node=row.get("node"),
        started_at=row.get("started_at"),
        seconds=row.get("seconds"),
        input_tokens=row.get("input_tokens"),
        output_tokens=row.get("output_tokens"),
    )
