"""From the figures of a brief to advice, and to the list of figures that the advice rests on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from broker.contracts.line_terms import RenewalType
from broker.contracts.state import ContractState
from broker.renewals import shown
from broker.renewals.alternatives import Alternative
from broker.renewals.assumptions import AssumptionName
from broker.renewals.comparables import quote_name
from broker.renewals.evidence import Evidence
from broker.renewals.grounds import Grounds
from broker.renewals.header_view import Deadlines
from broker.renewals.market_view import MarketView
from broker.renewals.recommendation import (
    Advice,
    Figure,
    Situation,
    WayOut,
    price_text,
    recommend,
)
from pricing.market import Widening

_OF_LEAVING = frozenset(
    {
        AssumptionName.MIGRATION_WORK_COST.value,
        AssumptionName.DOUBLE_RUNNING_DAYS.value,
        AssumptionName.EGRESS_COST.value,
        AssumptionName.EARLY_TERMINATION_FEE.value,
        AssumptionName.LOST_PREPAYMENT.value,
        AssumptionName.DISCOUNT_RATE.value,
    }
)


def advice_of(
    grounds: Grounds,
    *,
    deadlines: Deadlines,
    market: MarketView,
    best: Alternative | None,
    evidence: Evidence,
) -> Advice:
    """Return what to do, by when, and every figure behind it."""
    advice = recommend(_situation(grounds, deadlines=deadlines, market=market, best=best))
    figures = _figures(grounds, market=market, best=best, evidence=evidence)
    return replace(advice, rests_on=tuple(figures))


def _situation(
    grounds: Grounds, *, deadlines: Deadlines, market: MarketView, best: Alternative | None
) -> Situation:
    quote = grounds.quote
    return Situation(
        as_of=grounds.facts.as_of,
        supplier=grounds.incumbent.legal_name,
        settled=_settled(grounds, deadlines),
        offer=shown.maybe_price(grounds.levelised),
        benchmark=market.median,
        way_out=None if best is None else _way_out(best),
        valid_until=None if quote is None else quote.valid_until,
        notice_due=deadlines.notice_due,
        last_day=deadlines.last_day_of_service,
        renews_by_itself=grounds.line.renewal.renewal_type is RenewalType.AUTO,
        blocked=_blocked(grounds),
    )


def _settled(grounds: Grounds, deadlines: Deadlines) -> str | None:
    contract, line = grounds.facts.contract, grounds.line
    accepted = contract.accepted_renewal(line)
    if accepted is not None:
        return f"The renewal was accepted: {quote_name(accepted)}"
    if deadlines.days_to_end <= 0:
        return f"Service ended on {deadlines.last_day_of_service}"
    if contract.state is ContractState.IN_NOTICE and grounds.quote is None:
        return f"Notice was given; service ends on {deadlines.last_day_of_service}"
    return None


def _blocked(grounds: Grounds) -> str | None:
    if grounds.quote is None or grounds.levelised is not None:
        return None
    return "the offer cannot be compared: its currency or its prepayment needs a rate to weigh it"


def _way_out(best: Alternative) -> WayOut:
    return WayOut(
        supplier=best.supplier,
        price=best.price_per_gpu_hour,
        walk_away=best.leaving.walk_away_price,
        start_by=best.needed_by,
        valid_until=best.valid_until,
    )


def _figures(
    grounds: Grounds, *, market: MarketView, best: Alternative | None, evidence: Evidence
) -> Iterator[Figure]:
    quote = grounds.quote
    if quote is not None and grounds.price is not None:
        yield Figure(
            name="offer",
            value=price_text(shown.price(grounds.price)),
            source=f"{quote_name(quote)}, received {quote.received_on}",
        )
    if market.median is not None:
        yield Figure(
            name="benchmark", value=price_text(market.median), source=benchmark_words(market)
        )
    if best is not None:
        yield Figure(
            name="best alternative",
            value=price_text(best.price_per_gpu_hour),
            source=f"{best.supplier}, delivers {best.delivery_on}, needed by {best.needed_by}",
        )
        yield from _walk_away(best, grounds)
    for stated in evidence.used:
        if stated.name in _OF_LEAVING:
            yield Figure(name=stated.name, value=stated.value, source=stated.source)


def benchmark_words(market: MarketView) -> str:
    """Return what a benchmark is the median of, in words, and what had to be widened for it."""
    tenor, region, tier = market.tenor, market.region_group, market.tier
    if Widening.TENOR in market.widened:
        tenor = f"{tenor} and neighbours"
    if Widening.REGION in market.widened:
        region = "any region"
    if Widening.TIER in market.widened:
        tier = "any class"
    parts = (f"median of {market.n} suppliers", market.gpu_model, market.form_factor)
    return ", ".join(part for part in (*parts, tenor, region, tier) if part)


def _walk_away(best: Alternative, grounds: Grounds) -> Iterator[Figure]:
    leaving = best.leaving
    if leaving.walk_away_price is None or leaving.cost is None:
        return
    yield Figure(
        name="walk-away price",
        value=price_text(leaving.walk_away_price),
        source=f"{price_text(best.price_per_gpu_hour)} + {leaving.cost.total.amount:,} of switching "
        f"over {grounds.line.gpu_count:,} GPUs and {grounds.term_months} months",
    )
