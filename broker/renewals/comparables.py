"""Comparables: quotes and lists made alike, so that a benchmark compares like with like.

Prices are brought into the currency of the brief and levelised for prepayment. What cannot be is
left out and named, never guessed. A quote that states no prepayment is compared as quoted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from broker.contracts.line import Line
from broker.contracts.quote import Quote, QuoteKind, QuoteState
from broker.contracts.supplier import MARKET_CLASS, Supplier
from broker.renewals.assumptions import AssumptionName
from broker.renewals.evidence import Evidence
from pricing.commitment import levelised_price
from pricing.market import (
    Benchmark,
    BenchmarkKey,
    NoBenchmark,
    Observation,
    SourceKind,
    benchmark,
)
from pricing.money import Money
from pricing.tenor import Tenor, tenor_of

OPEN_MARKET = frozenset({QuoteKind.RFQ, QuoteKind.OFFER})
"""Prices for a newcomer. What others ask from their captives to renew says less about the market."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedQuote:
    """A quote with its price per GPU-hour in the currency of the brief, levelised."""

    quote: Quote
    price: Money


def compared_quotes(quotes: Iterable[Quote], evidence: Evidence) -> tuple[ComparedQuote, ...]:
    """Return the quotes whose price can be compared; the evidence notes what the others lack."""
    found = []
    for quote in quotes:
        price = comparable_price(quote, evidence)
        if price is not None and price.amount > 0:
            found.append(ComparedQuote(quote=quote, price=price))
    return tuple(found)


def comparable_price(quote: Quote, evidence: Evidence) -> Money | None:
    """Return what a quote asks, as if paid as you go, in the currency of the brief."""
    price = evidence.converted(quote.money, needed_for=f"the price of {quote_name(quote)}")
    if price is None or not quote.prepay_pct:
        return price
    if quote.term_months is None:
        evidence.lacks(
            what=f"term of {quote_name(quote)}",
            why="it asks for prepayment without a term, so the two cannot be weighed",
            how="tonnage quotes record … --term-months MONTHS",
        )
        return None
    rate = evidence.number(
        AssumptionName.DISCOUNT_RATE, needed_for="what prepayment adds to a quoted price"
    )
    if rate is None:
        return None
    return levelised_price(
        price,
        term_months=quote.term_months,
        prepaid_fraction=quote.prepay_pct / 100,
        annual_rate=rate,
    )


def market_of_quotes(
    compared: Iterable[ComparedQuote],
    *,
    line: Line,
    term_months: int | None,
    incumbent: Supplier,
    suppliers: Mapping[str, Supplier],
    as_of: date,
) -> Benchmark | NoBenchmark:
    """Return what suppliers other than the incumbent quoted for the like of a line lately.

    Declined and lapsed quotes still tell what was asked; one that was withdrawn was taken back.
    """
    seen = [
        _observation(each, suppliers, as_of)
        for each in compared
        if each.quote.kind in OPEN_MARKET and each.quote.state is not QuoteState.WITHDRAWN
    ]
    key = BenchmarkKey(
        source=SourceKind.QUOTE,
        gpu_model=line.gpu_model,
        tenor=tenor_of(term_months),
        form_factor=form_group(line.form_factor),
        region_group=region_group(line.region),
        tier=_tier(incumbent, as_of),
    )
    return benchmark(seen, key=key, as_of=as_of, leave_out=incumbent.key)


def market_of_lists(
    listed: Iterable[Observation], *, line: Line, incumbent: Supplier, as_of: date
) -> Benchmark | NoBenchmark:
    """Return what suppliers list in public, on demand, for the GPU of a line."""
    key = BenchmarkKey(
        source=SourceKind.LIST,
        gpu_model=line.gpu_model,
        tenor=Tenor.ON_DEMAND,
        form_factor=form_group(line.form_factor),
    )
    seen = [replace(each, form_factor=form_group(each.form_factor)) for each in listed]
    return benchmark(seen, key=key, as_of=as_of, leave_out=incumbent.key)


def converted_lists(listed: Iterable[Observation], evidence: Evidence) -> tuple[Observation, ...]:
    """Return list prices in the currency of the brief; without a rate there are none."""
    found = []
    for each in listed:
        price = evidence.converted(each.price_per_gpu_hour, needed_for="every list price")
        if price is not None:
            found.append(replace(each, price_per_gpu_hour=price))
    return tuple(found)


def quote_name(quote: Quote) -> str:
    """Return a quote as people name it: by the end of its id, for its beginning is the time."""
    return f"quote {quote.id[-8:]}"


def region_group(region: str | None) -> str | None:
    """Return the part of the world of a region: "us-central" is in "us"; None when not known."""
    if region is None or not region.strip():
        return None
    return region.strip().lower().partition("-")[0]


def form_group(form_factor: str | None) -> str | None:
    """Return the form factor without its revision: SXM5 and SXM6 boards compare as SXM."""
    if form_factor is None:
        return None
    folded = form_factor.upper()
    return "SXM" if folded.startswith("SXM") else folded


def _observation(
    compared: ComparedQuote, suppliers: Mapping[str, Supplier], as_of: date
) -> Observation:
    quote = compared.quote
    supplier = suppliers.get(quote.supplier_key)
    return Observation(
        supplier=quote.supplier_key,
        source=SourceKind.QUOTE,
        gpu_model=quote.gpu_model,
        tenor=tenor_of(quote.term_months),
        price_per_gpu_hour=compared.price,
        observed_on=quote.received_on,
        reference=quote_name(quote),
        form_factor=form_group(quote.form_factor),
        region_group=region_group(quote.region),
        tier=None if supplier is None else _tier(supplier, as_of),
    )


def _tier(supplier: Supplier, as_of: date) -> str | None:
    fact = supplier.tier_in(MARKET_CLASS, as_of)
    return None if fact is None else fact.tier
