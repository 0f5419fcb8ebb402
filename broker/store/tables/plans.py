"""Placement plans that were made, with the snapshots they were made from."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Text, UniqueConstraint
from sqlmodel import Field

from broker.store.columns import UtcTime
from broker.store.tables.root import Table


class PlanRow(Table, table=True):
    """A plan as it was handed out. Snapshot and plan are JSON text, exactly as people read them."""

    __tablename__ = "placement_plan"
    __table_args__ = (
        UniqueConstraint("principal", "idempotency_key", name="uq_placement_plan_key"),
    )

    id: str = Field(primary_key=True)
    created_at: datetime = Field(sa_type=UtcTime)
    as_of: datetime = Field(sa_type=UtcTime)  # of the snapshot
    actor: str
    kind: str  # live, snapshot, what-if, replan
    status: str  # optimal, feasible, short
    digest: str  # of what is to be done: equal plans have equal ones
    parent_id: str | None = Field(
        default=None, foreign_key="placement_plan.id"
    )  # what it started from
    snapshot: str = Field(sa_type=Text)
    plan: str = Field(sa_type=Text)
    principal: str | None = None  # with the next two: of a request that came with a key
    idempotency_key: str | None = None
    fingerprint: str | None = None  # of the body
