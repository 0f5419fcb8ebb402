"""stale_data: a supplier has stopped answering, so its prices and its stock grow old."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.alerts.alert import Finding, RuleName, Severity
from broker.alerts.thresholds import StaleThresholds

DEFAULT_THRESHOLDS = StaleThresholds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """When a supplier that is asked again and again last answered."""

    supplier: str
    seen_at: datetime  # UTC
    every: timedelta  # how often it is asked
    last_poll: str | None = None  # how asking it last went


def stale_finding(
    sighting: Sighting, *, now: datetime, thresholds: StaleThresholds = DEFAULT_THRESHOLDS
) -> Finding | None:
    """Return that a supplier's data are stale, or None: older than so many intervals at `now`.

    The step is the instant of the last answer: one outage is said once, however long it lasts.
    """
    stale_from = sighting.seen_at + thresholds.intervals * sighting.every
    if now <= stale_from:
        return None
    seen_at = f"{sighting.seen_at:%Y-%m-%d %H:%M} UTC"
    return Finding(
        rule=RuleName.STALE_DATA,
        severity=Severity.WARN,
        subject=sighting.supplier,
        object_id=sighting.supplier,
        step=f"seen {sighting.seen_at.isoformat()}",
        raised_on=stale_from.date(),
        message=(
            f"{sighting.supplier} has not answered since {seen_at}; "
            f"its prices are {_age(now - sighting.seen_at)} old."
        ),
        details={
            "seen_at": sighting.seen_at.isoformat(),
            "asked_every_minutes": str(sighting.every // timedelta(minutes=1)),
            "last_poll": sighting.last_poll or "unknown",
        },
    )


def _age(age: timedelta) -> str:
    hours = age // timedelta(hours=1)
    if hours >= 1:
        return f"{hours:,} hour{'s' if hours > 1 else ''}"
    minutes = age // timedelta(minutes=1)
    return f"{minutes} minute{'' if minutes == 1 else 's'}"
