"""notice_deadline and expiry_no_successor: the steps before a date that may not be missed.

A step is said once, on the day it is reached. Steps missed while nobody looked collapse into the
latest one. The step after the deadline is "passed": it is said once, critical, whether the days
were followed one by one or the deadline is first seen when it is over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from broker.alerts.alert import Finding, Level, RuleName, fingerprint_of, key_of, whole_percent
from broker.alerts.thresholds import PASSED, DeadlineThresholds

DEFAULT_THRESHOLDS = DeadlineThresholds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step before a date, and the day on which it is said."""

    due_on: date
    days_before: int  # PASSED after the date
    raised_on: date

    @property
    def text(self) -> str:
        """The step as it stands in a fingerprint: "due 2026-07-02|T-30"."""
        return step_text(self.due_on, self.days_before)

    @property
    def days_left(self) -> int:
        """Days from the day it is said to the date; negative once it has passed."""
        return (self.due_on - self.raised_on).days


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A date by which something must be done about an object."""

    rule: RuleName
    object_id: str
    due_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractEnd:
    """What the deadline rules need to know of one contract line."""

    object_id: str
    subject: str
    notice_due_on: date | None  # None: there is no notice to give
    last_service_on: date | None  # None: no end
    has_signed_successor: bool = False
    is_terminated: bool = False
    is_renewal_accepted: bool = False
    fleet_share: Decimal | None = None  # of the fleet's B200-equivalents; None: unknown

    def deadlines(self) -> tuple[Deadline, ...]:
        """Return the dates that still matter. Terminated or renewed: none."""
        if self.is_terminated or self.is_renewal_accepted:
            return ()
        due = [(RuleName.NOTICE_DEADLINE, self.notice_due_on)]
        if not self.has_signed_successor:
            due.append((RuleName.EXPIRY_NO_SUCCESSOR, self.last_service_on))
        return tuple(
            Deadline(rule=rule, object_id=self.object_id, due_on=due_on)
            for rule, due_on in due
            if due_on is not None
        )


def step_text(due_on: date, days_before: int) -> str:
    """Return the text of a step: "due 2026-07-02|T-30" or "due 2026-07-02|passed"."""
    when = "passed" if days_before == PASSED else f"T-{days_before}"
    return f"due {due_on.isoformat()}|{when}"


def step_reached(
    due_on: date,
    *,
    after: date | None,
    until: date,
    steps: Collection[int] = DEFAULT_THRESHOLDS.steps,
) -> Step | None:
    """Return the latest step reached on the days after `after` up to and including `until`.

    `after` is the last day already evaluated; None means that `until` is the first day, and that
    the step in force on it is said then. Where the steps hold no PASSED, nothing is said once the
    date is over.
    """
    if until > due_on and PASSED not in steps:
        return None
    reached = [days for days in steps if due_on - timedelta(days=days) <= until]
    if not reached:
        return None
    latest = min(reached)
    on = due_on - timedelta(days=latest)
    if after is None:
        return Step(due_on=due_on, days_before=latest, raised_on=until)
    return Step(due_on=due_on, days_before=latest, raised_on=on) if on > after else None


def deadline_findings(
    end: ContractEnd,
    *,
    after: date | None,
    until: date,
    thresholds: DeadlineThresholds = DEFAULT_THRESHOLDS,
) -> tuple[Finding, ...]:
    """Return what is to be said of one contract line: at most one finding for each rule."""
    findings = []
    for deadline in end.deadlines():
        step = step_reached(deadline.due_on, after=after, until=until, steps=thresholds.steps)
        if step is not None:
            findings.append(_finding(end, deadline.rule, step=step, thresholds=thresholds))
    return tuple(findings)


def ghosts(
    open_fingerprints: Iterable[str],
    live: Iterable[Deadline],
    *,
    steps: Collection[int] = DEFAULT_THRESHOLDS.steps,
) -> frozenset[str]:
    """Return the open alerts that no live deadline can have raised: resolve them.

    Pass only fingerprints of the two deadline rules, and every live deadline. A deadline that has
    moved, was met, or is silenced leaves its old alerts here.
    """
    possible = {
        fingerprint_of(key_of(each.rule, each.object_id, step_text(each.due_on, days)))
        for each in live
        for days in steps
    }
    return frozenset(open_fingerprints) - possible


def _finding(
    end: ContractEnd, rule: RuleName, *, step: Step, thresholds: DeadlineThresholds
) -> Finding:
    severity = thresholds.severity(step.days_left)
    share, details = end.fleet_share, {"due_on": step.due_on.isoformat()}
    if rule is RuleName.EXPIRY_NO_SUCCESSOR and share is not None:
        details["fleet_share"] = whole_percent(share)
        severity = severity.raised() if share > thresholds.big_share else severity
    return Finding(
        rule=rule,
        severity=severity,
        subject=end.subject,
        object_id=end.object_id,
        step=step.text,
        raised_on=step.raised_on,
        message=_message(end.subject, rule, step),
        level=_level(step.days_left, thresholds),
        details=details,
    )


def _message(subject: str, rule: RuleName, step: Step) -> str:
    what, otherwise = {
        RuleName.NOTICE_DEADLINE: ("notice is due", "give notice or decide to let it roll"),
        RuleName.EXPIRY_NO_SUCCESSOR: ("service ends", "sign a successor or plan the move"),
    }[rule]
    due_on = step.due_on.isoformat()
    if step.days_before == PASSED:
        return f"{subject}: {what} on {due_on}, which has passed; record what was done about it."
    return f"{subject}: {what} on {due_on} (T-{step.days_before}); {otherwise}."


def _level(days_left: int, thresholds: DeadlineThresholds) -> Level:
    if days_left <= thresholds.head_until_days:
        return Level.HEAD
    return Level.LEAD if days_left <= thresholds.lead_until_days else Level.OWNER
