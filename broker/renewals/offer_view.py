"""What is paid now and what is offered, split into the market's part and the supplier's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from broker.contracts.line import Line
from broker.contracts.quote import Quote
from broker.renewals import shown
from broker.renewals.hike import annualised_exposure, cap_breach, per_billed_month, split_hike
from pricing.commitment import levelised_price
from pricing.money import Money

PREPAY_ASKS_PCT = (20, 25, 30)
"""Prepayments that suppliers usually ask for: what each would add to the offered price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """What the line costs now: the price of its last day, over the twelve months after it."""

    price_per_gpu_hour: Money
    year_gpu_hours: int
    annual_cost: Money
    monthly_cost: Money  # of a month as suppliers bill it


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureView:
    """What the offer adds in the twelve months after the end; the parts need a benchmark."""

    total: Money
    market_part: Money | None
    premium_part: Money | None
    per_month: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class CapView:
    """How the offer stands to an uplift cap, agreed in the contract or only what we would ask."""

    agreed: bool
    cap: Decimal
    ceiling: Money
    excess_per_gpu_hour: Money
    excess_per_year: Money
    breached: bool  # only an agreed cap can be


@dataclass(frozen=True, slots=True, kw_only=True)
class CapAsked:
    """An uplift cap as a fraction, and whether the contract agrees to it."""

    fraction: Decimal
    agreed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepaid:
    """What the offered price would be worth if part of it were paid at the start."""

    prepay_pct: int
    price_per_gpu_hour: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """The offer to stay. Hike and exposure take the price as quoted, without levelising."""

    quote_id: str
    state: str
    received_on: date
    valid_until: date | None
    unit_price: Money
    price_basis: str
    price_per_gpu_hour: Money
    term_months: int | None
    gpus: int
    prepay_pct: Decimal | None
    levelised_price: Money | None
    if_prepaid: tuple[Prepaid, ...]
    annual_cost: Money
    monthly_cost: Money  # of a month as suppliers bill it
    hike: Decimal | None
    market_move: Decimal | None
    premium: Decimal | None
    exposure: ExposureView | None
    cap: CapView | None
    document: str | None


def paid_now(now: Money, *, line: Line, year_gpu_hours: Decimal) -> Paid:
    """Return what the line costs."""
    return Paid(
        price_per_gpu_hour=shown.price(now),
        year_gpu_hours=shown.whole(year_gpu_hours),
        annual_cost=shown.total(now * year_gpu_hours),
        monthly_cost=shown.total(per_billed_month(now, gpus=line.gpu_count)),
    )


def offered(
    quote: Quote,
    *,
    price: Money,
    levelised: Money | None,
    now: Money | None,
    market: Money | None,
    cap: CapAsked | None,
    rate: Decimal | None,
    line: Line,
    end_on: date,
    year_gpu_hours: Decimal,
) -> Offered:
    """Return the offer; `price` is as quoted, in the currency of the brief."""
    rising = now is not None and now.amount > 0
    hike = split_hike(now, price, benchmark=market) if now is not None and rising else None
    return Offered(
        quote_id=quote.id,
        state=quote.state.value,
        received_on=quote.received_on,
        valid_until=quote.valid_until,
        unit_price=Money(quote.unit_price, quote.currency),
        price_basis=quote.price_basis,
        price_per_gpu_hour=shown.price(price),
        term_months=quote.term_months,
        gpus=quote.gpu_count,
        prepay_pct=quote.prepay_pct,
        levelised_price=shown.maybe_price(levelised),
        if_prepaid=_if_prepaid(price, quote=quote, rate=rate),
        annual_cost=shown.total(price * year_gpu_hours),
        monthly_cost=shown.total(per_billed_month(price, gpus=line.gpu_count)),
        hike=None if hike is None else shown.ratio(hike.fraction),
        market_move=None if hike is None else shown.maybe_ratio(hike.market_move),
        premium=None if hike is None else shown.maybe_ratio(hike.premium),
        exposure=None
        if now is None or not rising
        else _exposure(now, price, market=market, line=line, end_on=end_on),
        cap=None if now is None else _cap(now, price, cap=cap, year_gpu_hours=year_gpu_hours),
        document=quote.document,
    )


def _exposure(
    now: Money, price: Money, *, market: Money | None, line: Line, end_on: date
) -> ExposureView:
    hike = split_hike(now, price, benchmark=market)
    exposure = annualised_exposure(hike, price_now=now, gpus=line.gpu_count, end=end_on)
    return ExposureView(
        total=shown.total(exposure.total),
        market_part=shown.maybe_total(exposure.market_part),
        premium_part=shown.maybe_total(exposure.premium_part),
        per_month=shown.total(per_billed_month(hike.increase, gpus=line.gpu_count)),
    )


def _cap(
    now: Money, price: Money, *, cap: CapAsked | None, year_gpu_hours: Decimal
) -> CapView | None:
    if cap is None:
        return None
    breach = cap_breach(now, price, cap=cap.fraction, gpu_hours=year_gpu_hours)
    if breach is None:
        return None
    return CapView(
        agreed=cap.agreed,
        cap=shown.ratio(cap.fraction),
        ceiling=shown.price(breach.ceiling),
        excess_per_gpu_hour=shown.price(breach.excess_per_gpu_hour),
        excess_per_year=shown.total(breach.excess),
        breached=cap.agreed and breach.excess.amount > 0,
    )


def _if_prepaid(price: Money, *, quote: Quote, rate: Decimal | None) -> tuple[Prepaid, ...]:
    months = quote.term_months
    if rate is None or months is None:
        return ()
    return tuple(
        Prepaid(
            prepay_pct=asked,
            price_per_gpu_hour=shown.price(
                levelised_price(
                    price,
                    term_months=months,
                    prepaid_fraction=Decimal(asked) / 100,
                    annual_rate=rate,
                )
            ),
        )
        for asked in PREPAY_ASKS_PCT
    )
