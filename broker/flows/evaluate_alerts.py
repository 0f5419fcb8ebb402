"""Evaluates the alert rules day by day and writes down, in one transaction, what has changed.

The rules look from the day after the last evaluated one, or from the first price on record, up to
and including `as_of`. Prices that came late, for days already evaluated, are taken in as well:
their alarms are raised with the day of the price. Looking twice raises nothing twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session

from broker.alerts.alert import Finding, RuleName, Severity
from broker.alerts.inbox import AlertAction, AlertState
from broker.alerts.reconcile import CLEARED_BECAUSE, KnownAlert, reconcile
from broker.clock import Clock
from broker.errors import BadInputError
from broker.flows.gather_findings import (
    Gathered,
    PollInterval,
    declared_interval,
    gather_findings,
)
from broker.notify.message import Message
from broker.store.alerts import (
    AlertFilter,
    add_alert,
    add_event,
    alerts_by_fingerprint,
    cleared_ids,
    details_of,
    inbox_alert,
    list_alerts,
)
from broker.store.engine import Database
from broker.store.evaluations import lock_evaluation, note_evaluation, note_price_imports
from broker.store.outbox import enqueue
from broker.store.tables import AlertRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An alert that an evaluation tells of, and whether it is the first to do so."""

    alert: AlertRow
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationReport:
    """What an evaluation looked at and what it changed."""

    first: date
    until: date
    told: tuple[Told, ...]  # oldest first
    cleared: int
    returned: int
    woken: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pen:
    """Who writes, when, and which channels hear of it."""

    actor: str
    at: datetime
    channels: tuple[str, ...]


def evaluate_alerts(
    database: Database,
    *,
    as_of: date,
    since: date | None = None,
    channels: Collection[str],
    actor: str,
    clock: Clock,
    poll_interval: PollInterval = declared_interval,
) -> EvaluationReport:
    """Evaluate the rules up to and including `as_of`; return the alerts this has raised.

    With `since` the days from then on are looked at again, and the alerts of those days that an
    earlier evaluation raised are returned too. `channels` names the channels that get a message of
    each new alert; sending is another step.
    """
    if since is not None and since > as_of:
        raise BadInputError(f"--since {since} is after {as_of}; there is no day to evaluate")
    with database.reading() as session:
        gathered = gather_findings(
            session, as_of=as_of, since=since, now=clock(), poll_interval=poll_interval
        )
    pen = _Pen(actor=actor, at=clock(), channels=tuple(channels))
    with database.writing() as session:
        lock_evaluation(session)
        return _write_down(session, gathered, since=since, pen=pen)


def _write_down(
    session: Session, gathered: Gathered, *, since: date | None, pen: _Pen
) -> EvaluationReport:
    window, known = gathered.window, alerts_by_fingerprint(session)
    cleared = cleared_ids(session)
    changes = reconcile(
        gathered.findings,
        [_known(row, was_cleared=row.id in cleared) for row in known.values()],
        live=gathered.live,
        as_of=window.until,
    )
    raised = [_raise(session, finding, pen) for finding in changes.raised]
    for row in _rows(known, changes.cleared):
        row.snoozed_until = None
        reason = CLEARED_BECAUSE[RuleName(row.rule)]
        _move(session, row, AlertState.RESOLVED, AlertAction.CLEARED, reason=reason, pen=pen)
    for row in _rows(known, changes.returned):
        reason = "found again by the rule"
        _move(session, row, AlertState.OPEN, AlertAction.RETURNED, reason=reason, pen=pen)
    for row in _rows(known, changes.woken):
        reason = f"snoozed until {row.snoozed_until}"
        row.snoozed_until = None
        _move(session, row, AlertState.OPEN, AlertAction.WOKEN, reason=reason, pen=pen)
    note_evaluation(session, until=window.until)
    note_price_imports(session, window.import_ids, until=window.until)
    session.flush()
    return EvaluationReport(
        first=window.first_price,
        until=window.until,
        told=_told(session, raised, since=since, until=window.until),
        cleared=len(changes.cleared),
        returned=len(changes.returned),
        woken=len(changes.woken),
    )


def _known(row: AlertRow, *, was_cleared: bool) -> KnownAlert:
    return KnownAlert(
        alert=inbox_alert(row),
        rule=RuleName(row.rule),
        object_id=row.object_id,
        raised_on=row.raised_on,
        was_cleared=was_cleared,
    )


def _raise(session: Session, finding: Finding, pen: _Pen) -> AlertRow:
    row = add_alert(session, finding, actor=pen.actor, at=pen.at)
    enqueue(
        session,
        row.fingerprint,
        channels=pen.channels,
        payload=_message(row).to_json(),
        at=pen.at,
    )
    return row


def _rows(known: dict[str, AlertRow], fingerprints: Iterable[str]) -> list[AlertRow]:
    return [known[fingerprint] for fingerprint in fingerprints]


def _move(
    session: Session,
    row: AlertRow,
    to: AlertState,
    action: AlertAction,
    *,
    reason: str,
    pen: _Pen,
) -> None:
    row.state = to.value
    session.add(row)
    add_event(session, row, action, actor=pen.actor, reason=reason, at=pen.at)


def _told(
    session: Session, raised: list[AlertRow], *, since: date | None, until: date
) -> tuple[Told, ...]:
    new = {row.id for row in raised}
    told = {row.id: Told(alert=row, is_new=True) for row in raised}
    if since is not None:
        for row in list_alerts(session, AlertFilter(since=since)):
            if row.raised_on <= until:
                told[row.id] = Told(alert=row, is_new=row.id in new)
    return tuple(sorted(told.values(), key=lambda each: (each.alert.raised_on, each.alert.subject)))


def _message(row: AlertRow) -> Message:
    return Message(
        fingerprint=row.fingerprint,
        rule=row.rule,
        severity=Severity(row.severity),
        subject=row.subject,
        text=row.message,
        object_id=row.object_id,
        step=row.step,
        raised_on=row.raised_on,
        deadline_on=row.deadline_on,
        recorded_at=row.recorded_at,
        details=details_of(row),
    )
