"""Runs of scheduled jobs, where the row is the claim, and running totals."""

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


class TallyRow(Table, table=True):
    """How often something has ended in a way since the database was made, and when it last did."""

    __tablename__ = "tally"

    kind: str = Field(primary_key=True)  # job-run, poll
    name: str = Field(primary_key=True)  # of the job, of the supplier
    outcome: str = Field(primary_key=True)
    total: int = Field(sa_type=BigInteger)
    last_at: datetime = Field(sa_type=UtcTime)
