"""Suppliers, contracts, quotes, obligations: copies of what the events tell, plus assumptions."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, Text, UniqueConstraint
from sqlmodel import Field

from broker.store.columns import Micros, UtcTime
from broker.store.tables.root import Table


class SupplierRow(Table, table=True):
    """Who sells to us."""

    __tablename__ = "supplier"

    key: str = Field(primary_key=True)
    legal_name: str
    aliases: str = Field(sa_type=Text)
    country: str | None = None


class SupplierTierRow(Table, table=True):
    """What a rating scheme said of a supplier."""

    __tablename__ = "supplier_tier"

    supplier_key: str = Field(primary_key=True, foreign_key="supplier.key")
    position: int = Field(primary_key=True)
    scheme: str
    edition: str
    tier: str
    on: date
    source: str


class ContractRow(Table, table=True):
    """One contract as it stands."""

    __tablename__ = "contract"
    __table_args__ = (UniqueConstraint("supplier_key", "folded_ref"),)

    id: str = Field(primary_key=True)
    supplier_key: str = Field(foreign_key="supplier.key", index=True)
    ref: str
    folded_ref: str
    currency: str
    timezone: str
    state: str
    owner: str | None = None
    start_on: date | None = None
    end_on: date | None = None
    head_hash: str
    recorded_at: datetime = Field(sa_type=UtcTime)


class ContractLineRow(Table, table=True):
    """One line of a contract; `end_on` is the first day without service."""

    __tablename__ = "contract_line"
    __table_args__ = (
        UniqueConstraint("contract_id", "line_no"),
        CheckConstraint("gpu_count > 0", name="gpus_above_zero"),
        CheckConstraint("end_on IS NULL OR start_on < end_on", name="runs_forward"),
    )

    id: str = Field(primary_key=True)
    contract_id: str = Field(foreign_key="contract.id", index=True)
    line_no: int
    gpu_model: str = Field(index=True)
    form_factor: str | None = None
    gpu_count: int
    gpus_per_node: int | None = None
    region: str | None = None
    site: str | None = None
    interconnect: str | None = None
    start_on: date
    end_on: date | None = Field(default=None, index=True)
    term_months: int | None = None
    prepay_pct: Decimal | None = Field(default=None, sa_type=Micros)
    take_or_pay_pct: Decimal | None = Field(default=None, sa_type=Micros)
    sla_pct: Decimal | None = Field(default=None, sa_type=Micros)
    payment_terms_days: int | None = None
    owner: str | None = None
    notes: str | None = Field(default=None, sa_type=Text)
    source: str


class TrancheRow(Table, table=True):
    """One delivery of a line."""

    __tablename__ = "tranche"
    __table_args__ = (CheckConstraint("gpu_count > 0", name="gpus_above_zero"),)

    line_id: str = Field(primary_key=True, foreign_key="contract_line.id")
    tranche_no: int = Field(primary_key=True)
    gpu_count: int
    delivery_on: date
    accept_by: date | None = None
    drop_dead_on: date | None = None
    late_credit_pct_per_week: Decimal | None = Field(default=None, sa_type=Micros)
    site: str | None = None
    accepted_on: date | None = None


class PricePeriodRow(Table, table=True):
    """What a GPU-hour of a line costs from one day to another, and when we knew."""

    __tablename__ = "price_period"
    __table_args__ = (
        CheckConstraint("valid_to IS NULL OR valid_from < valid_to", name="runs_forward"),
        CheckConstraint("price_per_gpu_hour >= 0 AND unit_price >= 0", name="not_negative"),
    )

    line_id: str = Field(primary_key=True, foreign_key="contract_line.id")
    position: int = Field(primary_key=True)
    kind: str
    tranche_no: int | None = None
    valid_from: date
    valid_to: date | None = None
    unit_price: Decimal = Field(sa_type=Micros)
    price_basis: str
    price_per_gpu_hour: Decimal = Field(sa_type=Micros)
    currency: str
    recorded_at: datetime = Field(sa_type=UtcTime)
    superseded_at: datetime | None = Field(default=None, sa_type=UtcTime)
    source_event: str


class RenewalTermRow(Table, table=True):
    """The renewal right of a line."""

    __tablename__ = "renewal_term"

    line_id: str = Field(primary_key=True, foreign_key="contract_line.id")
    position: int = Field(primary_key=True)
    renewal_type: str | None = None
    renewal_term_months: int | None = None
    notice_period: str | None = None
    uplift_cap_pct: Decimal | None = Field(default=None, sa_type=Micros)
    valid_from: date
    recorded_at: datetime = Field(sa_type=UtcTime)
    superseded_at: datetime | None = Field(default=None, sa_type=UtcTime)
    source_event: str


class AmendmentRow(Table, table=True):
    """A proposed change of signed terms that nobody has decided yet."""

    __tablename__ = "amendment"

    id: str = Field(primary_key=True)
    contract_id: str = Field(foreign_key="contract.id", index=True)
    line_no: int
    changes: str = Field(sa_type=Text)
    source: str
    proposed_at: datetime = Field(sa_type=UtcTime)
    proposed_by: str


class QuoteRow(Table, table=True):
    """An offer in writing; `contract_id` is set when it renews a line of that contract."""

    __tablename__ = "quote"
    __table_args__ = (
        CheckConstraint("gpu_count > 0", name="gpus_above_zero"),
        CheckConstraint("price_per_gpu_hour >= 0 AND unit_price >= 0", name="not_negative"),
    )

    id: str = Field(primary_key=True)
    stream: str = Field(index=True)
    supplier_key: str = Field(foreign_key="supplier.key", index=True)
    contract_id: str | None = Field(default=None, foreign_key="contract.id", index=True)
    renews_line_no: int | None = None
    kind: str
    state: str
    gpu_model: str = Field(index=True)
    form_factor: str | None = None
    gpu_count: int
    region: str | None = None
    term_months: int | None = None
    unit_price: Decimal = Field(sa_type=Micros)
    price_basis: str
    price_per_gpu_hour: Decimal = Field(sa_type=Micros)
    currency: str
    prepay_pct: Decimal | None = Field(default=None, sa_type=Micros)
    delivery_on: date | None = None
    lead_time_days: int | None = None
    received_on: date
    valid_until: date | None = None
    supersedes: str | None = None
    document: str | None = None


class ObligationRow(Table, table=True):
    """A duty with a day, computed from the contract as it stands."""

    __tablename__ = "obligation"

    id: str = Field(primary_key=True)
    contract_id: str = Field(foreign_key="contract.id", index=True)
    line_no: int | None = None
    kind: str
    subject: str
    due_on: date = Field(index=True)
    computed_from: str
    rule_version: int
    state: str
    closed_by: str | None = None
    evidence: str | None = Field(default=None, sa_type=Text)


class AssumptionRow(Table, table=True):
    """A figure that a brief rests on and no contract states; a newer row replaces an older one."""

    __tablename__ = "assumption"

    id: str = Field(primary_key=True)
    name: str = Field(index=True)
    scope: str = Field(index=True)
    value: str
    valid_from: date
    source: str
    actor: str
    recorded_at: datetime = Field(sa_type=UtcTime)


class FxRateRow(Table, table=True):
    """One unit of `base` costs `rate` units of `quote` on a day."""

    __tablename__ = "fx_rate"

    base: str = Field(primary_key=True)
    quote: str = Field(primary_key=True)
    on: date = Field(primary_key=True)
    rate: str
    source: str


class ImportBatchRow(Table, table=True):
    """A contract sheet that was committed: what, when, by whom."""

    __tablename__ = "import_batch"

    id: str = Field(primary_key=True)
    sha256: str = Field(index=True)
    file: str
    actor: str
    recorded_at: datetime = Field(sa_type=UtcTime)
    summary: str = Field(sa_type=Text)
