"""Pools, capacity requests, leases, and everything that is told of them.

The hot path writes these tables by plain SQL (`broker.store.grants`); whatever else writes them
takes the locks in the same order: pools by id, then requests, then leases.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, Text, UniqueConstraint, text
from sqlmodel import Field

from broker.store.columns import Micros, UtcTime
from broker.store.tables.root import Table

_SEQUENCE = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts only INTEGER keys


class PoolRow(Table, table=True):
    """GPUs of one model at one place under one contract line, or on demand up to a limit.

    The six counts are the accounts of the pool, the supplier's is their negative sum; `gen` grows
    with every change. `kept_back` of the available GPUs are spares that no lease gets. What is
    `scheduled` stands in no account yet: these GPUs are leased from a later moment on.
    """

    __tablename__ = "pool"
    __table_args__ = (
        CheckConstraint("undelivered >= 0", name="undelivered"),
        CheckConstraint("available >= 0", name="available"),
        CheckConstraint("held >= 0", name="held"),
        CheckConstraint("leased >= 0", name="leased"),
        CheckConstraint("down >= 0", name="down"),
        CheckConstraint("returned >= 0", name="returned"),
        CheckConstraint(
            "undelivered + available + held + leased + down + returned = contracted",
            name="balance",
        ),
        CheckConstraint("kept_back >= 0 AND claimed >= 0", name="kept_back"),
        CheckConstraint("scheduled >= 0", name="scheduled"),
        # A hot pool changes hundreds of times a second: room for its versions on the same page.
        {"postgresql_with": {"fillfactor": 20}},
    )

    id: str = Field(primary_key=True)  # a name-based UUID of the source
    source: str = Field(unique=True)  # "line/<id>" or "offer/<id>"
    kind: str  # contract, on-demand
    supplier: str = Field(index=True)
    contract_id: str | None = None
    contract_ref: str | None = None
    line_no: int | None = None
    gpu_model: str = Field(index=True)
    form_factor: str | None = None
    region: str | None = None
    residency: str | None = None  # ISO 3166 country, as of the supplier's region
    tier: str | None = None  # latest published rating
    reliability_ppm: int | None = None  # SLA as parts per million
    node_size: int
    contracted: int
    undelivered: int
    available: int
    held: int  # granted and not confirmed yet
    leased: int
    down: int
    returned: int
    kept_back: int  # spares
    claimed: int  # of the available: promised to a waiting request
    scheduled: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    gen: int = Field(sa_type=BigInteger)
    gpu_limit: int | None = None  # of a pool on demand: as a person set it
    standing: str = Field(  # open, cordoned, draining: as a person ordered it
        default="open", sa_column_kwargs={"server_default": "open"}
    )
    closing: str | None = None  # why the books close it further: owed-back, offer-gone
    is_cordoned: bool  # no new leases; by standing or closing
    is_draining: bool  # and leases are not renewed past their end
    opens_at: datetime | None = Field(default=None, sa_type=UtcTime)
    closes_at: datetime | None = Field(default=None, sa_type=UtcTime)  # no lease outlives it
    marginal_price: Decimal | None = Field(default=None, sa_type=Micros)  # per GPU-hour
    effective_price: Decimal | None = Field(default=None, sa_type=Micros)  # per GPU-hour
    currency: str | None = None
    usd_marginal: Decimal | None = Field(default=None, sa_type=Micros)  # by which pools are ordered
    usd_effective: Decimal | None = Field(default=None, sa_type=Micros)
    confirm_seconds: int  # a grant nobody confirms by then goes back
    grace_seconds: int  # between a preemption or an expiry and the next grant
    changed_at: datetime = Field(sa_type=UtcTime)


class CapacityRequestRow(Table, table=True):
    """What a holder asked for, once per key, and what became of it."""

    __tablename__ = "capacity_request"
    __table_args__ = (
        UniqueConstraint("principal", "idempotency_key", name="uq_capacity_request_key"),
        Index(
            "ix_capacity_request_waiting",
            "priority",
            "created_at",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
    )

    id: str = Field(primary_key=True)
    principal: str  # the API key's id, or the subject of a token
    idempotency_key: str
    fingerprint: str  # of the validated body
    spec: str = Field(sa_type=Text)  # JSON
    holder: str = Field(index=True)
    gpu_count: int
    priority: int
    state: str  # pending, granted, rejected, cancelled
    reason: str | None = None  # a code
    detail: str | None = Field(default=None, sa_type=Text)
    lease_id: str | None = Field(default=None, index=True)
    created_at: datetime = Field(sa_type=UtcTime, index=True)
    deadline_at: datetime | None = Field(default=None, sa_type=UtcTime)
    decided_at: datetime | None = Field(default=None, sa_type=UtcTime)
    rev: int


class LeaseRow(Table, table=True):
    """GPUs granted to a holder. `fence` grows with every grant: whoever holds a lower one is late."""

    __tablename__ = "lease"
    __table_args__ = (
        Index(
            "ix_lease_due",
            "expires_at",
            sqlite_where=text("is_live"),
            postgresql_where=text("is_live"),
        ),
        Index(
            "ix_lease_scheduled",
            "starts_at",
            sqlite_where=text("state = 'scheduled'"),
            postgresql_where=text("state = 'scheduled'"),
        ),
        Index(
            "ix_lease_timed",
            "ends_at",
            sqlite_where=text("is_live AND ends_at IS NOT NULL"),
            postgresql_where=text("is_live AND ends_at IS NOT NULL"),
        ),
    )

    id: str = Field(primary_key=True)
    request_id: str = Field(unique=True, foreign_key="capacity_request.id")
    principal: str = Field(index=True)
    holder: str = Field(index=True)
    state: str  # scheduled, granted, active, preempting, released, expired, preempted
    is_live: bool  # the first four
    reason: str | None = None
    priority: int
    is_preemptible: bool
    gpu_count: int
    fence: int = Field(sa_type=BigInteger, unique=True)
    ttl_seconds: int
    granted_at: datetime = Field(sa_type=UtcTime)
    starts_at: datetime = Field(sa_type=UtcTime)
    ends_at: datetime | None = Field(default=None, sa_type=UtcTime)  # stated, or of a preemption
    expires_at: datetime = Field(sa_type=UtcTime)  # of a scheduled lease: its start
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcTime)
    rev: int


class LeaseLineRow(Table, table=True):
    """The part of a lease that stands in one pool, with the prices it was granted at."""

    __tablename__ = "lease_line"

    lease_id: str = Field(primary_key=True, foreign_key="lease.id")
    pool_id: str = Field(primary_key=True, foreign_key="pool.id", index=True)
    gpu_count: int
    marginal_price: Decimal | None = Field(default=None, sa_type=Micros)
    effective_price: Decimal | None = Field(default=None, sa_type=Micros)
    currency: str | None = None


class FenceRow(Table, table=True):
    """The last fence that was given out: one row."""

    __tablename__ = "fence"

    name: str = Field(primary_key=True)
    last: int = Field(sa_type=BigInteger)


class CapacityTransferRow(Table, table=True):
    """GPUs moved from one account of a pool to another: one debit, one credit."""

    __tablename__ = "capacity_transfer"
    __table_args__ = (CheckConstraint("gpu_count > 0", name="above_zero"),)

    seq: int | None = Field(default=None, sa_type=_SEQUENCE, primary_key=True)
    pool_id: str = Field(foreign_key="pool.id", index=True)
    debit: str  # supplier, undelivered, available, held, leased, down, returned
    credit: str
    gpu_count: int
    cause: str  # "lease <id> granted", "tranche 2 accepted"
    actor: str
    at: datetime = Field(sa_type=UtcTime)


class CapacityEventRow(Table, table=True):
    """What happened to a request, lease or pool, in the order in which it was written."""

    __tablename__ = "capacity_event"

    seq: int | None = Field(default=None, sa_type=_SEQUENCE, primary_key=True)
    kind: str  # "lease.granted"
    object_id: str = Field(index=True)
    holder: str | None = Field(default=None, index=True)
    principal: str | None = None
    at: datetime = Field(sa_type=UtcTime)
    data: str = Field(sa_type=Text)  # JSON, without contract prices


class HolderQuotaRow(Table, table=True):
    """How many GPUs of a model a holder is sure of, and how many it may have at most."""

    __tablename__ = "holder_quota"

    holder: str = Field(primary_key=True)
    gpu_model: str = Field(primary_key=True)  # "*" for all
    guaranteed: int
    most: int | None = None  # None: may borrow whatever is free
    actor: str
    recorded_at: datetime = Field(sa_type=UtcTime)


class SweepRow(Table, table=True):
    """When leases were last swept, by the clock of the database: one row."""

    __tablename__ = "sweep"

    name: str = Field(primary_key=True)
    swept_at: datetime = Field(sa_type=UtcTime)
    paused_until: datetime | None = Field(default=None, sa_type=UtcTime)


class AuditRow(Table, table=True):
    """Who changed what, chained by hash; only added to."""

    __tablename__ = "audit"

    seq: int | None = Field(default=None, sa_type=_SEQUENCE, primary_key=True)
    at: datetime = Field(sa_type=UtcTime)
    actor: str
    key_id: str | None = None
    action: str
    object_id: str
    status: int | None = None  # HTTP, of a request that was answered
    before_hash: str | None = None
    after_hash: str | None = None
    request_id: str | None = None
    address: str | None = None
    prev_hash: str = Field(unique=True)  # a second row after the same one would be a fork
    hash: str


class WebhookEndpointRow(Table, table=True):
    """Where capacity events are posted."""

    __tablename__ = "webhook_endpoint"

    id: str = Field(primary_key=True)
    url: str
    secret: str
    kinds: str  # JSON list; empty for all
    next_seq: int = Field(sa_type=BigInteger)  # of the first event not delivered yet
    attempts: int
    due_at: datetime = Field(sa_type=UtcTime)
    claimed_until: datetime | None = Field(default=None, sa_type=UtcTime)
    last_error: str | None = None
    disabled_at: datetime | None = Field(default=None, sa_type=UtcTime)
    actor: str
    created_at: datetime = Field(sa_type=UtcTime)
