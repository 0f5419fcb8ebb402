"""The list of renewals: one row a line, taken from its brief, the most urgent first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from broker.renewals.brief import Brief
from pricing.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalEntry:
    """One line that ends. Amounts are in the currency of its contract; None is unknown."""

    line_id: str
    supplier: str
    contract_ref: str
    line_no: int
    gpu_count: int
    gpu_model: str
    region: str | None
    state: str
    owner: str | None
    last_day_of_service: date
    notice_due: date | None
    notice_passed: bool
    next_on: date
    days_left: int
    price_now: Money | None
    offer: Money | None
    offer_valid_until: date | None
    hike: Decimal | None
    benchmark: Money | None
    benchmark_n: int
    premium: Decimal | None
    exposure: Money | None
    walk_away_price: Money | None
    risk_low: Decimal
    risk_high: Decimal
    action: str
    next_step: str
    decide_by: date


def entry_of(brief: Brief) -> RenewalEntry:
    """Return the row of a line in the list."""
    header, offer, due = brief.header, brief.offer, brief.deadlines
    exposure = None if offer is None or offer.exposure is None else offer.exposure.total
    return RenewalEntry(
        line_id=header.line_id,
        supplier=header.supplier,
        contract_ref=header.contract_ref,
        line_no=header.line_no,
        gpu_count=header.gpu_count,
        gpu_model=header.gpu_model,
        region=header.region,
        state=header.state,
        owner=header.owner,
        last_day_of_service=header.last_day_of_service,
        notice_due=due.notice_due,
        notice_passed=due.notice_passed,
        next_on=due.next_on,
        days_left=due.days_left,
        price_now=None if brief.paid is None else brief.paid.price_per_gpu_hour,
        offer=None if offer is None else offer.price_per_gpu_hour,
        offer_valid_until=None if offer is None else offer.valid_until,
        hike=None if offer is None else offer.hike,
        benchmark=brief.market.quotes.median,
        benchmark_n=brief.market.quotes.n,
        premium=None if offer is None else offer.premium,
        exposure=exposure,
        walk_away_price=brief.walk_away_price,
        risk_low=brief.risk.low,
        risk_high=brief.risk.high,
        action=brief.recommendation.action.value,
        next_step=brief.recommendation.headline,
        decide_by=brief.recommendation.decide_by,
    )


def most_urgent_first(entries: Iterable[RenewalEntry]) -> list[RenewalEntry]:
    """Return the rows by days to the next deadline, then by risk, the highest first."""
    return sorted(
        entries,
        key=lambda entry: (
            entry.days_left,
            -entry.risk_low,
            -entry.risk_high,
            entry.supplier,
            entry.contract_ref,
            entry.line_no,
        ),
    )
