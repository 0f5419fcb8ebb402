"""Grounds: the exact figures that the parts of a brief share, before anything is rounded.

All amounts are in the currency of the contract. What is not known is None, and the evidence says
what would state it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from dateutil.relativedelta import relativedelta

from broker.contracts.contract import Contract
from broker.contracts.line import Line
from broker.contracts.quote import Quote
from broker.contracts.supplier import Supplier
from broker.errors import RefusedError
from broker.renewals.assumptions import Assumptions, Subject
from broker.renewals.comparables import (
    ComparedQuote,
    comparable_price,
    compared_quotes,
    market_of_quotes,
)
from broker.renewals.evidence import Evidence
from broker.renewals.hike import year_gpu_hours_after
from broker.renewals.leaving import Staying
from broker.renewals.negotiation_view import NegotiationView
from pricing.commitment import hours_between
from pricing.fx import FxTable
from pricing.market import FRESH_FOR, MINIMUM_SUPPLIERS, Benchmark, NoBenchmark, Observation
from pricing.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalFacts:
    """Everything a brief is written from."""

    as_of: date
    contract: Contract
    line: Line
    suppliers: Mapping[str, Supplier]
    market_quotes: Sequence[Quote]  # on the open market, received by the day
    listed: Sequence[Observation]  # public list prices of the line's GPU
    assumptions: Assumptions
    rates: FxTable
    negotiation: NegotiationView | None = None  # from the newest procurement plan

    @property
    def line_name(self) -> str:
        """Return the line as people write it: CONTRACT/LINE."""
        return f"{self.contract.ref}/{self.line.line_no}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """The exact figures of one renewal."""

    facts: RenewalFacts
    end_on: date  # the first day without service
    incumbent: Supplier
    year_gpu_hours: Decimal  # of the twelve months after the end
    now: Money | None  # per GPU-hour, on the last day of the current period
    quote: Quote | None  # the offer to renew: the latest that is open
    other_offers: int
    price: Money | None  # offered, as quoted
    levelised: Money | None  # offered, as if paid as you go
    term_months: int
    compared: tuple[ComparedQuote, ...]
    market: Benchmark | NoBenchmark

    @property
    def line(self) -> Line:
        """Return the line in question."""
        return self.facts.line

    @property
    def median(self) -> Money | None:
        """Return what the market asks; None without a benchmark."""
        return self.market.median if isinstance(self.market, Benchmark) else None

    @property
    def staying(self) -> Staying:
        """Return what alternatives are measured against."""
        after_term = self.end_on + relativedelta(months=self.term_months)
        year_after = self.end_on + relativedelta(years=1)
        return Staying(
            as_of=self.facts.as_of,
            incumbent=self.incumbent.key,
            line=self.line,
            end_on=self.end_on,
            offer=self.levelised,
            term_hours=hours_between(self.end_on, after_term),
            year_hours=hours_between(self.end_on, year_after),
        )


def evidence_for(facts: RenewalFacts) -> Evidence:
    """Return the evidence that a brief of these facts may draw on."""
    subject = Subject(
        line_id=facts.line.id,
        contract_id=facts.contract.id,
        supplier_key=facts.contract.supplier_key,
        gpu_model=facts.line.gpu_model,
    )
    return Evidence(
        subject=subject,
        line_name=facts.line_name,
        currency=facts.contract.currency,
        on=facts.as_of,
        assumptions=facts.assumptions,
        rates=facts.rates,
    )


def grounds_of(facts: RenewalFacts, evidence: Evidence) -> Grounds:
    """Return the shared figures; raise RefusedError for a line that has no end."""
    line, end_on = facts.line, facts.line.end_on
    if end_on is None:
        raise RefusedError(
            f"{facts.line_name} has no end, so there is nothing to renew; amend it with an end first"
        )
    quote, others = _offer(facts, evidence)
    incumbent = _incumbent(facts)
    term_months = (quote.term_months if quote else None) or line.term_months
    term_months = term_months or _months(line.start_on, end_on)
    compared = compared_quotes(_like(facts), evidence)
    market = market_of_quotes(
        compared,
        line=line,
        term_months=term_months,
        incumbent=incumbent,
        suppliers=facts.suppliers,
        as_of=facts.as_of,
    )
    _note_thin_market(market, evidence)
    return Grounds(
        facts=facts,
        end_on=end_on,
        incumbent=incumbent,
        year_gpu_hours=year_gpu_hours_after(end_on, gpus=line.gpu_count),
        now=_price_now(facts, evidence),
        quote=quote,
        other_offers=others,
        price=None if quote is None else evidence.converted(quote.money, needed_for="the offer"),
        levelised=None if quote is None else comparable_price(quote, evidence),
        term_months=term_months,
        compared=compared,
        market=market,
    )


def _offer(facts: RenewalFacts, evidence: Evidence) -> tuple[Quote | None, int]:
    """Return the latest renewal offer that is open, and how many others are."""
    offers = sorted(
        facts.contract.open_renewal_offers(facts.line.line_no, facts.as_of),
        key=lambda quote: (quote.received_on, quote.id),
    )
    if not offers:
        evidence.lacks(
            what="renewal offer",
            why=f"none is open on {facts.as_of}; without it hike and exposure stay unknown",
            how=f"tonnage quotes import FILE, with kind renewal_offer and renews {facts.line_name}",
        )
        return None, 0
    return offers[-1], len(offers) - 1


def _incumbent(facts: RenewalFacts) -> Supplier:
    key = facts.contract.supplier_key
    known = facts.suppliers.get(key)
    return known or Supplier(key=key, legal_name=key, aliases=(), country=None)


def _like(facts: RenewalFacts) -> list[Quote]:
    return [quote for quote in facts.market_quotes if quote.gpu_model == facts.line.gpu_model]


def _price_now(facts: RenewalFacts, evidence: Evidence) -> Money | None:
    last_day = facts.line.last_day_of_service
    found = None if last_day is None else facts.line.price_on(last_day)
    if found is None:
        evidence.lacks(
            what="current price",
            why=f"the contract has no price for its last day of service, {last_day}",
            how="tonnage contracts import FILE with the price of the line",
        )
    return found


def _note_thin_market(market: Benchmark | NoBenchmark, evidence: Evidence) -> None:
    if isinstance(market, NoBenchmark):
        evidence.lacks(
            what="quote benchmark",
            why=f"{market.found} other suppliers quoted the like in the last {FRESH_FOR.days} "
            f"days, {MINIMUM_SUPPLIERS} are needed; without it the market's part of the hike stays "
            "unknown",
            how="tonnage quotes import FILE",
        )


def _months(start: date, end: date) -> int:
    """Return the whole months of a contract that states none; a shorter one counts as one."""
    span = relativedelta(end, start)
    return max(1, span.years * 12 + span.months)
