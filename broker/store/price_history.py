"""The history of market prices as it stands on record: series, levels and the raw rows behind.

A series whose observed memory is not its card's (a slice sold under the card's name, or a card
under another's) stays on record with its raw rows, but nothing is compared with it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from broker.store.tables import (
    PriceImportRow,
    PriceLevelRow,
    PriceSeriesRow,
    PriceSightingRow,
)
from pricing.series import PriceHistory, PriceKind, PriceLevel, SeriesKey


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceFilter:
    """Which series are meant; None in a field means that any value will do."""

    gpu_model: str | None = None
    part: str | None = None
    provider: str | None = None
    kind: PriceKind | None = None


EVERYTHING = PriceFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One provider's product line as observed, and the GPU that its spelling means."""

    id: str
    key: SeriesKey
    form_factor: str | None
    memory_differs: bool

    @property
    def excluded_because(self) -> str | None:
        """Return why nothing is compared with this series, or None if it may be compared."""
        if not self.memory_differs:
            return None
        name = self.key.part or self.key.gpu_model
        return (
            f"{self.key.memory_gb} GB is not the memory of {name}: a slice, or another card under "
            "its name"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesHistory:
    """A series and everything known of its prices."""

    series: Series
    history: PriceHistory


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One raw row: where a price was read, and when it was fetched."""

    series: Series
    observed_on: date
    price: Decimal  # US dollars per GPU-hour
    fetched_at: datetime
    file: str
    line: int
    import_id: str


def see_one_moment(session: Session) -> None:
    """Let a fresh session see the books as of one moment, whatever is imported meanwhile.

    SQLite does so anyway; PostgreSQL shows each query the newest unless it is asked.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def histories(session: Session, wanted: PriceFilter = EVERYTHING) -> list[SeriesHistory]:
    """Return the series that a filter means with their histories, by provider, kind and name.

    Levels and days are two queries, so the session must see one moment.
    """
    levels: dict[str, list[PriceLevel]] = defaultdict(list)
    of_levels = (
        select(
            col(PriceLevelRow.series_id),
            col(PriceLevelRow.price_per_gpu_hour),
            col(PriceLevelRow.first_seen_on),
            col(PriceLevelRow.last_seen_on),
        )
        .join(PriceSeriesRow)
        .where(*_conditions(wanted))
        .order_by(col(PriceLevelRow.first_seen_on), col(PriceLevelRow.price_per_gpu_hour))
    )
    for series_id, price, first, last in session.exec(of_levels):
        levels[series_id].append(PriceLevel(price=price, first_seen_on=first, last_seen_on=last))
    days: dict[str, list[date]] = defaultdict(list)
    of_days = (
        select(col(PriceSightingRow.series_id), col(PriceSightingRow.observed_on))
        .join(PriceSeriesRow)
        .where(*_conditions(wanted))
        .distinct()
        .order_by(col(PriceSightingRow.observed_on))
    )
    for series_id, day in session.exec(of_days):
        days[series_id].append(day)
    return [
        SeriesHistory(
            series=series,
            history=PriceHistory(
                observed_days=tuple(days[series.id]), levels=tuple(levels[series.id])
            ),
        )
        for series in find_series(session, wanted)
    ]


def find_series(session: Session, wanted: PriceFilter = EVERYTHING) -> list[Series]:
    """Return the series that a filter means, by provider, model, kind and name."""
    rows = session.exec(select(PriceSeriesRow).where(*_conditions(wanted)))
    return sorted((_series_of(row) for row in rows), key=_by_name)


def find_sightings(
    session: Session,
    wanted: PriceFilter,
    *,
    first: date | None = None,
    last: date | None = None,
    limit: int,
) -> list[Sighting]:
    """Return the raw rows behind the prices from `first` to `last`, both included, newest first."""
    query = (
        select(PriceSightingRow, PriceSeriesRow, col(PriceImportRow.file))
        .join(PriceSeriesRow, col(PriceSightingRow.series_id) == PriceSeriesRow.id)
        .join(PriceImportRow, col(PriceSightingRow.import_id) == PriceImportRow.id)
        .where(*_conditions(wanted), *observed_between(first, last))
        .order_by(
            col(PriceSightingRow.observed_on).desc(),
            col(PriceSeriesRow.provider),
            col(PriceSightingRow.import_id),
            col(PriceSightingRow.line_no),
        )
        .limit(limit)
    )
    return [
        Sighting(
            series=_series_of(series),
            observed_on=row.observed_on,
            price=row.price_per_gpu_hour,
            fetched_at=row.fetched_at,
            file=file,
            line=row.line_no,
            import_id=row.import_id,
        )
        for row, series, file in session.exec(query)
    ]


def count_sightings(
    session: Session, wanted: PriceFilter, *, first: date | None = None, last: date | None = None
) -> int:
    """Return how many raw rows stand behind the prices from `first` to `last`."""
    return session.exec(
        select(func.count())
        .select_from(PriceSightingRow)
        .join(PriceSeriesRow)
        .where(*_conditions(wanted), *observed_between(first, last))
    ).one()


def observed_between(first: date | None, last: date | None) -> list[ColumnElement[bool]]:
    """Return the conditions that a raw row is of a day from `first` to `last`, both included."""
    observed_on = col(PriceSightingRow.observed_on)
    bounds = [observed_on >= first] if first is not None else []
    return bounds if last is None else [*bounds, observed_on <= last]


def _conditions(wanted: PriceFilter) -> list[ColumnElement[bool]]:
    given = (
        (col(PriceSeriesRow.gpu_model), wanted.gpu_model),
        (col(PriceSeriesRow.part), wanted.part),
        (col(PriceSeriesRow.provider), wanted.provider),
        (col(PriceSeriesRow.kind), wanted.kind and wanted.kind.value),
    )
    return [column == value for column, value in given if value is not None]


def _series_of(row: PriceSeriesRow) -> Series:
    return Series(
        id=row.id,
        key=SeriesKey(
            provider=row.provider,
            gpu_model=row.gpu_model,
            part=row.part,
            memory_gb=row.memory_gb,
            kind=PriceKind(row.kind),
            gpu_as_quoted=row.gpu_as_quoted,
        ),
        form_factor=row.form_factor,
        memory_differs=row.memory_differs,
    )


def _by_name(series: Series) -> tuple[str, str, str, str, int]:
    key = series.key
    return key.provider, key.gpu_model, key.kind.value, key.gpu_as_quoted, key.memory_gb or 0
