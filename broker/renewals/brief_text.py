"""The brief as a page of text: sections of lines for a terminal, at most `WIDTH` columns.

Every amount has its unit, every unknown says so. Numbers of one column stand right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from broker.renewals.advising import benchmark_words
from broker.renewals.alternatives import Alternative
from broker.renewals.brief import Brief
from broker.renewals.economics import UnitCosts
from broker.renewals.market_view import MarketView
from broker.renewals.offer_view import CapView, Offered
from broker.renewals.page_words import (
    UNKNOWN,
    cut,
    days_text,
    percent_change,
    price,
    row,
    share,
    signed,
    stated_figure,
    total,
    wrapped,
)
from broker.renewals.recommendation import price_text
from pricing.market import SourceKind
from pricing.money import Money, plain

NOTHING = "—"
_LISTED_HERE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of the page."""

    title: str
    lines: tuple[str, ...]


def brief_page(brief: Brief) -> tuple[Section, ...]:
    """Return the page, what to do first."""
    sections = (
        Section(title="What to do", lines=tuple(_advice(brief))),
        Section(title="Worth, by the procurement plan", lines=tuple(_negotiation(brief))),
        Section(title="Price", lines=tuple(_prices(brief))),
        Section(title="Market", lines=tuple(_market(brief))),
        Section(title="Deadlines", lines=tuple(_deadlines(brief))),
        Section(title="Alternatives", lines=tuple(_alternatives(brief))),
        Section(title="What it does to us", lines=tuple(_economics(brief))),
        Section(title="Risk", lines=tuple(_risk(brief))),
        Section(title="Assumed", lines=tuple(_assumed(brief))),
        Section(title="Unknown", lines=tuple(_unknown(brief))),
    )
    return tuple(section for section in sections if section.lines)


def page_title(brief: Brief) -> str:
    """Return which line the page is about."""
    header = brief.header
    return f"{header.supplier} · {header.contract_ref}/{header.line_no}"


def page_subtitle(brief: Brief) -> str:
    """Return what the line is, and of which day the page speaks."""
    header = brief.header
    parts = (
        f"{header.gpu_count:,} {header.gpu_model} {header.form_factor or ''}".strip(),
        header.region,
        f"ends {header.last_day_of_service}",
        header.state,
        f"owner {header.owner or UNKNOWN}",
        f"as of {header.as_of}",
    )
    return " · ".join(part for part in parts if part)


def _advice(brief: Brief) -> Iterator[str]:
    advice = brief.recommendation
    yield f"{advice.headline}."
    left = days_text((advice.decide_by - brief.header.as_of).days)
    yield f"Decide by {advice.decide_by:%a} {advice.decide_by}, {left}: {advice.decide_because}."
    for reason in advice.reasons:
        yield from wrapped(f"- {reason}", indent=2)


def _negotiation(brief: Brief) -> Iterator[str]:
    found = brief.negotiation
    if found is None:
        return
    limit = price_text(found.walk_away_price)
    yield from wrapped(
        f"At most {limit}, for {found.walk_away_gpus:,} GPUs; renewing nothing takes "
        f"{found.gpus_needed:,f} elsewhere.",
        indent=2,
    )
    yield from wrapped("; ".join(each.text() for each in found.quantities) + ".", indent=2)
    if found.waiting_cost is not None and found.waiting_cost.amount > 0:
        yield (
            f"Signing nothing anywhere before {found.waiting_month} costs "
            f"{total(found.waiting_cost)} {found.waiting_cost.currency} more."
        )
    yield f"Plan of {found.planned_on}, {found.plan_id[-8:]}: tonnage procure"


def _prices(brief: Brief) -> Iterator[str]:
    paid, offer = brief.paid, brief.offer
    unit = brief.header.currency
    yield row("", f"{unit} per GPU-hour", f"{unit} a year", f"{unit} a month")
    if paid is None:
        yield row("now", UNKNOWN)
    else:
        yield row(
            "now (last day of term)",
            price(paid.price_per_gpu_hour),
            total(paid.annual_cost),
            total(paid.monthly_cost),
        )
    if offer is None:
        yield row("offered", "no offer yet")
        return
    yield row(
        "offered",
        price(offer.price_per_gpu_hour),
        total(offer.annual_cost),
        total(offer.monthly_cost),
    )
    yield from _hike(offer)
    yield from _offer_notes(brief, offer)


