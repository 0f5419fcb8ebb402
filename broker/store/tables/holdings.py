"""What suppliers' own books say is ours."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlmodel import Field

from broker.store.columns import Micros, UtcTime
from broker.store.tables.root import Table


class HoldingRow(Table, table=True):
    """A reservation, block or commitment as last stated; `gone_at` when it was no longer listed."""

    __tablename__ = "holding"

    supplier: str = Field(primary_key=True)
    resource_id: str = Field(primary_key=True)
    kind: str
    name: str | None = None
    region: str | None = None
    zone: str | None = None
    native_type: str | None = None
    gpu_model: str | None = None
    part: str | None = None
    gpus_per_unit: int | None = None
    quantity: int | None = None
    unit: str
    used: int | None = None
    start_at: datetime | None = Field(default=None, sa_type=UtcTime)
    end_at: datetime | None = Field(default=None, sa_type=UtcTime)
    state: str
    provider_state: str
    next_change_at: datetime | None = Field(default=None, sa_type=UtcTime)
    next_change_to: int | None = None
    delivered_at: datetime | None = Field(default=None, sa_type=UtcTime)
    price_per_gpu_hour: Decimal | None = Field(default=None, sa_type=Micros)
    upfront_fee: Decimal | None = Field(default=None, sa_type=Micros)
    hourly_commitment: Decimal | None = Field(default=None, sa_type=Micros)
    currency: str | None = None
    source: str
    first_seen_at: datetime = Field(sa_type=UtcTime)
    seen_at: datetime = Field(sa_type=UtcTime)
    gone_at: datetime | None = Field(default=None, sa_type=UtcTime)
    contract_id: str | None = Field(default=None, foreign_key="contract.id")  # adopted as
