"""What is asked of us: forecasts, metered use, and the profiles of the models that serve it."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, CheckConstraint, Text
from sqlmodel import Field

from broker.store.columns import Micros, UtcTime
from broker.store.tables.root import Table


class DemandForecastRow(Table, table=True):
    """One row of a forecast, in one version; only added to."""

    __tablename__ = "demand_forecast"
    __table_args__ = (
        CheckConstraint("p90_tokens_per_second >= p50_tokens_per_second", name="p90_not_below"),
    )

    model: str = Field(primary_key=True)
    class_name: str = Field(primary_key=True)
    node: str = Field(primary_key=True)
    month: date = Field(primary_key=True)  # its first day
    workload_class: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    p50_tokens_per_second: Decimal = Field(sa_type=Micros)
    p90_tokens_per_second: Decimal = Field(sa_type=Micros)
    source: str  # who forecasts
    file: str
    actor: str
    recorded_at: datetime = Field(sa_type=UtcTime)


class DemandSampleRow(Table, table=True):
    """Tokens of a model's class that came from a node in one window of time."""

    __tablename__ = "demand_sample"
    __table_args__ = (CheckConstraint("seconds > 0", name="lasted"),)

    model: str = Field(primary_key=True)
    class_name: str = Field(primary_key=True)
    node: str = Field(primary_key=True)
    started_at: datetime = Field(primary_key=True, sa_type=UtcTime)
    seconds: int
    input_tokens: int = Field(sa_type=BigInteger)
    output_tokens: int = Field(sa_type=BigInteger)
    file: str
    actor: str
    recorded_at: datetime = Field(sa_type=UtcTime)


class ModelProfileRow(Table, table=True):
    """A revision of a model's profile; the last one counts, and one without a document ends it."""

    __tablename__ = "model_profile"

    model: str = Field(primary_key=True)
    revision: int = Field(primary_key=True)
    document: str | None = Field(default=None, sa_type=Text)  # JSON, as it would be imported
    file: str
    actor: str
    recorded_at: datetime = Field(sa_type=UtcTime)
