"""Imports a sheet of market prices: all of it or nothing, and twice is once.

The history keeps changes: a raw row that is already on record is not stored again, and the levels
of each series that gained rows are rebuilt from all of its rows. So sheets may overlap and come in
any order; the books are the same as if one sheet had held everything.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlmodel import Session

from broker.clock import Clock
from broker.errors import BadInputError
from broker.identity import new_id
from broker.store import price_imports
from broker.store.engine import Database
from broker.store.price_imports import Mark, PriceAddition, Progress
from broker.store.tables import (
    PriceImportRow,
    PriceSeriesRow,
    PriceSightingRow,
    PriceUnmappedRow,
)
from pricing.series import PriceLevel, Prices, levels_of
from providers.csv_sheet import RowFault
from providers.market_csv import MarketRow, MarketSheet, UnmappedRow, parse

LARGEST_SHEET_BYTES = 20_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceImportReport:
    """What an import found and what it added; with any fault it added nothing."""

    file: str
    dry_run: bool
    rows: int
    series: int = 0  # named by the sheet
    new_sightings: int = 0
    levels: int = 0  # of the sheet's series, now
    newly_mapped: int = 0  # rows that an earlier import had set aside
    import_id: str | None = None  # None when nothing was written
    unmapped: tuple[UnmappedRow, ...] = ()
    faults: tuple[RowFault, ...] = ()
    notices: tuple[RowFault, ...] = ()

    @property
    def is_ok(self) -> bool:
        """Say whether the sheet could be taken."""
        return not self.faults

    def notice_counts(self) -> dict[str, int]:
        """Return how many rows of each code deserve a look."""
        return dict(sorted(Counter(notice.code for notice in self.notices).items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What a sheet adds to what is on record."""

    fresh: list[tuple[str, MarketRow]]
    series: list[PriceSeriesRow]
    levels: dict[str, tuple[PriceLevel, ...]]
    unmapped: list[UnmappedRow]
    mapped_by_now: frozenset[str]

    @property
    def is_empty(self) -> bool:
        return not (self.fresh or self.series or self.unmapped or self.mapped_by_now)


def import_prices(
    database: Database,
    content: bytes,
    *,
    file: str,
    actor: str,
    clock: Clock,
    dry_run: bool = False,
    on_progress: Progress = lambda _done, _total: None,
) -> PriceImportReport:
    """Read a sheet and add what is new to the books, unless anything is wrong with it.

    A dry run plans the same and writes nothing. Raises BadInputError for a file that is too large.
    """
    if len(content) > LARGEST_SHEET_BYTES:
        raise BadInputError(
            f"{file} is larger than {LARGEST_SHEET_BYTES // 1_000_000} MB; split it by days, "
            "sheets may come in any order"
        )
    sheet = parse(content)
    rows = len(sheet.rows) + len(sheet.unmapped)
    if sheet.faults:
        return PriceImportReport(file=file, dry_run=dry_run, rows=rows, faults=sheet.faults)
    if dry_run:
        with database.reading() as session:
            return _report(_plan(session, sheet), sheet, file=file, dry_run=True)
    with database.writing() as session:
        price_imports.lock_prices(session)
        plan = _plan(session, sheet)
        if plan.is_empty:
            return _report(plan, sheet, file=file, dry_run=False)
        record = PriceImportRow(
            id=new_id(),
            sha256=hashlib.sha256(content).hexdigest(),
            file=file,
            actor=actor,
            recorded_at=clock(),
            rows=rows,
        )
        report = _report(plan, sheet, file=file, dry_run=False, import_id=record.id)
        addition = _addition(plan, record)
        price_imports.add_prices(session, addition, on_progress=on_progress)
    return report


def _plan(session: Session, sheet: MarketSheet) -> _Plan:
    rows: dict[str, list[MarketRow]] = defaultdict(list)
    for row in sheet.rows:
        rows[_series_id(row)].append(row)
    marks = price_imports.known_marks(session, rows)
    fresh: list[tuple[str, MarketRow]] = []
    levels: dict[str, tuple[PriceLevel, ...]] = {}
    for owner, of_series in rows.items():
        seen = marks[owner]
        for row in of_series:
            mark = (row.observed_on, row.price.amount, row.fetched_at)
            if mark not in seen:
                seen.add(mark)
                fresh.append((owner, row))
        levels[owner] = levels_of(_prices_by_day(seen))
    set_aside = price_imports.set_aside(session)
    new_raws = {row.raw: row for row in reversed(sheet.unmapped) if row.raw not in set_aside}
    return _Plan(
        fresh=sorted(fresh, key=lambda found: found[1].line),
        series=_new_or_renamed(session, rows),
        levels=levels,
        unmapped=sorted(new_raws.values(), key=lambda row: row.line),
        mapped_by_now=set_aside & {row.raw for row in sheet.rows} if set_aside else frozenset(),
    )


def _prices_by_day(seen: Iterable[Mark]) -> dict[date, Prices]:
    days: dict[date, set[Decimal]] = defaultdict(set)
    for day, price, _ in seen:
        days[day].add(price)
    return {day: frozenset(prices) for day, prices in days.items()}


def _new_or_renamed(session: Session, rows: dict[str, list[MarketRow]]) -> list[PriceSeriesRow]:
    known = price_imports.known_series(session, rows)
    wanted = [_series_row(owner, of_series[0]) for owner, of_series in rows.items()]
    return [row for row in wanted if row.id not in known or row != known[row.id]]


def _series_id(row: MarketRow) -> str:
    return price_imports.series_id(
        provider=row.key.provider,
        gpu_as_quoted=row.key.gpu_as_quoted,
        memory_gb=row.key.memory_gb,
        kind=row.key.kind.value,
    )


def _series_row(owner: str, row: MarketRow) -> PriceSeriesRow:
    return PriceSeriesRow(
        id=owner,
        provider=row.key.provider,
        gpu_as_quoted=row.key.gpu_as_quoted,
        memory_gb=row.key.memory_gb,
        kind=row.key.kind.value,
        gpu_model=row.gpu.model,
        part=row.gpu.part,
        form_factor=row.gpu.form_factor,
        memory_differs=row.gpu.memory_differs(row.key.memory_gb),
    )


def _addition(plan: _Plan, record: PriceImportRow) -> PriceAddition:
    touched = {owner for owner, _ in plan.fresh}
    return PriceAddition(
        record=record,
        series=plan.series,
        sightings=[
            PriceSightingRow(
                import_id=record.id,
                line_no=row.line,
                series_id=owner,
                observed_on=row.observed_on,
                price_per_gpu_hour=row.price.amount,
                fetched_at=row.fetched_at,
            )
            for owner, row in plan.fresh
        ],
        levels={owner: plan.levels[owner] for owner in touched},
        unmapped=[
            PriceUnmappedRow(import_id=record.id, line_no=row.line, raw=row.raw, reason=row.reason)
            for row in plan.unmapped
        ],
        mapped_by_now=plan.mapped_by_now,
    )


def _report(
    plan: _Plan, sheet: MarketSheet, *, file: str, dry_run: bool, import_id: str | None = None
) -> PriceImportReport:
    return PriceImportReport(
        file=file,
        dry_run=dry_run,
        rows=len(sheet.rows) + len(sheet.unmapped),
        series=len(plan.levels),
        new_sightings=len(plan.fresh),
        levels=sum(len(levels) for levels in plan.levels.values()),
        newly_mapped=len(plan.mapped_by_now),
        import_id=import_id,
        unmapped=sheet.unmapped,
        notices=sheet.notices,
    )
