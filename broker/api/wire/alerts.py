"""Alerts, their history and their rules as they cross the network."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from broker.alerts.alert import RuleName, Severity
from broker.alerts.inbox import AlertAction, AlertState
from broker.flows.evaluate_alerts import EvaluationReport, Told
from broker.flows.handle_alert import AlertWithHistory
from broker.flows.set_alert_rule import RuleSettings
from broker.store.alerts import details_of
from broker.store.tables import AlertEventRow, AlertRow

AlertName = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f-]{4,64}$",
        description="an id or a fingerprint, or the beginning of either that no other alert has",
    ),
]
Reason = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"\S")]


class Alert(BaseModel):
    """Something that somebody should act on."""

    id: str
    fingerprint: str = Field(description="the same for the same rule, object and step")
    rule: RuleName
    severity: Severity
    subject: str
    message: str
    object_id: str
    step: str
    raised_on: date
    deadline: date | None
    state: AlertState
    assignee: str | None
    snoozed_until: date | None
    details: dict[str, str]
    recorded_at: datetime

    @classmethod
    def of(cls, row: AlertRow) -> Alert:
        """Return an alert as it is shown."""
        return cls(**_fields(row))


class EvaluatedAlert(Alert):
    """An alert that an evaluation tells of."""

    new: bool = Field(description="false when an earlier evaluation had raised it")

    @classmethod
    def told(cls, told: Told) -> EvaluatedAlert:
        """Return an alert as an evaluation tells of it."""
        return cls(**_fields(told.alert), new=told.is_new)


class AlertList(BaseModel):
    """Alerts, the newest first."""

    items: list[Alert]


class AlertEvent(BaseModel):
    """What was done about an alert, by whom and why."""

    action: AlertAction
    actor: str
    reason: str
    detail: str | None
    recorded_at: datetime

    @classmethod
    def of(cls, row: AlertEventRow) -> AlertEvent:
        """Return an entry of the history as it is shown."""
        return cls(
            action=AlertAction(row.action),
            actor=row.actor,
            reason=row.reason,
            detail=row.detail,
            recorded_at=row.recorded_at,
        )


class AlertDetail(Alert):
    """An alert with its history, oldest first."""

    events: list[AlertEvent]

    @classmethod
    def with_history(cls, found: AlertWithHistory) -> AlertDetail:
        """Return an alert with its history as it is shown."""
        events = [AlertEvent.of(row) for row in found.history]
        return cls(**_fields(found.alert), events=events)


class EvaluationRequest(BaseModel):
    """Up to which day to evaluate, and from which on to look again."""

    model_config = ConfigDict(extra="forbid")

    as_of: date | None = Field(default=None, description="unset: the business day")
    since: date | None = Field(
        default=None, description="look again from this day on; unset: after the last one"
    )


class Evaluation(BaseModel):
    """What an evaluation looked at and what it changed."""

    first: date
    until: date
    alerts: list[EvaluatedAlert] = Field(description="oldest first")
    cleared: int = Field(description="resolved, because what they were about is gone")
    returned: int = Field(description="open again, because what had been cleared is back")
    woken: int = Field(description="open again, because the snooze is over")

    @classmethod
    def of(cls, report: EvaluationReport) -> Evaluation:
        """Return an evaluation as it is shown."""
        return cls(
            first=report.first,
            until=report.until,
            alerts=[EvaluatedAlert.told(told) for told in report.told],
            cleared=report.cleared,
            returned=report.returned,
            woken=report.woken,
        )


class Reasoned(BaseModel):
    """Why somebody moves an alert."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


class Assignment(Reasoned):
    """Who is to see to an alert."""

    to: Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]


class Snooze(Reasoned):
    """Until when an alert is put off; not past its deadline."""

    until: date


class BandValue(BaseModel):
    """A level where an alert is raised, and the lower one where it clears."""

    model_config = ConfigDict(extra="forbid")

    raise_above: str
    clear_at: str


ThresholdValue = str | StrictInt | list[StrictInt | str] | BandValue


class ThresholdSetting(BaseModel):
    """Thresholds set for a scope, and by whom."""

    scope: str
    values: dict[str, ThresholdValue]
    actor: str
    recorded_at: datetime


class AlertRule(BaseModel):
    """A rule, the thresholds that hold everywhere else, and what is set for narrower scopes."""

    rule: RuleName
    thresholds: dict[str, ThresholdValue]
    sources: dict[str, str] = Field(description='"default" or "global", by threshold')
    overrides: list[ThresholdSetting]

    @classmethod
    def of(cls, settings: RuleSettings) -> AlertRule:
        """Return a rule as it is shown."""
        return cls(
            rule=settings.rule,
            thresholds=dict(settings.values),
            sources=dict(settings.sources),
            overrides=[
                ThresholdSetting(
                    scope=each.scope,
                    values=dict(each.values),
                    actor=each.actor,
                    recorded_at=each.recorded_at,
                )
                for each in settings.overrides
            ],
        )


class AlertRuleList(BaseModel):
    """Every rule."""

    items: list[AlertRule]


class AlertRuleChange(BaseModel):
    """The thresholds that are to hold within a scope, in place of all that were set for it."""

    model_config = ConfigDict(extra="forbid")

    scope: str = Field(
        default="global",
        max_length=200,
        description="global, supplier:KEY, contract:REF or gpu_model:MODEL",
    )
    values: dict[str, ThresholdValue] = Field(description="empty: nothing is set for the scope")

    def plain_values(self) -> dict[str, object]:
        """Return the values as the rules read them."""
        plain: dict[str, object] = self.model_dump()["values"]
        return plain


def _fields(row: AlertRow) -> dict[str, object]:
    return {
        "id": row.id,
        "fingerprint": row.fingerprint,
        "rule": row.rule,
        "severity": row.severity,
        "subject": row.subject,
        "message": row.message,
        "object_id": row.object_id,
        "step": row.step,
        "raised_on": row.raised_on,
        "deadline": row.deadline_on,
        "state": row.state,
        "assignee": row.assignee,
        "snoozed_until": row.snoozed_until,
        "details": details_of(row),
        "recorded_at": row.recorded_at,
    }
