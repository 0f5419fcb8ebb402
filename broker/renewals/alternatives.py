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
from broker.renewals.comparables import OPEN_MARKET, ComparedQuote, form_group, region_group
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


def rival_offers(
    compared: Iterable[ComparedQuote], *, staying: Staying
) -> tuple[ComparedQuote, ...]:
    """Return the open quotes of other suppliers for the like of the line."""
    return tuple(
        each
        for each in compared
        if each.quote.supplier_key != staying.incumbent and _is_open_offer(each.quote, staying)
    )


def ways_out(
    rivals: Iterable[ComparedQuote],
    listed: Iterable[Observation],
    *,
    staying: Staying,
    costs: LeavingCosts,
    suppliers: Mapping[str, Supplier],
) -> tuple[Alternative, ...]:
    """Return the alternatives, best first: deliverable, then not known to be, then not; lists last.

    Within a group the lowest walk-away price leads, or the lowest price while that is unknown.
    """
    quoted = [_of_quote(each, staying=staying, costs=costs, suppliers=suppliers) for each in rivals]
    others = [each for each in listed if each.supplier != staying.incumbent]
    cheapest = sorted(others, key=lambda each: each.price_per_gpu_hour.amount)[:LISTED_SHOWN]
    on_list = [
        _of_list(each, staying=staying, costs=costs, suppliers=suppliers) for each in cheapest
    ]
    return (*sorted(quoted, key=_best_first), *on_list)


def is_elsewhere(quote: Quote, staying: Staying) -> bool:
    """Say whether a quote is for another part of the world than the line."""
    ours, theirs = region_group(staying.line.region), region_group(quote.region)
    return ours is not None and theirs is not None and ours != theirs


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
    deliverable, why = _delivery(quote, arrives, staying=staying, costs=costs)
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
    quote: Quote, arrives: date | None, *, staying: Staying, costs: LeavingCosts
) -> tuple[bool | None, str]:
    """Say whether enough GPUs arrive in time where they are needed; None while it is not known."""
    found = [
        _enough(quote, staying),
        _in_time(arrives, staying=staying, needed_by=_needed_by(staying, costs)),
        _in_place(quote, staying=staying, serves=costs.other_regions_serve),
    ]
    for verdict in (False, None):
        reasons = [why for answer, why in found if answer is verdict]
        if reasons:
            return verdict, ", ".join(reasons)
    return True, f"in time, {arrives}"


def _enough(quote: Quote, staying: Staying) -> tuple[bool | None, str]:
    return quote.gpu_count >= staying.line.gpu_count, "too few GPUs"


def _in_time(
    arrives: date | None, *, staying: Staying, needed_by: date | None
) -> tuple[bool | None, str]:
    if arrives is None:
        return None, "no delivery day stated"
    if arrives >= staying.end_on or (needed_by is not None and arrives > needed_by):
        return False, f"too late, {arrives}"
    if needed_by is None:
        return None, f"{arrives}: time to move unknown"
    if needed_by < staying.as_of:
        return False, f"too late to start {needed_by}"
    return True, "in time"


def _in_place(quote: Quote, *, staying: Staying, serves: bool | None) -> tuple[bool | None, str]:
    answer = serves if is_elsewhere(quote, staying) else True
    return answer, f"in {quote.region}" + ("" if answer is False else ", does that serve?")


def _best_first(each: Alternative) -> tuple[int, Decimal, Decimal, str, str]:
    group = {True: 0, None: 1, False: 2}[each.deliverable]
    price = each.price_per_gpu_hour.amount
    walk_away = each.leaving.walk_away_price
    decisive = price if walk_away is None else walk_away.amount
    return group, decisive, price, each.supplier, each.quote_id or ""
