"""The book of record: events and their heads."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Text, UniqueConstraint
from sqlmodel import Field

from broker.store.columns import UtcTime
from broker.store.tables.root import Table


class EventRow(Table, table=True):
    """One event; see broker.contracts.event. Triggers refuse UPDATE and DELETE."""

    __tablename__ = "event"
    __table_args__ = (
        UniqueConstraint("stream", "seq"),
        UniqueConstraint("stream", "prev_hash"),  # a chain cannot fork
    )

    id: int | None = Field(default=None, primary_key=True)
    stream: str
    seq: int
    kind: str
    payload: str = Field(sa_type=Text)
    valid_from: date
    recorded_at: datetime = Field(sa_type=UtcTime)
    actor: str
    reason: str
    document: str | None = None
    prev_hash: str
    hash: str


class StreamHeadRow(Table, table=True):
    """The last event of each stream, kept beside the chain so that a lost tail shows."""

    __tablename__ = "stream_head"

    stream: str = Field(primary_key=True)
    seq: int
    hash: str
