"""What an evaluation does to the inbox: raise, clear, bring back, wake.

* A finding is raised once: its fingerprint is kept for good. A step of a deadline is old news too
  when a nearer one has been said, so that looking back at an earlier day adds nothing.
* An open alert is cleared when what it was about is gone: the deadline has moved or was met, the
  quote was answered or has lapsed, the offer is no longer that far above, the supplier answers
  again. Repricings stay.
* What an evaluation has cleared comes back when it is found again; what a person has resolved
  does not.
* An evaluation of a day leaves alerts of later days alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from broker.alerts.alert import Finding, RuleName
from broker.alerts.deadlines import Deadline
from broker.alerts.inbox import Alert, AlertState, wakes

CLEARED_BECAUSE = {
    RuleName.NOTICE_DEADLINE: "deadline moved or met",
    RuleName.EXPIRY_NO_SUCCESSOR: "deadline moved or met",
    RuleName.QUOTE_EXPIRING: "quote answered or lapsed",
    RuleName.RENEWAL_HIKE: "offer answered, lapsed, or no longer that far above",
    RuleName.STALE_DATA: "answers again, or is no longer asked",
    RuleName.CAPACITY_MISMATCH: "both books agree, or differ otherwise",
}
"""Why an evaluation closes an alert of a rule; a rule that is missing here is never closed by one."""


WHILE_FOUND = frozenset({RuleName.RENEWAL_HIKE, RuleName.STALE_DATA, RuleName.CAPACITY_MISMATCH})
"""Rules whose alerts stand as long as the rule finds the same; the others hang on a deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAlert:
    """An alert that is already in the inbox."""

    alert: Alert
    rule: RuleName
    object_id: str
    raised_on: date
    was_cleared: bool = False  # resolved by an evaluation, not by a person

    @property
    def fingerprint(self) -> str:
        """What the alert is known by."""
        return self.alert.fingerprint

    @property
    def deadline(self) -> Deadline | None:
        """Return the deadline that the alert is about, if it is about one."""
        if self.alert.due_on is None:
            return None
        return Deadline(rule=self.rule, object_id=self.object_id, due_on=self.alert.due_on)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is to be done; fingerprints name the alerts that exist."""

    raised: tuple[Finding, ...]
    returned: tuple[str, ...]
    cleared: tuple[str, ...]
    woken: tuple[str, ...]


def reconcile(
    findings: Iterable[Finding],
    known: Iterable[KnownAlert],
    *,
    live: Collection[Deadline],
    as_of: date,
) -> Changes:
    """Return what the findings of a day change. `live` holds every deadline that still matters."""
    alerts = list(known)
    fingerprints = {each.fingerprint for each in alerts}
    found = {finding.fingerprint: finding for finding in findings}
    said: dict[Deadline, date] = {}
    for each in alerts:
        if each.deadline is not None:
            said[each.deadline] = max(each.raised_on, said.get(each.deadline, date.min))
    fresh = [
        finding
        for fingerprint, finding in found.items()
        if fingerprint not in fingerprints and not _is_old_news(finding, said)
    ]
    over = [each for each in alerts if _is_over(each, found, live, as_of=as_of)]
    back = [each for each in alerts if each.was_cleared and each.fingerprint in found]
    awake = [each for each in alerts if each not in over and wakes(each.alert, today=as_of)]
    return Changes(
        raised=tuple(sorted(fresh, key=lambda each: (each.raised_on, each.subject, each.key))),
        returned=tuple(each.fingerprint for each in back),
        cleared=tuple(each.fingerprint for each in over),
        woken=tuple(each.fingerprint for each in awake),
    )


def _is_old_news(finding: Finding, said: dict[Deadline, date]) -> bool:
    if finding.deadline_on is None:
        return False
    deadline = Deadline(rule=finding.rule, object_id=finding.object_id, due_on=finding.deadline_on)
    return deadline in said and said[deadline] >= finding.raised_on


def _is_over(
    known: KnownAlert, found: Collection[str], live: Collection[Deadline], *, as_of: date
) -> bool:
    if known.alert.state is AlertState.RESOLVED or known.raised_on > as_of:
        return False
    if known.rule not in CLEARED_BECAUSE:
        return False
    if known.rule in WHILE_FOUND:
        return known.fingerprint not in found
    return known.deadline not in live
