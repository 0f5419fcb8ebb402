"""Economics of a line: what a used GPU-hour and a million tokens cost, now and as offered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from broker.contracts.line import Line, PriceKind
from broker.renewals import shown
from broker.renewals.assumptions import AssumptionName
from broker.renewals.evidence import Evidence
from pricing.commitment import (
    UseCost,
    cost_of_use,
    gpu_hours,
    mark_to_market,
    price_per_b200_hour,
)
from pricing.money import Money
from pricing.throughput import cost_per_million_tokens, gross_margin, price_for_margin

B200 = "B200"
_ALWAYS_BUSY = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """How the GPUs of a line are used and what that earns; None where nobody stated it."""

    busy_fraction: Decimal | None
    take_or_pay_fraction: Decimal | None
    tokens_per_gpu_second: Decimal | None
    revenue_per_million_tokens: Money | None
    b200_factor: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitCosts:
    """What one price per GPU-hour comes to; None where an input is not known."""

    price_per_gpu_hour: Money
    effective_price_per_used_gpu_hour: Money | None
    price_per_b200_hour: Money | None
    idle_cost_per_year: Money | None
    tokens_used_per_million: Money | None
    tokens_full_per_million: Money | None
    gross_margin: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Economics:
    """Both prices in the terms that the product is sold in."""

    now: UnitCosts | None
    offered: UnitCosts | None
    revenue_per_million_tokens: Money | None
    token_price_for_margin_now: Money | None  # at the offered price
    mark_to_market: Money | None  # of the rest of the term; above zero is in our favour
    remaining_gpu_hours: int


def stated_workload(line: Line, evidence: Evidence) -> Workload:
    """Return what is stated of a line's use; the evidence notes what is not."""
    names = AssumptionName
    if line.take_or_pay_pct is None:
        evidence.lacks(
            what="take-or-pay",
            why="the contract line does not state it; without it the cost of idle GPUs stays "
            "unknown",
            how="tonnage contracts import FILE with the column take_or_pay_pct",
        )
    factor: Decimal | None = Decimal(1)  # a B200 is one B200, by definition
    if line.gpu_model != B200:
        factor = evidence.number(names.B200_FACTOR, needed_for="the price per B200-equivalent-hour")
    return Workload(
        busy_fraction=evidence.number(
            names.BUSY_FRACTION, needed_for="the cost of a used GPU-hour and of idle GPUs"
        ),
        take_or_pay_fraction=None if line.take_or_pay_pct is None else line.take_or_pay_pct / 100,
        tokens_per_gpu_second=evidence.number(
            names.TOKENS_PER_GPU_SECOND, needed_for="the cost of a million tokens"
        ),
        revenue_per_million_tokens=evidence.money(
            names.REVENUE_PER_MILLION_TOKENS, needed_for="the gross margin"
        ),
        b200_factor=factor,
    )


def economics(
    *,
    now: Money | None,
    offer: Money | None,
    market: Money | None,
    line: Line,
    workload: Workload,
    year_gpu_hours: Decimal,
    as_of: date,
) -> Economics:
    """Return unit costs at both prices, and what the rest of the term is worth at the market's."""
    at_now = None if now is None else _unit_costs(now, workload, year_gpu_hours)
    at_offer = None if offer is None else _unit_costs(offer, workload, year_gpu_hours)
    rest = list(_rest_of_term(line, as_of))
    worth = None
    if (
        market is not None
        and now is not None
        and all(p.currency == market.currency for p, _ in rest)
    ):
        zero = Money(Decimal(0), market.currency)
        worth = sum((mark_to_market(p, market, remaining_gpu_hours=h) for p, h in rest), zero)
    return Economics(
        now=at_now,
        offered=at_offer,
        revenue_per_million_tokens=shown.maybe_price(workload.revenue_per_million_tokens),
        token_price_for_margin_now=_restoring_price(now, offer, workload),
        mark_to_market=shown.maybe_total(worth),
        remaining_gpu_hours=shown.whole(sum((hours for _, hours in rest), Decimal(0))),
    )


def _unit_costs(price: Money, workload: Workload, year_gpu_hours: Decimal) -> UnitCosts:
    use = _use(price, workload, year_gpu_hours)
    effective = None if use is None else use.effective_price
    full = _full_token_cost(price, workload)
    revenue, factor = workload.revenue_per_million_tokens, workload.b200_factor
    speed, margin = workload.tokens_per_gpu_second, None
    if full is not None and revenue is not None:
        margin = gross_margin(revenue=revenue, cost=full)
    return UnitCosts(
        price_per_gpu_hour=shown.price(price),
        effective_price_per_used_gpu_hour=shown.maybe_price(effective),
        price_per_b200_hour=None
        if factor is None
        else shown.price(price_per_b200_hour(price, b200_factor=factor)),
        idle_cost_per_year=None if use is None else shown.total(use.idle),
        tokens_used_per_million=None if speed is None else shown.price(_tokens(price, speed)),
        tokens_full_per_million=shown.maybe_price(full),
        gross_margin=shown.maybe_ratio(margin),
    )


def _use(price: Money, workload: Workload, committed: Decimal) -> UseCost | None:
    busy, owed = workload.busy_fraction, workload.take_or_pay_fraction
    if busy is None or owed is None:
        return None
    return cost_of_use(
        price,
        committed_gpu_hours=committed,
        used_gpu_hours=committed * busy,
        take_or_pay_fraction=owed,
    )


def _full_token_cost(price: Money, workload: Workload) -> Money | None:
    """Return the cost of a million tokens with the idle hours that take-or-pay makes us pay."""
    use = _use(price, workload, Decimal(1))
    if use is None or use.effective_price is None or workload.tokens_per_gpu_second is None:
        return None
    return _tokens(use.effective_price, workload.tokens_per_gpu_second)


def _tokens(price: Money, speed: Decimal) -> Money:
    return cost_per_million_tokens(
        price, tokens_per_gpu_second=speed, busy_fraction=_ALWAYS_BUSY
    ).used


def _restoring_price(now: Money | None, offer: Money | None, workload: Workload) -> Money | None:
    """Return what a million tokens would have to sell for to keep today's margin at the offer."""
    revenue = workload.revenue_per_million_tokens
    if now is None or offer is None or revenue is None:
        return None
    before, after = _full_token_cost(now, workload), _full_token_cost(offer, workload)
    if before is None or after is None:
        return None
    margin = gross_margin(revenue=revenue, cost=before)
    return shown.price(price_for_margin(after, margin=margin)) if margin < 1 else None


def _rest_of_term(line: Line, as_of: date) -> Iterator[tuple[Money, Decimal]]:
    """Yield the GPU-hours from today to the end with the price that each is contracted at."""
    for tranche in line.tranches:
        since = max(as_of, tranche.accepted_on or tranche.delivery_on)
        for period in line.live_prices:
            if period.kind is not PriceKind.BASE:
                continue
            if period.tranche_no not in (None, tranche.tranche_no):
                continue
            start = max(since, period.valid_from)
            end = min(day for day in (line.end_on, period.valid_to, date.max) if day is not None)
            if start < end:
                yield period.money, gpu_hours(tranche.gpu_count, start=start, end=end)
