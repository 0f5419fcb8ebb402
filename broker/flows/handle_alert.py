"""What people do with an alert: the move and its entry in the history, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from broker.alerts.inbox import ACTION_TO, AlertMove, AlertState, moved
from broker.clock import Clock
from broker.store.alerts import add_event, find_alert, history_of, inbox_alert
from broker.store.engine import Database
from broker.store.tables import AlertEventRow, AlertRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """What somebody wants to do with an alert, and why."""

    to: AlertState
    reason: str
    assignee: str | None = None
    until: date | None = None  # snoozed: the day it comes back


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertWithHistory:
    """An alert and everything that happened to it, oldest first."""

    alert: AlertRow
    history: tuple[AlertEventRow, ...]


def handle_alert(
    database: Database,
    name: str,
    handling: Handling,
    *,
    today: date,
    actor: str,
    clock: Clock,
) -> AlertWithHistory:
    """Move the alert that a person means, or raise RefusedError and change nothing."""
    move = AlertMove(
        to=handling.to,
        actor=actor,
        reason=handling.reason,
        at=clock(),
        assignee=handling.assignee,
        until=handling.until,
    )
    with database.writing() as session:
        row = find_alert(session, name, lock=True)
        after = moved(inbox_alert(row), move, today=today)
        row.state = after.state.value
        row.assignee = after.assignee
        row.snoozed_until = after.snoozed_until
        session.add(row)
        detail = move.assignee or (None if move.until is None else f"until {move.until}")
        add_event(
            session,
            row,
            ACTION_TO[move.to],
            actor=actor,
            reason=handling.reason.strip(),
            at=move.at,
            detail=detail,
        )
        session.flush()
        return AlertWithHistory(alert=row, history=tuple(history_of(session, row)))


def show_alert(database: Database, name: str) -> AlertWithHistory:
    """Return the alert that a person means, with its history."""
    with database.reading() as session:
        row = find_alert(session, name)
        return AlertWithHistory(alert=row, history=tuple(history_of(session, row)))
