"""What people do with an alert: take it, hand it on, put it off, close it, or let it climb."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from broker.alerts.alert import Level, Severity
from broker.errors import RefusedError


class AlertState(StrEnum):
    """Where an alert stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"


class AlertAction(StrEnum):
    """What an entry in the history of an alert says."""

    RAISED = "raised"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    CLEARED = "cleared"  # by an evaluation: what it was about is gone
    RETURNED = "returned"  # by an evaluation: what had been cleared is back
    WOKEN = "woken"  # by an evaluation: the snooze is over


ACTION_TO: dict[AlertState, AlertAction] = {
    AlertState.OPEN: AlertAction.REOPENED,
    AlertState.ACKNOWLEDGED: AlertAction.ACKNOWLEDGED,
    AlertState.ASSIGNED: AlertAction.ASSIGNED,
    AlertState.SNOOZED: AlertAction.SNOOZED,
    AlertState.RESOLVED: AlertAction.RESOLVED,
}
"""What it is called when a person moves an alert to a state."""

MOVES: dict[AlertState, frozenset[AlertState]] = {
    AlertState.OPEN: frozenset(AlertState) - {AlertState.OPEN},
    AlertState.ACKNOWLEDGED: frozenset(AlertState) - {AlertState.OPEN, AlertState.ACKNOWLEDGED},
    AlertState.ASSIGNED: frozenset(AlertState) - {AlertState.OPEN},
    AlertState.SNOOZED: frozenset(AlertState),
    # A due date that moves away and back finds its old alert closed; it opens again.
    AlertState.RESOLVED: frozenset({AlertState.OPEN}),
}

CLIMBS_AFTER = {Severity.HIGH: timedelta(hours=24), Severity.CRITICAL: timedelta(hours=2)}
"""How long an alert may stay open before the next level hears of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A finding in the inbox."""

    fingerprint: str
    severity: Severity
    level: Level  # who was told first
    opened_at: datetime  # UTC; of the latest opening
    owner: str | None
    supplier: str | None
    due_on: date | None = None
    state: AlertState = AlertState.OPEN
    assignee: str | None = None
    snoozed_until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMove:
    """What somebody does with an alert, and why."""

    to: AlertState
    actor: str
    reason: str
    at: datetime  # UTC
    assignee: str | None = None
    until: date | None = None  # snoozed: the day it comes back


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertGroup:
    """The alerts that go into one message, gravest first."""

    owner: str | None
    supplier: str | None
    alerts: tuple[Alert, ...]


def moved(alert: Alert, move: AlertMove, *, today: date) -> Alert:
    """Return the alert after the move, or raise RefusedError.

    `today` is the business day, which a person may have set; a snooze ends after it.
    """
    if not move.actor.strip() or not move.reason.strip():
        raise RefusedError("every move of an alert names who and why; give an actor and a reason")
    if move.to not in MOVES[alert.state]:
        ways = ", ".join(sorted(MOVES[alert.state]))
        raise RefusedError(f"an alert that is {alert.state} cannot become {move.to}; try {ways}")
    if (move.to is AlertState.ASSIGNED) != bool(move.assignee and move.assignee.strip()):
        raise RefusedError("assigning an alert, and only that, names an assignee")
    if (move.to is AlertState.SNOOZED) != (move.until is not None):
        raise RefusedError("snoozing an alert, and only that, names the day it comes back")
    if move.until is not None:
        _refuse_bad_snooze(alert, until=move.until, today=today)
    return replace(
        alert,
        state=move.to,
        assignee=move.assignee or alert.assignee,
        snoozed_until=move.until,
        opened_at=move.at if move.to is AlertState.OPEN else alert.opened_at,
    )


def wakes(alert: Alert, *, today: date) -> bool:
    """Say whether a snoozed alert is to be opened again."""
    return (
        alert.state is AlertState.SNOOZED
        and alert.snoozed_until is not None
        and alert.snoozed_until <= today
    )


def climbed(alert: Alert, *, now: datetime) -> Level:
    """Return who must have been told by now: one level up for each span that nobody took it."""
    span = CLIMBS_AFTER.get(alert.severity)
    if alert.state is not AlertState.OPEN or span is None:
        return alert.level
    levels = max(0, (now - alert.opened_at) // span)
    return Level(min(alert.level + levels, max(Level)))


def grouped(alerts: Iterable[Alert]) -> tuple[AlertGroup, ...]:
    """Return the alerts by owner and supplier: one message each, gravest group first."""
    by_route: dict[tuple[str | None, str | None], list[Alert]] = {}
    for alert in alerts:
        by_route.setdefault((alert.owner, alert.supplier), []).append(alert)
    groups = [
        AlertGroup(owner=owner, supplier=supplier, alerts=tuple(sorted(each, key=_gravest_first)))
        for (owner, supplier), each in by_route.items()
    ]
    return tuple(
        sorted(
            groups,
            key=lambda group: (
                _gravest_first(group.alerts[0])[0],
                group.owner or "",
                group.supplier or "",
            ),
        )
    )


def _refuse_bad_snooze(alert: Alert, *, until: date, today: date) -> None:
    if until <= today:
        raise RefusedError(f"snoozing until {until} would end at once; choose a later day")
    if alert.due_on is not None and until > alert.due_on:
        raise RefusedError(
            f"snoozing until {until} would pass the deadline of {alert.due_on}; "
            "choose that day or an earlier one"
        )


def _gravest_first(alert: Alert) -> tuple[int, date, str]:
    order = list(Severity)
    return (-order.index(alert.severity), alert.due_on or date.max, alert.fingerprint)
