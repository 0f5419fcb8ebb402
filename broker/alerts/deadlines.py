"""notice_deadline and expiry_no_successor: the steps before a date that may not be missed.

What is said is the step in force: the latest that has been reached. Followed day by day that is
every step once; after days on which nobody looked, the steps that were missed collapse into one;
and a line that is put on record between two steps hears of the one before. The step after the
deadline is "passed": it is said once, critical.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from broker.alerts.alert import Finding, Level, RuleName, whole_percent
from broker.alerts.thresholds import PASSED, DeadlineThresholds, Reach

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
    reach: Reach = field(default_factory=Reach)

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


def step_in_force(
    due_on: date,
    *,
    first: date,
    until: date,
    steps: Collection[int] = DEFAULT_THRESHOLDS.steps,
) -> Step | None:
    """Return the step in force on `until`: the latest one reached by then.

    It is said on the day it was reached, or on `first`, the first day that was looked at, if it
    was reached before that. Where the steps hold no PASSED, nothing is said once the date is over.
    """
    if until > due_on and PASSED not in steps:
        return None
    reached = [days for days in steps if due_on - timedelta(days=days) <= until]
    if not reached:
        return None
    latest = min(reached)
    on = due_on - timedelta(days=latest)
    return Step(due_on=due_on, days_before=latest, raised_on=max(on, first))


def deadline_finding(
    end: ContractEnd,
    deadline: Deadline,
    *,
    first: date,
    until: date,
    thresholds: DeadlineThresholds = DEFAULT_THRESHOLDS,
) -> Finding | None:
    """Return what is to be said on `until` of one deadline of a contract line, if anything.

    `first` is the first day of the stretch that is looked at.
    """
    step = step_in_force(deadline.due_on, first=first, until=until, steps=thresholds.steps)
    if step is None:
        return None
    return _finding(end, deadline.rule, step=step, thresholds=thresholds)


def _finding(
    end: ContractEnd, rule: RuleName, *, step: Step, thresholds: DeadlineThresholds
) -> Finding:
    severity = thresholds.severity(step.days_left)
    share, details = end.fleet_share, {"days_left": str(step.days_left)}
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
        deadline_on=step.due_on,
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
