"""The brief: all that a negotiator takes into the call about one line, on one day.

Values in, values out: it reads nothing and asks nobody the time. Figures are exact until they are
put on the page and rounded there, once. A figure that rests on something nobody stated is None,
and `unknown` says what would state it. All amounts are in the currency of the contract.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from broker.renewals.advising import advice_of
from broker.renewals.alternatives import (
    Alternative,
    best_deliverable,
    is_elsewhere,
    rival_offers,
    ways_out,
)
from broker.renewals.assumptions import AssumptionName
from broker.renewals.comparables import converted_lists, market_of_lists
from broker.renewals.economics import Economics, economics, stated_workload
from broker.renewals.evidence import Evidence, Stated, Unknown
from broker.renewals.grounds import Grounds, RenewalFacts, evidence_for, grounds_of
from broker.renewals.header_view import Deadlines, Header, deadlines_of, header_of
from broker.renewals.leaving import stated_leaving_costs
from broker.renewals.market_view import MarketView, market_view
from broker.renewals.negotiation_view import NegotiationView
from broker.renewals.offer_view import CapAsked, Offered, Paid, offered, paid_now
from broker.renewals.recommendation import Advice
from broker.renewals.risk import RiskInputs, risk_score
from broker.renewals.risk_view import RiskView, risk_view
from pricing.market import Observation
from pricing.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Two separate series: what was quoted to us, and what is listed in public."""

    quotes: MarketView
    lists: MarketView


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """One page about one renewal."""

    header: Header
    paid: Paid | None
    offer: Offered | None
    other_open_offers: int
    market: Market
    deadlines: Deadlines
    alternatives: tuple[Alternative, ...]
    best_alternative: Alternative | None  # the one that the walk-away price rests on
    walk_away_price: Money | None
    economics: Economics
    risk: RiskView
    recommendation: Advice
    assumptions: tuple[Stated, ...]
    conversions: tuple[str, ...]
    unknown: tuple[Unknown, ...]
    negotiation: NegotiationView | None = None


def brief_of(facts: RenewalFacts) -> Brief:
    """Return the brief; raise RefusedError for a line that has no end."""
    evidence = evidence_for(facts)
    grounds = grounds_of(facts, evidence)
    deadlines = deadlines_of(
        facts.contract,
        facts.line,
        end_on=grounds.end_on,
        country=grounds.incumbent.country,
        as_of=facts.as_of,
    )
    listed = converted_lists(facts.listed, evidence)
    market = _market(grounds, listed)
    alternatives = _alternatives(grounds, listed, evidence)
    best = best_deliverable(alternatives)
    offer = _offered(grounds, evidence)
    unit_costs = _economics(grounds, evidence)
    risk = _risk(grounds, deadlines, evidence)
    advice = advice_of(
        grounds, deadlines=deadlines, market=market.quotes, best=best, evidence=evidence
    )
    return Brief(
        header=header_of(facts.contract, facts.line, grounds.incumbent, as_of=facts.as_of),
        paid=_paid(grounds),
        offer=offer,
        other_open_offers=grounds.other_offers,
        market=market,
        deadlines=deadlines,
        alternatives=alternatives,
        best_alternative=best,
        walk_away_price=None if best is None else best.leaving.walk_away_price,
        economics=unit_costs,
        risk=risk,
        recommendation=advice,
        assumptions=evidence.used,
        conversions=evidence.conversions,
        unknown=evidence.unknown,
        negotiation=facts.negotiation,
    )


def _paid(grounds: Grounds) -> Paid | None:
    if grounds.now is None:
        return None
    return paid_now(grounds.now, line=grounds.line, year_gpu_hours=grounds.year_gpu_hours)


def _market(grounds: Grounds, listed: tuple[Observation, ...]) -> Market:
    facts = grounds.facts
    lists = market_of_lists(
        listed, line=grounds.line, incumbent=grounds.incumbent, as_of=facts.as_of
    )
    price = grounds.levelised if grounds.quote is not None else grounds.now
    return Market(
        quotes=market_view(grounds.market, price=price, suppliers=facts.suppliers),
        lists=market_view(lists, price=price, suppliers=facts.suppliers),
    )


def _alternatives(
    grounds: Grounds, listed: tuple[Observation, ...], evidence: Evidence
) -> tuple[Alternative, ...]:
    staying = grounds.staying
    rivals = rival_offers(grounds.compared, staying=staying)
    elsewhere = any(is_elsewhere(each.quote, staying) for each in rivals)
    return ways_out(
        rivals,
        listed,
        staying=staying,
        costs=stated_leaving_costs(evidence, some_elsewhere=elsewhere),
        suppliers=grounds.facts.suppliers,
    )


def _offered(grounds: Grounds, evidence: Evidence) -> Offered | None:
    if grounds.quote is None or grounds.price is None:
        return None
    return offered(
        grounds.quote,
        price=grounds.price,
        levelised=grounds.levelised,
        now=grounds.now,
        market=grounds.median,
        cap=_cap(grounds, evidence),
        rate=evidence.optional_number(AssumptionName.DISCOUNT_RATE),
        line=grounds.line,
        end_on=grounds.end_on,
        year_gpu_hours=grounds.year_gpu_hours,
    )


def _cap(grounds: Grounds, evidence: Evidence) -> CapAsked | None:
    agreed = grounds.line.renewal.uplift_cap_pct
    if agreed is not None:
        return CapAsked(fraction=agreed / Decimal(100), agreed=True)
    wished = evidence.optional_number(AssumptionName.REFERENCE_UPLIFT_CAP)
    return None if wished is None else CapAsked(fraction=wished, agreed=False)


def _economics(grounds: Grounds, evidence: Evidence) -> Economics:
    return economics(
        now=grounds.now,
        offer=grounds.price,
        market=grounds.median,
        line=grounds.line,
        workload=stated_workload(grounds.line, evidence),
        year_gpu_hours=grounds.year_gpu_hours,
        as_of=grounds.facts.as_of,
    )


def _risk(grounds: Grounds, deadlines: Deadlines, evidence: Evidence) -> RiskView:
    why = "a single risk score"
    names = AssumptionName
    to_notice = deadlines.days_to_notice
    given = RiskInputs(
        price_now=grounds.now,
        offer=grounds.price,
        benchmark=grounds.median,
        year_gpu_hours=grounds.year_gpu_hours,
        days_to_notice=deadlines.days_to_end if to_notice is None else to_notice,
        annual_gpu_spend=evidence.money(names.ANNUAL_GPU_SPEND, needed_for=why),
        replacement_lead_days=evidence.days(names.REPLACEMENT_LEAD_DAYS, needed_for=why),
        days_to_end=deadlines.days_to_end,
    )
    return risk_view(risk_score(given))
