"""quote_expiring: an offer on the table lapses soon."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from broker.alerts.alert import Finding, RuleName
from broker.alerts.deadlines import step_reached
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
    after: date | None,
    until: date,
    thresholds: QuoteThresholds = DEFAULT_THRESHOLDS,
) -> Finding | None:
    """Return the latest step reached since `after`, if any. A lapsed or closed quote is silent."""
    if not quote.is_open:
        return None
    step = step_reached(quote.valid_until, after=after, until=until, steps=thresholds.steps)
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
        details={"valid_until": due_on, "days_left": str(step.days_left)},
    )
