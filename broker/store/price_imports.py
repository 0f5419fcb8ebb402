"""Writes market prices: each raw row once, and the levels that the rows of a series add up to."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import delete, insert, text
from sqlmodel import Session, col, select

from broker.store.tables import (
    PriceImportRow,
    PriceLevelRow,
    PriceSeriesRow,
    PriceSightingRow,
    PriceUnmappedRow,
)
from pricing.series import PriceLevel

Mark = tuple[date, Decimal, datetime]
"""What makes two raw rows of a series the same: the day, the price and when it was fetched."""

Progress = Callable[[int, int], None]
"""Told how many raw rows are stored, and of how many."""

IDS_PER_QUERY = 500
"""Well under the number of parameters that either database takes in one statement."""

ROWS_PER_INSERT = 1000

_SERIES_NAMES = UUID("6f0a3f5e-52a1-5a60-9d6c-0d1b4b0f7c11")


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceAddition:
    """All that one import adds to the books."""

    record: PriceImportRow
    series: Sequence[PriceSeriesRow]  # new ones, and those whose name means another GPU now
    sightings: Sequence[PriceSightingRow]
    levels: Mapping[str, Sequence[PriceLevel]]  # whole, of each series that has new sightings
    unmapped: Sequence[PriceUnmappedRow]
    mapped_by_now: frozenset[str]  # raw rows that were set aside before


def lock_prices(session: Session) -> None:
    """Let one import at a time rebuild levels; SQLite's writing transaction is alone anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('market prices', 0))"))


def series_id(*, provider: str, gpu_as_quoted: str, memory_gb: int | None, kind: str) -> str:
    """Return the name of a series: the same on every machine for the same observation."""
    return str(uuid5(_SERIES_NAMES, json.dumps([provider, gpu_as_quoted, memory_gb, kind])))


def known_series(session: Session, ids: Iterable[str]) -> dict[str, PriceSeriesRow]:
    """Return those of the series that are on record, by id."""
    return {
        row.id: row
        for some in _in_pieces(sorted(ids), IDS_PER_QUERY)
        for row in session.exec(select(PriceSeriesRow).where(col(PriceSeriesRow.id).in_(some)))
    }


def known_marks(session: Session, ids: Iterable[str]) -> dict[str, set[Mark]]:
    """Return what has been seen of each series."""
    found: dict[str, set[Mark]] = defaultdict(set)
    for some in _in_pieces(sorted(ids), IDS_PER_QUERY):
        query = select(
            col(PriceSightingRow.series_id),
            col(PriceSightingRow.observed_on),
            col(PriceSightingRow.price_per_gpu_hour),
            col(PriceSightingRow.fetched_at),
        ).where(col(PriceSightingRow.series_id).in_(some))
        for owner, day, price, fetched_at in session.exec(query):
            found[owner].add((day, price, fetched_at))
    return found


def set_aside(session: Session) -> frozenset[str]:
    """Return the raw rows whose GPU name nobody knew when they were imported."""
    return frozenset(session.exec(select(PriceUnmappedRow.raw)))


def add_prices(session: Session, addition: PriceAddition, *, on_progress: Progress) -> None:
    """Write an import: its record, series, raw rows and the rebuilt levels."""
    session.add(addition.record)
    for series in addition.series:
        session.merge(series)
    session.flush()
    done, total = 0, len(addition.sightings)
    for some in _in_pieces(addition.sightings, ROWS_PER_INSERT):
        session.execute(insert(PriceSightingRow), [row.model_dump() for row in some])
        done += len(some)
        on_progress(done, total)
    for ids in _in_pieces(sorted(addition.levels), IDS_PER_QUERY):
        session.execute(delete(PriceLevelRow).where(col(PriceLevelRow.series_id).in_(ids)))
    for rows in _in_pieces(list(_level_rows(addition.levels)), ROWS_PER_INSERT):
        session.execute(insert(PriceLevelRow), rows)
    for raws in _in_pieces(sorted(addition.mapped_by_now), IDS_PER_QUERY):
        session.execute(delete(PriceUnmappedRow).where(col(PriceUnmappedRow.raw).in_(raws)))
    session.add_all(addition.unmapped)


def _level_rows(levels: Mapping[str, Sequence[PriceLevel]]) -> Iterator[dict[str, Any]]:
    for owner, of_series in levels.items():
        for level in of_series:
            yield {
                "series_id": owner,
                "first_seen_on": level.first_seen_on,
                "price_per_gpu_hour": level.price,
                "last_seen_on": level.last_seen_on,
            }


def _in_pieces(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
