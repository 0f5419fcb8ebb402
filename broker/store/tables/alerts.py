"""Alerts, what was done about them, and the outbox."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Text, UniqueConstraint
from sqlmodel import Field

from broker.store.columns import UtcTime
from broker.store.tables.root import Table


class AlertRuleRow(Table, table=True):
    """A threshold that differs from the default, for a scope; the narrowest scope wins."""

    __tablename__ = "alert_rule"

    rule: str = Field(primary_key=True)
    scope_kind: str = Field(primary_key=True)
    scope_value: str = Field(primary_key=True)
    thresholds: str = Field(sa_type=Text)
    actor: str
    recorded_at: datetime = Field(sa_type=UtcTime)


class AlertRow(Table, table=True):
    """Something that somebody should act on, told once."""

    __tablename__ = "alert"

    id: str = Field(primary_key=True)
    fingerprint: str = Field(unique=True)
    rule: str = Field(index=True)
    severity: str
    subject: str
    object_id: str = Field(index=True)
    step: str
    message: str = Field(sa_type=Text)
    details: str = Field(sa_type=Text)
    raised_on: date = Field(index=True)
    recorded_at: datetime = Field(sa_type=UtcTime)
    deadline_on: date | None = None
    state: str = Field(index=True)
    assignee: str | None = None
    snoozed_until: date | None = None


class AlertEventRow(Table, table=True):
    """What somebody did about an alert, and why."""

    __tablename__ = "alert_event"

    id: str = Field(primary_key=True)
    alert_id: str = Field(foreign_key="alert.id", index=True)
    action: str
    actor: str
    reason: str
    detail: str | None = None
    recorded_at: datetime = Field(sa_type=UtcTime)


class OutboxRow(Table, table=True):
    """A message that must go out through one channel, written in the transaction that raised it."""

    __tablename__ = "outbox"
    __table_args__ = (UniqueConstraint("fingerprint", "channel"),)

    id: str = Field(primary_key=True)
    fingerprint: str
    channel: str
    payload: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UtcTime)
    due_at: datetime = Field(sa_type=UtcTime, index=True)
    attempts: int = 0
    claimed_until: datetime | None = Field(default=None, sa_type=UtcTime)
    delivered_at: datetime | None = Field(default=None, sa_type=UtcTime)
    last_error: str | None = None


class EvaluationRow(Table, table=True):
    """The last day that a group of rules has been evaluated for."""

    __tablename__ = "evaluation"

    rules: str = Field(primary_key=True)
    last_day: date
