"""Offers of suppliers as last polled, their changes, and how each poll went.

A poll that finds what the last one found writes one row per place and nothing per offer: when an
offer was last seen is said by its place.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, Index, Text, text
from sqlmodel import Field

from broker.store.columns import Micros, UtcTime
from broker.store.tables.root import Table

_THERE: dict[str, Any] = {
    "sqlite_where": text("gone_at IS NULL"),
    "postgresql_where": text("gone_at IS NULL"),
}


class PollRow(Table, table=True):
    """One supplier asked once: when, how it went, what it brought."""

    __tablename__ = "poll"
    __table_args__ = (Index("ix_poll_supplier", "supplier", "started_at"),)

    id: str = Field(primary_key=True)
    supplier: str
    started_at: datetime = Field(sa_type=UtcTime, index=True)
    finished_at: datetime = Field(sa_type=UtcTime)
    state: str  # ok, partial, failed, timed-out, not-configured, quarantined
    offers: int  # observed
    changes: int  # stored
    skips: int
    error_kind: str | None = None
    error: str | None = Field(default=None, sa_type=Text)
    actor: str


class PollPlaceRow(Table, table=True):
    """A region of a supplier: when it was last asked, and when it last answered whole.

    An offer without a region belongs to the place with the empty name.
    """

    __tablename__ = "poll_place"

    supplier: str = Field(primary_key=True)
    region: str = Field(primary_key=True)
    state: str  # ok, partial, failed, skipped
    tried_at: datetime = Field(sa_type=UtcTime)
    seen_at: datetime | None = Field(default=None, sa_type=UtcTime)  # last whole answer
    offers: int
    digest: str  # of the offers at seen_at: an answer with the same one changes nothing
    error_kind: str | None = None
    error: str | None = Field(default=None, sa_type=Text)


class PollSkipRow(Table, table=True):
    """What the last poll of a supplier left out, and why; nothing is dropped in silence."""

    __tablename__ = "poll_skip"

    supplier: str = Field(primary_key=True)
    native_id: str = Field(primary_key=True)
    reason: str = Field(primary_key=True)
    detail: str = Field(sa_type=Text)
    seen_at: datetime = Field(sa_type=UtcTime)  # first; it goes when an answer has it no more


class OfferRow(Table, table=True):
    """An offer as it stands now; `gone_at` when its place answered whole without it."""

    __tablename__ = "offer"
    __table_args__ = (
        CheckConstraint("price_per_instance > 0", name="above_zero"),
        Index("ix_offer_supplier", "supplier", "region"),
        # One in order of price, one by place; only what is there is ever searched. A search in
        # places reads the few rows that fit, one over all of them reads the cheapest and stops.
        Index("ix_offer_search", "gpu_model", "usd_per_gpu_hour", "gpu_count", **_THERE),
        Index("ix_offer_place", "gpu_model", "region", "gpu_count", "usd_per_gpu_hour", **_THERE),
    )

    id: str = Field(primary_key=True)  # a name-based UUID of the offer's key
    supplier: str
    native_id: str
    region: str | None = None
    zone: str | None = None
    terms: str
    offer_class: str | None = None
    gpu_model: str
    part: str | None = None
    form_factor: str | None = None
    gpu_memory_gb: int | None = None
    gpu_as_quoted: str
    gpu_count: int
    quoted_amount: str | None = None  # as written by the supplier
    quoted_unit: str | None = None
    currency: str | None = None
    price_per_instance: Decimal | None = Field(default=None, sa_type=Micros)
    usd_per_gpu_hour: Decimal | None = Field(default=None, sa_type=Micros)
    executable_price: Decimal | None = Field(default=None, sa_type=Micros)
    upfront_fee: Decimal | None = Field(default=None, sa_type=Micros)
    is_listed: bool
    stock_state: str
    stock_count: int | None = None
    stock_unit: str | None = None
    stock_at_least: bool
    stock_raw: str | None = None
    vcpus: int | None = None
    memory_gib: Decimal | None = Field(default=None, sa_type=Micros)
    interconnect: str | None = None
    upstream: str | None = None
    window_start: datetime | None = Field(default=None, sa_type=UtcTime)
    window_end: datetime | None = Field(default=None, sa_type=UtcTime)
    term_months: int | None = None
    min_units: int
    unit_step: int
    price_kind: str | None = None
    flags: str  # JSON list
    source: str
    digest: str  # of all that the supplier says of it: the same one, the same row
    first_seen_at: datetime = Field(sa_type=UtcTime)
    changed_at: datetime = Field(sa_type=UtcTime)  # when price, stock or presence last changed
    gone_at: datetime | None = Field(default=None, sa_type=UtcTime)


class OfferChangeRow(Table, table=True):
    """What an offer became at an instant: price, stock, or gone. Only changes are kept."""

    __tablename__ = "offer_change"

    offer_id: str = Field(primary_key=True, foreign_key="offer.id")
    at: datetime = Field(primary_key=True, sa_type=UtcTime)
    is_present: bool
    price_per_instance: Decimal | None = Field(default=None, sa_type=Micros)
    currency: str | None = None
    stock_state: str
    stock_count: int | None = None


class SpotPriceRow(Table, table=True):
    """A change of a spot price as the supplier itself remembers it."""

    __tablename__ = "spot_price"

    supplier: str = Field(primary_key=True)
    native_id: str = Field(primary_key=True)
    region: str = Field(primary_key=True)
    zone: str = Field(primary_key=True)
    at: datetime = Field(primary_key=True, sa_type=UtcTime)
    price_per_instance: Decimal = Field(sa_type=Micros)
    currency: str


class QuotaRow(Table, table=True):
    """A limit that a supplier sets on our account."""

    __tablename__ = "quota"

    supplier: str = Field(primary_key=True)
    region: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    unit: str  # vcpu, gpu, instance
    limit: Decimal = Field(sa_type=Micros)
    used: Decimal | None = Field(default=None, sa_type=Micros)
    seen_at: datetime = Field(sa_type=UtcTime)