def _hike(offer: Offered) -> Iterator[str]:
    exposure = offer.exposure
    if exposure is None or offer.hike is None:
        yield row("hike", UNKNOWN)
        return
    yield row(
        "hike", percent_change(offer.hike), signed(exposure.total), signed(exposure.per_month)
    )
    yield row("  the market", percent_change(offer.market_move), signed(exposure.market_part))
    yield row("  over the market", percent_change(offer.premium), signed(exposure.premium_part))
    if offer.cap is not None:
        yield row(
            _cap_label(offer.cap),
            price(offer.cap.ceiling),
            signed(offer.cap.excess_per_year),
            "breached" if offer.cap.breached else "not agreed" if not offer.cap.agreed else "kept",
        )


def _offer_notes(brief: Brief, offer: Offered) -> Iterator[str]:
    term = "no term" if offer.term_months is None else f"{offer.term_months} months"
    prepay = "not stated" if offer.prepay_pct is None else f"{plain(offer.prepay_pct)} %"
    until = f"valid until {offer.valid_until}" if offer.valid_until else "no end of validity"
    yield f"Offer: {term}, {offer.gpus:,} GPUs, prepayment {prepay}, {until}, {offer.state}."
    if offer.levelised_price is None:
        yield f"Levelised price {UNKNOWN}."
    elif offer.levelised_price != offer.price_per_gpu_hour:
        yield f"As if paid as you go: {price(offer.levelised_price)} per GPU-hour."
    if offer.if_prepaid:
        asks = ", ".join(
            f"{price(ask.price_per_gpu_hour)} with {ask.prepay_pct} %" for ask in offer.if_prepaid
        )
        yield f"{price(offer.price_per_gpu_hour)} with prepayment would really be {asks}."
    if offer.gpus != brief.header.gpu_count:
        yield f"The offer is for {offer.gpus:,} GPUs, the line has {brief.header.gpu_count:,}."
    if brief.other_open_offers:
        yield f"Older offers still open: {brief.other_open_offers}."


def _market(brief: Brief) -> Iterator[str]:
    has_offer = brief.offer is not None
    yield from _benchmark(brief.market.quotes, "Quotes to us", has_offer=has_offer)
    if brief.market.quotes.members:
        quoted = ", ".join(price(each.price_per_gpu_hour) for each in brief.market.quotes.members)
        yield from wrapped(f"  {quoted}", indent=2)
    yield from _benchmark(brief.market.lists, "Public lists, apart", has_offer=has_offer)


def _benchmark(view: MarketView, label: str, *, has_offer: bool) -> Iterator[str]:
    if view.median is None:
        yield f"{label}: none, {view.n} of {view.needed} suppliers needed."
        return
    who = "offer" if has_offer else "today's price"
    spread = f"quartiles {price(view.q1)} to {price(view.q3)}, MAD {price(view.mad)}"
    yield f"{label}: {price(view.median)}, {spread}; {who} {view.standing}."
    yield from wrapped(f"  {benchmark_words(view)}", indent=2)


def _deadlines(brief: Brief) -> Iterator[str]:
    due = brief.deadlines
    if due.notice_due is None:
        said = "done" if due.notice_done else "none to give, or given"
        yield f"Notice: {said}."
    elif due.notice_passed:
        yield f"{str(due.notice_kind).capitalize()} was due {due.notice_due}: the right is lost."
    else:
        yield (
            f"{str(due.notice_kind).capitalize()} by {due.notice_due:%a} {due.notice_due}, "
            f"{days_text(due.days_to_notice or 0)}: {due.computed_from}."
        )
    yield f"Service ends {due.last_day_of_service}; {days_text(due.days_to_end)} until it is off."


def _alternatives(brief: Brief) -> Iterator[str]:
    quoted = [each for each in brief.alternatives if each.source == SourceKind.QUOTE]
    listed = [each for each in brief.alternatives if each.source == SourceKind.LIST]
    if not quoted:
        yield "No open quote of another supplier for this GPU."
    else:
        yield (
            f"{'quoted by':25}{'GPUs':>6}{'GPU-hour':>10}{'saving a year':>16}"
            f"{'walk away':>11}  can it be had"
        )
    for each in quoted:
        yield _alternative(each)
    if listed:
        cheapest = ", ".join(
            f"{each.supplier} {price(each.price_per_gpu_hour)}" for each in listed[:_LISTED_HERE]
        )
        yield from wrapped(f"Lists on demand, availability not known: {cheapest}.", indent=2)
    if brief.best_alternative is not None:
        yield from _leaving(brief.best_alternative)


