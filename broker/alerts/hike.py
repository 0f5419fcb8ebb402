"""renewal_hike: a renewal offer is far above the current price, the benchmark or the cap.

Inputs are fractions, so no price comes near a message. A hike is shown in whole percent: without
the current price, which is confidential, it tells nothing. The premium over the benchmark is not
shown as a number, because the benchmark is public and the two together would give the offer away.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from broker.alerts.alert import Finding, RuleName, Severity, whole_percent
from broker.alerts.thresholds import Band, HikeThresholds

DEFAULT_THRESHOLDS = HikeThresholds()


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalOffer:
    """A renewal quote as fractions; None where the other side of the fraction is unknown."""

    quote_id: str
    object_id: str
    subject: str
    hike: Decimal | None  # offer / price of the last day of the current term - 1
    premium: Decimal | None  # offer / benchmark - 1
    over_cap: Decimal | None  # offer / agreed ceiling - 1; above 0 breaches it; None: no cap


def hike_severity(
    offer: RenewalOffer,
    *,
    standing: Severity | None = None,
    thresholds: HikeThresholds = DEFAULT_THRESHOLDS,
) -> Severity | None:
    """Return how grave the offer is, or None. High and critical look at the hike and the cap only.

    `standing` is the severity of the alert that is open for this quote. Up to it the lower clear
    levels hold, so a benchmark that wavers around a level does not raise and clear in turn; a
    result of None or below `standing` means that the alert has cleared to that.
    """
    if offer.over_cap is not None and offer.over_cap > 0:
        return Severity.CRITICAL
    for severity, band in (
        (Severity.CRITICAL, thresholds.critical),
        (Severity.HIGH, thresholds.high),
        (Severity.WARN, thresholds.warn),
    ):
        if _holds(offer.hike, band, stands=standing is not None and severity <= standing):
            return severity
    above_market = _holds(offer.premium, thresholds.benchmark, stands=standing is not None)
    return Severity.WARN if above_market else None


def hike_finding(
    offer: RenewalOffer,
    *,
    severity: Severity,
    on: date,
    thresholds: HikeThresholds = DEFAULT_THRESHOLDS,
) -> Finding:
    """Return what is to be said of an offer that has been judged this grave."""
    return Finding(
        rule=RuleName.RENEWAL_HIKE,
        severity=severity,
        subject=offer.subject,
        object_id=offer.object_id,
        step=f"quote {offer.quote_id}|{severity.value}",
        raised_on=on,
        message=f"{offer.subject}: the renewal offer is {_reasons(offer, thresholds)}.",
        details={
            "quote_id": offer.quote_id,
            "benchmark": "unknown" if offer.premium is None else "known",
        },
    )


def _holds(value: Decimal | None, band: Band, *, stands: bool) -> bool:
    return value is not None and value > (band.clear_at if stands else band.raise_above)


def _reasons(offer: RenewalOffer, thresholds: HikeThresholds) -> str:
    reasons = []
    if offer.hike is not None and offer.hike >= 0:
        reasons.append(f"{whole_percent(offer.hike)} above the current price")
    if offer.hike is not None and offer.hike < 0:
        reasons.append(f"{whole_percent(-offer.hike)} below the current price")
    if _holds(offer.premium, thresholds.benchmark, stands=False):
        level = whole_percent(thresholds.benchmark.raise_above)
        reasons.append(f"more than {level} above the benchmark")
    if offer.over_cap is not None and offer.over_cap > 0:
        reasons.append("above the agreed cap")
    if offer.premium is None:
        reasons.append("without a benchmark to compare with")
    return ", ".join(reasons)
