"""API keys."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field

from broker.store.columns import UtcTime
from broker.store.tables.root import Table


class ApiKeyRow(Table, table=True):
    """An API key: only its keyed hash is stored; the key itself is shown once."""

    __tablename__ = "api_key"
    __table_args__ = (
        Index(
            "uq_api_key_live_name",
            "name",
            unique=True,
            sqlite_where=text("revoked_at IS NULL AND replaced_by IS NULL"),
            postgresql_where=text("revoked_at IS NULL AND replaced_by IS NULL"),
        ),
    )

    id: str = Field(primary_key=True)
    name: str
    role: str
    digest: str
    last4: str
    created_at: datetime = Field(sa_type=UtcTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcTime)
    first_id: str | None = None  # the first of a line of keys, each of which replaced another
    replaced_by: str | None = None