def _alternative(each: Alternative) -> str:
    # Nobody can walk away to what cannot be had.
    limit = NOTHING if each.deliverable is False else price(each.leaving.walk_away_price)
    gpus = "" if each.gpus_offered is None else f"{each.gpus_offered:,}"
    figures = (
        f"{each.supplier[:24]:25}{gpus:>6}{price(each.price_per_gpu_hour):>10}"
        f"{total(each.leaving.saving_per_year):>16}{limit:>11}"
    )
    return cut(f"{figures}  {each.delivery}")


def _leaving(best: Alternative) -> Iterator[str]:
    leaving, cost = best.leaving, best.leaving.cost
    if cost is None:
        yield f"Moving to {best.supplier}: cost {UNKNOWN}, so there is no walk-away price."
        return
    yield f"Double running starts by {best.needed_by}; the quote holds until {best.valid_until}."
    yield from wrapped(
        f"Moving to {best.supplier} costs {total(cost.total)}: work {total(cost.migration_work)}, "
        f"double running {total(cost.double_running)} "
        f"({cost.double_running_gpu_hours:,} GPU-hours), egress {total(cost.egress)}, "
        f"fee {total(cost.early_termination_fee)}, "
        f"lost prepayment {total(cost.lost_prepayment)}.",
        indent=2,
    )
    if leaving.net_gain is None:
        return
    back = "never pays back"
    if leaving.break_even_hours is not None:
        back = f"pays back in {leaving.break_even_hours:,} h ({days_text(leaving.break_even_days or 0)})"
    yield from wrapped(
        f"It saves {total(leaving.saving_per_hour)} an hour, {back}, and gains "
        f"{total(leaving.net_gain)} over the term.",
        indent=2,
    )


def _economics(brief: Brief) -> Iterator[str]:
    found = brief.economics
    yield row("", "now", "offered")
    rows = (
        ("per used GPU-hour", "effective_price_per_used_gpu_hour", price),
        ("per B200-equivalent-hour", "price_per_b200_hour", price),
        ("idle GPUs, a year", "idle_cost_per_year", total),
        ("per million tokens, used", "tokens_used_per_million", price),
        ("per million tokens, full", "tokens_full_per_million", price),
    )
    for label, name, show in rows:
        yield row(label, *(show(_of(costs, name)) for costs in (found.now, found.offered)))
    now = None if found.now is None else found.now.gross_margin
    offered = None if found.offered is None else found.offered.gross_margin
    yield row(
        f"gross margin at {price(found.revenue_per_million_tokens)}",
        share(now),
        share(offered),
    )
    if found.token_price_for_margin_now is not None:
        restoring = price(found.token_price_for_margin_now)
        yield f"Tokens would have to sell for {restoring} per million to keep today's margin."
    hours = f"{found.remaining_gpu_hours:,} GPU-hours"
    if found.mark_to_market is None:
        yield f"What the rest of the term ({hours}) is worth against the market is {UNKNOWN}."
        return
    yield (
        f"The rest of the term ({hours}) is worth {signed(found.mark_to_market)} "
        "against the market."
    )


def _of(costs: UnitCosts | None, name: str) -> Money | None:
    found: Money | None = None if costs is None else getattr(costs, name)
    return found


def _risk(brief: Brief) -> Iterator[str]:
    risk = brief.risk
    score = f"{risk.score}" if risk.score is not None else f"{risk.low} to {risk.high}"
    parts = ", ".join(
        f"{part.factor} {UNKNOWN if part.points is None else part.points}/{part.weight}"
        for part in risk.parts
    )
    yield from wrapped(f"{score} of 100: {parts}.", indent=2)


def _assumed(brief: Brief) -> Iterator[str]:
    for stated in brief.assumptions:
        yield cut(f"{stated.name:27}{stated_figure(stated):>26}  {stated.source}")
    yield from (cut(f"rate {statement}") for statement in brief.conversions)


def _unknown(brief: Brief) -> Iterator[str]:
    for unknown in brief.unknown:
        yield from wrapped(f"{unknown.what}: {unknown.why}.", indent=2)
        yield f"  {unknown.how}"


def _cap_label(cap: CapView) -> str:
    percent = f"{plain(cap.cap * 100)} %"
    return f"  agreed cap of {percent}" if cap.agreed else f"  a cap of {percent} allows"
