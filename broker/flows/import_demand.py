"""Imports sheets of demand: all of a sheet or nothing, every fault at once, and twice is once.

Rows are never changed. A forecast is replaced by one of a newer version; a window that was metered
stays as it was metered, and a sheet that says otherwise of it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import TypeVar

from sqlmodel import Session

from broker.clock import Clock
from broker.contracts.sheets.columns import folded_column
from broker.contracts.sheets.issue import Code
from broker.contracts.sheets.reading import read_text
from broker.errors import Fault
from broker.flows.sheet_import import SheetImport
from broker.placement.demand_cells import LONGEST_WINDOW_SECONDS
from broker.placement.demand_forecast import Forecast
from broker.placement.demand_rates import MeteredUse, overlaps
from broker.placement.forecast_sheet import read_forecasts
from broker.placement.metered_sheet import read_metered
from broker.placement.trace_sheet import TraceFormat, TraceOrigin, read_trace
from broker.store import demand
from broker.store.demand import Stamp
from broker.store.engine import Database

_Row = TypeVar("_Row")


class DemandKind(StrEnum):
    """What a sheet of demand holds."""

    FORECAST = "forecast"
    METERED = "metered"


def kind_of(content: bytes) -> DemandKind:
    """Return what a sheet holds, by its header: metered use says when each window began."""
    header = read_text(content).header
    names = [] if header is None else [folded_column(name) for name in header.cells]
    return DemandKind.METERED if "started_at" in names else DemandKind.FORECAST


def import_forecasts(
    database: Database,
    content: bytes,
    *,
    file: str,
    actor: str,
    clock: Clock,
    dry_run: bool = False,
) -> SheetImport[Forecast]:
    """Put every forecast of a sheet on record, or none when any row has a fault."""
    by_line, faults = read_forecasts(content)
    if faults:
        return _refused(file, faults, dry_run=dry_run)
    with database.trying() if dry_run else database.writing() as session:
        demand.lock_demand(session)
        known = demand.forecasts(session, models={each.model for each in by_line.values()})
        fresh, faults = _sifted(
            by_line,
            {_version_of(each): each for each in known},
            mark=_version_of,
            fault=_other_version,
        )
        if not faults:
            stamp = Stamp(file=file, actor=actor, recorded_at=clock())
            demand.add_forecasts(session, fresh, stamp)
    return _report(file, by_line, fresh, faults, dry_run=dry_run)


def import_metered(
    database: Database,
    content: bytes,
    *,
    file: str,
    actor: str,
    clock: Clock,
    dry_run: bool = False,
) -> SheetImport[MeteredUse]:
    """Put every window of a sheet of metered use on record, or none when any row has a fault."""
    by_line, faults = read_metered(content)
    if faults:
        return _refused(file, faults, dry_run=dry_run)
    with database.trying() if dry_run else database.writing() as session:
        stamp = Stamp(file=file, actor=actor, recorded_at=clock())
        fresh, faults = _add_metered(session, by_line, stamp)
    return _report(file, by_line, fresh, faults, dry_run=dry_run)


def import_trace(
    database: Database,
    content: bytes,
    trace: TraceFormat,
    origin: TraceOrigin,
    *,
    file: str,
    actor: str,
    clock: Clock,
    dry_run: bool = False,
) -> SheetImport[MeteredUse]:
    """Put a public trace on record as metered use, or nothing when any row has a fault."""
    by_line, faults = read_trace(content, trace, origin)
    if faults:
        return _refused(file, faults, dry_run=dry_run)
    with database.trying() if dry_run else database.writing() as session:
        stamp = Stamp(file=file, actor=actor, recorded_at=clock())
        fresh, faults = _add_metered(session, by_line, stamp)
    return _report(file, by_line, fresh, faults, dry_run=dry_run)


def _add_metered(
    session: Session, by_line: Mapping[int, MeteredUse], stamp: Stamp
) -> tuple[list[MeteredUse], list[Fault]]:
    if not by_line:
        return [], []
    demand.lock_demand(session)
    known = demand.metered(
        session,
        first_at=min(use.started_at for use in by_line.values())
        - timedelta(seconds=LONGEST_WINDOW_SECONDS),
        end_at=max(use.ended_at for use in by_line.values()),
        models={use.model for use in by_line.values()},
    )
    fresh, faults = _sifted(
        by_line, {_window_of(use): use for use in known}, mark=_window_of, fault=_other_tokens
    )
    faults = faults or _shared_time(by_line, fresh, known)
    if not faults:
        demand.add_metered(session, fresh, stamp)
    return fresh, faults


def _sifted(
    by_line: Mapping[int, _Row],
    known: Mapping[Hashable, _Row],
    *,
    mark: Callable[[_Row], Hashable],
    fault: Callable[[int], Fault],
) -> tuple[list[_Row], list[Fault]]:
    """Return the rows that are not on record, and a fault for each that is there otherwise."""
    fresh, faults = [], []
    for line, row in by_line.items():
        held = known.get(mark(row))
        if held is None:
            fresh.append(row)
        elif held != row:
            faults.append(fault(line))
    return fresh, faults


def _shared_time(
    by_line: Mapping[int, MeteredUse], fresh: Iterable[MeteredUse], known: Iterable[MeteredUse]
) -> list[Fault]:
    lines = {_window_of(use): line for line, use in by_line.items()}
    fresh = list(fresh)
    message = "this shares time with a window on record, so tokens would count twice; check it"
    return [
        _fault(max(_line_in(lines, earlier), _line_in(lines, later)), "started_at", message)
        for earlier, later in overlaps([*fresh, *known])
    ]


def _line_in(lines: Mapping[Hashable, int], use: MeteredUse) -> int:
    return lines.get(_window_of(use), 0)


def _version_of(forecast: Forecast) -> Hashable:
    return forecast.key, forecast.version


def _window_of(use: MeteredUse) -> Hashable:
    return use.key, use.started_at


def _other_version(line: int) -> Fault:
    return _fault(
        line,
        "version",
        "the books have this version with other figures or another source; give changed figures "
        "a newer version",
    )


def _other_tokens(line: int) -> Fault:
    return _fault(
        line,
        "started_at",
        "the books have this window with other figures; what was metered is not changed",
    )


def _fault(line: int, field: str, message: str) -> Fault:
    return Fault(
        code=Code.REFUSED_BY_BOOKS.value,
        message=message,
        line=line if line > 0 else None,  # minutes that were filled in stand on no line
        field=field,
    )


def _refused(file: str, faults: list[Fault], *, dry_run: bool) -> SheetImport[_Row]:
    return SheetImport(file=file, recorded=(), unchanged=0, faults=tuple(faults), dry_run=dry_run)


def _report(
    file: str,
    by_line: Mapping[int, _Row],
    fresh: list[_Row],
    faults: list[Fault],
    *,
    dry_run: bool,
) -> SheetImport[_Row]:
    return SheetImport(
        file=file,
        recorded=() if faults else tuple(fresh),
        unchanged=len(by_line) - len(fresh) - len(faults),
        faults=tuple(faults),
        dry_run=dry_run,
    )
