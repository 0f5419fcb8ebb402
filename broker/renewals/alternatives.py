"""Alternatives: who else could deliver, when, and what leaving for them would gain.

An alternative counts as deliverable only if enough GPUs arrive before double running must begin.
Public list prices are shown beside the quotes, but nobody has promised that they can be had.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from broker.contracts.quote import Quote
from broker.contracts.supplier import Supplier
from broker.renewals import shown
from broker.renewals.comparables import OPEN_MARKET, ComparedQuote, form_group
from broker.renewals.leaving import Leaving, LeavingCosts, Staying, what_leaving_gains
from broker.renewals.market_view import supplier_name
from broker.renewals.switching import latest_double_running_start
from pricing.market import Observation, SourceKind
from pricing.money import Money

LISTED_SHOWN = 5
"""The cheapest list prices that are worth a line each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """One way out. None in a figure means that it is not known, with the reason in the brief."""

    source: str  # a quote to us, or a public list
    supplier: str
    quote_id: str | None
    price_per_gpu_hour: Money  # levelised
    prepay_pct: Decimal | None
    term_months: int | None
    region: str | None
    gpus_offered: int | None
    gpus_needed: int
    delivery_on: date | None
    needed_by: date | None
    valid_until: date | None
    deliverable: bool | None
    delivery: str  # why it is deliverable, or why not, in a few words
    leaving: Leaving


def ways_out(
    compared: Iterable[ComparedQuote],
    listed: Iterable[Observation],
    *,
    staying: Staying,
    costs: LeavingCosts,
    suppliers: Mapping[str, Supplier],
) -> tuple[Alternative, ...]:
    """Return the alternatives, best first: deliverable, then not known to be, then not; lists last.

    Within a group the lowest walk-away price leads, or the lowest price while that is unknown.
    """
    quoted = [
        _of_quote(each, staying=staying, costs=costs, suppliers=suppliers)
        for each in compared
        if each.quote.supplier_key != staying.incumbent and _is_open_offer(each.quote, staying)
    ]
    others = [each for each in listed if each.supplier != staying.incumbent]
    cheapest = sorted(others, key=lambda each: each.price_per_gpu_hour.amount)[:LISTED_SHOWN]
    on_list = [
        _of_list(each, staying=staying, costs=costs, suppliers=suppliers) for each in cheapest
    ]
    return (*sorted(quoted, key=_best_first), *on_list)


def best_deliverable(ranked: Sequence[Alternative]) -> Alternative | None:
    """Return the alternative that the walk-away price rests on; None when none can be delivered."""
    return next((each for each in ranked if each.deliverable), None)


def delivery_day(quote: Quote, *, as_of: date) -> date | None:
    """Return the day on which a quote delivers; None when it does not say.

    A lead time counts from the order, which is not before today nor before the quote.
    """
    if quote.delivery_on is not None:
        return quote.delivery_on
    if quote.lead_time_days is None:
        return None
    return max(as_of, quote.received_on) + timedelta(days=quote.lead_time_days)


def _is_open_offer(quote: Quote, staying: Staying) -> bool:
    ours, theirs = form_group(staying.line.form_factor), form_group(quote.form_factor)
    return (
        quote.kind in OPEN_MARKET
        and quote.gpu_model == staying.line.gpu_model
        and (ours is None or theirs is None or ours == theirs)
        and quote.is_open_on(staying.as_of)
    )


def _of_quote(
    compared: ComparedQuote,
    *,
    staying: Staying,
    costs: LeavingCosts,
    suppliers: Mapping[str, Supplier],
) -> Alternative:
    quote = compared.quote
    arrives = delivery_day(quote, as_of=staying.as_of)
    needed_by = _needed_by(staying, costs)
    deliverable, why = _delivery(quote.gpu_count, arrives, needed_by=needed_by, staying=staying)
    return Alternative(
        source=SourceKind.QUOTE.value,
        supplier=supplier_name(quote.supplier_key, suppliers),
        quote_id=quote.id,
        price_per_gpu_hour=shown.price(compared.price),
        prepay_pct=quote.prepay_pct,
        term_months=quote.term_months,
        region=quote.region,
        gpus_offered=quote.gpu_count,
        gpus_needed=staying.line.gpu_count,
        delivery_on=arrives,
        needed_by=needed_by,
        valid_until=quote.valid_until,
        deliverable=deliverable,
        delivery=why,
        leaving=what_leaving_gains(compared.price, staying=staying, costs=costs),
    )


def _of_list(
    seen: Observation,
    *,
    staying: Staying,
    costs: LeavingCosts,
    suppliers: Mapping[str, Supplier],
) -> Alternative:
    price = seen.price_per_gpu_hour
    return Alternative(
        source=SourceKind.LIST.value,
        supplier=supplier_name(seen.supplier, suppliers),
        quote_id=None,
        price_per_gpu_hour=shown.price(price),
        prepay_pct=None,
        term_months=None,
        region=seen.region_group,
        gpus_offered=None,
        gpus_needed=staying.line.gpu_count,
        delivery_on=None,
        needed_by=_needed_by(staying, costs),
        valid_until=None,
        deliverable=None,
        delivery="on demand; availability not known",
        leaving=what_leaving_gains(price, staying=staying, costs=costs),
    )


def _needed_by(staying: Staying, costs: LeavingCosts) -> date | None:
    if costs.double_running_days is None:
        return None
    return latest_double_running_start(staying.end_on, days=costs.double_running_days)


def _delivery(
    gpus: int, arrives: date | None, *, needed_by: date | None, staying: Staying
) -> tuple[bool | None, str]:
    """Say whether enough GPUs arrive in time; None while that is not known."""
    if gpus < staying.line.gpu_count:
        return False, f"too few: {gpus:,} of {staying.line.gpu_count:,} GPUs"
    if arrives is None:
        return None, "states no delivery day or lead time"
    if arrives >= staying.end_on:
        return False, f"too late: {arrives}, service ends {staying.last_day}"
    if needed_by is None:
        return None, f"delivers {arrives}; days of double running unknown"
    if arrives > needed_by:
        return False, f"too late: {arrives}, double running starts {needed_by}"
    if needed_by < staying.as_of:
        return False, f"too late: double running had to start {needed_by}"
    return True, f"in time: {arrives}, needed by {needed_by}"


def _best_first(each: Alternative) -> tuple[int, Decimal, Decimal, str, str]:
    group = {True: 0, None: 1, False: 2}[each.deliverable]
    price = each.price_per_gpu_hour.amount
    walk_away = each.leaving.walk_away_price
    decisive = price if walk_away is None else walk_away.amount
    return group, decisive, price, each.supplier, each.quote_id or ""
