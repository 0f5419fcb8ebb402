"""Market prices: series, levels, and the raw rows that they came from."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint
from sqlmodel import Field

from broker.store.columns import Micros, UtcTime
from broker.store.tables.root import Table


class PriceImportRow(Table, table=True):
    """A price file that was read."""

    __tablename__ = "price_import"

    id: str = Field(primary_key=True)
    sha256: str = Field(index=True)
    file: str
    actor: str
    recorded_at: datetime = Field(sa_type=UtcTime)
    rows: int


class PriceSeriesRow(Table, table=True):
    """One provider's price of one GPU as one kind of offer.

    What was observed makes the series; what it means follows the alias table of the last import,
    so a corrected alias corrects the past too.
    """

    __tablename__ = "price_series"
    __table_args__ = (Index("ix_price_series_model", "gpu_model", "kind"),)

    id: str = Field(primary_key=True)  # a name-based UUID of the next four columns
    provider: str = Field(index=True)
    gpu_as_quoted: str
    memory_gb: int | None = None  # as observed
    kind: str
    gpu_model: str
    part: str | None = None
    form_factor: str | None = None
    memory_differs: bool  # from the part's: kept, but compared with nothing


class PriceLevelRow(Table, table=True):
    """A price and the days it was first and last seen: history keeps changes, not repetitions."""

    __tablename__ = "price_level"
    __table_args__ = (CheckConstraint("price_per_gpu_hour > 0", name="above_zero"),)

    series_id: str = Field(primary_key=True, foreign_key="price_series.id")
    first_seen_on: date = Field(primary_key=True)
    price_per_gpu_hour: Decimal = Field(primary_key=True, sa_type=Micros)
    last_seen_on: date = Field(index=True)


class PriceSightingRow(Table, table=True):
    """The raw row that a price came from."""

    __tablename__ = "price_sighting"
    __table_args__ = (
        UniqueConstraint(
            "series_id",
            "observed_on",
            "price_per_gpu_hour",
            "fetched_at",
            name="uq_price_sighting_once",  # the name by convention is too long for PostgreSQL
        ),
    )

    import_id: str = Field(primary_key=True, foreign_key="price_import.id")
    line_no: int = Field(primary_key=True)
    series_id: str = Field(foreign_key="price_series.id")
    observed_on: date
    price_per_gpu_hour: Decimal = Field(sa_type=Micros)
    fetched_at: datetime = Field(sa_type=UtcTime)


class PriceUnmappedRow(Table, table=True):
    """A row whose GPU name nobody knows yet: kept once, reported, part of no history.

    It goes when the same row is imported again and its name is known by then.
    """

    __tablename__ = "price_unmapped"

    import_id: str = Field(primary_key=True, foreign_key="price_import.id")
    line_no: int = Field(primary_key=True)
    raw: str = Field(sa_type=Text)
    reason: str
