"""quote_expiring: an offer on the table lapses soon."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from broker.alerts.alert import Finding, RuleName
from broker.alerts.deadlines import step_in_force
from broker.alerts.thresholds import QuoteThresholds

DEFAULT_THRESHOLDS = QuoteThresholds()


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteValidity:
    """How long a quote can still be accepted."""

    object_id: str
    subject: str
    valid_until: date  # the last day on which it can be accepted
    is_open: bool = True  # neither accepted, declined, withdrawn nor expired


def expiring_finding(
    quote: QuoteValidity,
    *,
    first: date,
    until: date,
    thresholds: QuoteThresholds = DEFAULT_THRESHOLDS,
) -> Finding | None:
    """Return the step in force on `until`, if any. A lapsed or closed quote is silent.

    `first` is the first day of the stretch that is looked at.
    """
    if not quote.is_open:
        return None
    step = step_in_force(quote.valid_until, first=first, until=until, steps=thresholds.steps)
    if step is None:
        return None
    due_on = quote.valid_until.isoformat()
    return Finding(
        rule=RuleName.QUOTE_EXPIRING,
        severity=thresholds.severity(step.days_left),
        subject=quote.subject,
        object_id=quote.object_id,
        step=step.text,
        raised_on=step.raised_on,
        message=f"{quote.subject}: the quote lapses after {due_on}; accept, counter or let it go.",
        deadline_on=quote.valid_until,
        details={"days_left": str(step.days_left)},
    )
