"""Procurement plans, with what they were made from."""

from __future__ import annotations

from datetime import date, datetime

from sqlmodel import Field

from broker.store.columns import UtcTime
from broker.store.tables.root import Table


class ProcurementPlanRow(Table, table=True):
    """A plan as it was made; `input` and `plan` are JSON documents. Never changed."""

    __tablename__ = "procurement_plan"

    id: str = Field(primary_key=True)
    as_of: date
    months: int
    digest: str
    actor: str
    created_at: datetime = Field(sa_type=UtcTime, index=True)
    input: str
    plan: str
