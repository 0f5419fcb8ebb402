"""Alerts and what was done about them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, func, select

from broker.alerts.alert import Finding, Level, RuleName, Severity
from broker.alerts.inbox import Alert, AlertAction, AlertState
from broker.errors import BadInputError, NotFoundError
from broker.identity import new_id
from broker.store.tables import AlertEventRow, AlertRow

SHORTEST_NAME = 4
"""Characters of an id or a fingerprint that a person must at least give."""

_NAME = re.compile(r"[0-9a-f-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFilter:
    """Which alerts to list; None lets everything through."""

    state: AlertState | None = None
    rule: RuleName | None = None
    severity: Severity | None = None
    since: date | None = None  # raised on this day or later


def list_alerts(
    session: Session, wanted: AlertFilter, *, limit: int | None = None
) -> list[AlertRow]:
    """Return the alerts that pass the filter, newest first."""
    query = select(AlertRow)
    if wanted.state is not None:
        query = query.where(AlertRow.state == wanted.state.value)
    if wanted.rule is not None:
        query = query.where(AlertRow.rule == wanted.rule.value)
    if wanted.severity is not None:
        query = query.where(AlertRow.severity == wanted.severity.value)
    if wanted.since is not None:
        query = query.where(col(AlertRow.raised_on) >= wanted.since)
    newest_first = (col(AlertRow.raised_on).desc(), col(AlertRow.id).desc())
    return list(session.exec(query.order_by(*newest_first).limit(limit)))


def alerts_by_fingerprint(session: Session) -> dict[str, AlertRow]:
    """Return every alert there ever was."""
    return {row.fingerprint: row for row in session.exec(select(AlertRow))}


def find_alert(session: Session, name: str, *, lock: bool = False) -> AlertRow:
    """Return the alert that a person means: an id, a fingerprint, or the beginning of either.

    `lock` keeps others from moving it until the transaction ends. Raises NotFoundError, or
    BadInputError when several alerts begin like this.
    """
    folded = name.strip().lower()
    if len(folded) < SHORTEST_NAME or not _NAME.fullmatch(folded):
        raise BadInputError(
            f"name an alert by its id or fingerprint, or by the first {SHORTEST_NAME} or more "
            "characters of either; see: tonnage alerts list"
        )
    query = select(AlertRow).where(
        col(AlertRow.id).startswith(folded) | col(AlertRow.fingerprint).startswith(folded)
    )
    found = session.exec((query.with_for_update() if lock else query).limit(2)).all()
    if not found:
        raise NotFoundError("there is no such alert; see: tonnage alerts list")
    if len(found) > 1:
        raise BadInputError("several alerts begin like this; give more characters")
    return found[0]


def add_alert(session: Session, finding: Finding, *, actor: str, at: datetime) -> AlertRow:
    """Write a finding down as an open alert, with the first entry of its history."""
    row = AlertRow(
        id=new_id(),
        fingerprint=finding.fingerprint,
        rule=finding.rule.value,
        severity=finding.severity.value,
        subject=finding.subject,
        object_id=finding.object_id,
        step=finding.step,
        message=finding.message,
        details=json.dumps({**finding.details, "level": finding.level.name.lower()}),
        raised_on=finding.raised_on,
        recorded_at=at,
        deadline_on=finding.deadline_on,
        state=AlertState.OPEN.value,
    )
    session.add(row)
    session.flush()
    reason = f"the rule {finding.rule.value} spoke"
    add_event(session, row, AlertAction.RAISED, actor=actor, reason=reason, at=at)
    return row


def add_event(
    session: Session,
    alert: AlertRow,
    action: AlertAction,
    *,
    actor: str,
    reason: str,
    at: datetime,
    detail: str | None = None,
) -> None:
    """Add an entry to the history of an alert."""
    session.add(
        AlertEventRow(
            id=new_id(),
            alert_id=alert.id,
            action=action.value,
            actor=actor,
            reason=reason,
            detail=detail,
            recorded_at=at,
        )
    )


def history_of(session: Session, alert: AlertRow) -> list[AlertEventRow]:
    """Return what happened to an alert, oldest first."""
    query = select(AlertEventRow).where(AlertEventRow.alert_id == alert.id)
    return list(session.exec(query.order_by(col(AlertEventRow.id))))


def cleared_ids(session: Session) -> frozenset[str]:
    """Return the ids of the resolved alerts that an evaluation, and not a person, resolved."""
    last = select(func.max(AlertEventRow.id)).group_by(col(AlertEventRow.alert_id))
    query = (
        select(AlertRow.id)
        .join(AlertEventRow, col(AlertEventRow.alert_id) == col(AlertRow.id))
        .where(
            AlertRow.state == AlertState.RESOLVED.value,
            AlertEventRow.action == AlertAction.CLEARED.value,
            col(AlertEventRow.id).in_(last),
        )
    )
    return frozenset(session.exec(query))


def details_of(row: AlertRow) -> dict[str, str]:
    """Return the details of an alert."""
    details: dict[str, str] = json.loads(row.details)
    return details


def inbox_alert(row: AlertRow) -> Alert:
    """Return an alert as the rules of the inbox know it."""
    level = details_of(row).get("level", Level.OWNER.name).upper()
    return Alert(
        fingerprint=row.fingerprint,
        severity=Severity(row.severity),
        level=Level[level],
        opened_at=row.recorded_at,
        owner=None,
        supplier=None,
        due_on=row.deadline_on,
        state=AlertState(row.state),
        assignee=row.assignee,
        snoozed_until=row.snoozed_until,
    )
