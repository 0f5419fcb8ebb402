"""Runs of scheduled jobs: the row is the claim."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field

from broker.store.columns import UtcTime
from broker.store.tables.root import Table


class JobRunRow(Table, table=True):
    """A slot of a job and who runs it; `attempt` fences off whoever was replaced."""

    __tablename__ = "job_run"
    __table_args__ = (
        Index(
            "uq_job_run_running",
            "job",
            unique=True,
            sqlite_where=text("state = 'running'"),
            postgresql_where=text("state = 'running'"),
        ),
    )

    job: str = Field(primary_key=True)
    slot: int = Field(primary_key=True, sa_type=BigInteger)  # database time divided by the period
    attempt: int
    owner: str
    state: str  # running, done, failed
    started_at: datetime = Field(sa_type=UtcTime)
    beat_at: datetime = Field(sa_type=UtcTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcTime)
    error: str | None = Field(default=None, sa_type=Text)
