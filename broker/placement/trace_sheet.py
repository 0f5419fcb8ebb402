"""Public traces of LLM services, read as metered use: ServeGen and the Azure inference trace.

Neither says where requests came from, so whoever imports names the node and the class; ServeGen
counts seconds from a start that it does not tell, so that is named too. Rates become whole tokens
of a window. ServeGen states windows for which it has no tokens: unknown, so they are left out. In
the Azure trace a minute without requests is absent: it is zero, so it is filled in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from itertools import count, pairwise
from typing import Final

from broker.contracts.named_rows import Columns, RowReading, read_rows
from broker.contracts.sheets import values as sheet_cell
from broker.contracts.sheets.issue import CellRefusedError, Code
from broker.errors import Fault
from broker.placement import document
from broker.placement.demand_rates import MeteredUse

SERVEGEN_COLUMNS: Final = Columns(
    names=("model", "t_s", "req_per_s", "in_tok_per_s", "out_tok_per_s", "active_clients"),
    required=frozenset({"model", "t_s"}),
)
AZURE_COLUMNS: Final = Columns(
    names=("trace", "minute", "requests", "in_tok_per_s", "out_tok_per_s"),
    required=frozenset({"trace", "minute", "in_tok_per_s", "out_tok_per_s"}),
)
SERVEGEN_SECONDS: Final = 600
AZURE_SECONDS: Final = 60
LONGEST_GAP: Final = timedelta(days=1)
"""An absence longer than this is no quiet: nothing is filled in."""


class TraceFormat(StrEnum):
    """Whose columns a trace has."""

    SERVEGEN = "servegen"
    AZURE = "azure"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceOrigin:
    """What a trace does not say of itself."""

    node: str
    class_name: str
    started_at: datetime  # of second zero, in traces that count from one


def read_trace(
    content: bytes, trace: TraceFormat, origin: TraceOrigin
) -> tuple[dict[int, MeteredUse], list[Fault]]:
    """Return the windows of a trace by line, and everything wrong with it. Never raises.

    Minutes that were filled in stand under lines below zero: no line of the file says them.
    """
    is_servegen = trace is TraceFormat.SERVEGEN
    rows, faults = read_rows(content, SERVEGEN_COLUMNS if is_servegen else AZURE_COLUMNS)
    by_line: dict[int, MeteredUse] = {}
    seen: set[tuple[str, datetime]] = set()
    for row in rows:
        found = _servegen(row, origin) if is_servegen else _azure(row, origin)
        if found is not None and (found.model, found.started_at) in seen:
            row.refuse(
                _time_column(trace),
                Code.CONFLICT_IN_FILE,
                "this window stands here twice; keep one",
            )
        elif found is not None:
            seen.add((found.model, found.started_at))
            by_line[row.line or 0] = found
        faults += row.faults
    if not is_servegen:
        by_line |= _filled(by_line.values())
    return by_line, sorted(faults, key=lambda fault: fault.line or 0)


def _time_column(trace: TraceFormat) -> str:
    """Return the column that says when a window began."""
    return "t_s" if trace is TraceFormat.SERVEGEN else "minute"


def _servegen(row: RowReading, origin: TraceOrigin) -> MeteredUse | None:
    row.require(SERVEGEN_COLUMNS.required)
    row.read("model", document.name)
    row.read("t_s", sheet_cell.whole_number)
    if row.faults or not _has_tokens(row):
        return None
    started_at = origin.started_at + timedelta(seconds=row.get("t_s"))
    return _use(row, "model", started_at=started_at, seconds=SERVEGEN_SECONDS, origin=origin)


def _azure(row: RowReading, origin: TraceOrigin) -> MeteredUse | None:
    row.require(AZURE_COLUMNS.required)
    row.read("trace", document.name)
    row.read("minute", _utc_minute)
    if row.faults or not _has_tokens(row):
        return None
    return _use(row, "trace", started_at=row.get("minute"), seconds=AZURE_SECONDS, origin=origin)


def _has_tokens(row: RowReading) -> bool:
    """Say whether the row states both rates, and reads; one that states neither is unknown."""
    for name in ("in_tok_per_s", "out_tok_per_s"):
        row.read(name, sheet_cell.number)
    stated = [row.get(name) is not None for name in ("in_tok_per_s", "out_tok_per_s")]
    if any(stated) and not all(stated) and not row.faults:
        row.refuse(None, Code.MISSING_REQUIRED, "one of the two token rates is empty; fill it in")
    return all(stated) and not row.faults


def _use(
    row: RowReading, name: str, *, started_at: datetime, seconds: int, origin: TraceOrigin
) -> MeteredUse:
    return MeteredUse(
        model=row.get(name),
        class_name=origin.class_name,
        node=origin.node,
        started_at=started_at,
        seconds=seconds,
        input_tokens=_tokens(row.get("in_tok_per_s"), seconds),
        output_tokens=_tokens(row.get("out_tok_per_s"), seconds),
    )


def _tokens(rate: Decimal, seconds: int) -> int:
    return int((rate * seconds).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def _utc_minute(text: str) -> datetime:
    """Return a minute of the Azure trace, 2023-11-16 18:17, which is in UTC without saying so."""
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    except ValueError as problem:
        raise CellRefusedError(
            Code.BAD_DATE, "write the minute as in the trace, 2023-11-16 18:17"
        ) from problem


def _filled(uses: Iterable[MeteredUse]) -> dict[int, MeteredUse]:
    """Return a window without tokens for each minute between two that are stated."""
    ordered = sorted(uses, key=lambda use: (use.model, use.started_at))
    quiet = (
        replace(earlier, started_at=at, input_tokens=0, output_tokens=0)
        for earlier, later in pairwise(ordered)
        if earlier.model == later.model and later.started_at - earlier.ended_at <= LONGEST_GAP
        for at in _minutes(earlier.ended_at, later.started_at)
    )
    return dict(zip(count(-1, -1), quiet, strict=False))


def _minutes(first: datetime, end: datetime) -> Iterator[datetime]:
    while first < end:
        yield first
        first += timedelta(seconds=AZURE_SECONDS)
