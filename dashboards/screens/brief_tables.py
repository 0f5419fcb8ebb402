"""The tables of a brief that compare prices: paid and offered, ways out, unit economics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import streamlit as st

from broker.api.client import Alternative, Brief, Money, Offered, UnitCosts
from dashboards import figures, tables

_MARKS: Final = {True: "● yes,", None: "△", False: "✕ no,"}
_SOURCES: Final = {"quote": "quote to us", "list": "public list"}


def prices(brief: Brief) -> None:
    """Show what is paid and what is offered, and how the hike splits."""
    st.subheader(
        "Paid and offered",
        help="A year is the twelve months after the end, a month 730 hours as suppliers bill it. "
        "(1 + market move) x (1 + premium) = 1 + hike.",
    )
    st.dataframe(
        tables.shown(["", "Per GPU-hour", "A month", "A year"], list(_price_rows(brief))),
        hide_index=True,
        placeholder=figures.UNKNOWN,
        column_config=_right("Per GPU-hour", "A month", "A year"),
        alt="Price now and offer",
    )
    if brief.offer is None:
        st.info("**No offer yet.** Only what is paid now is shown.", icon=":material/mail:")
        return
    st.dataframe(
        tables.shown(["", "Share", "A year"], list(_hike_rows(brief.offer))),
        hide_index=True,
        placeholder=figures.UNKNOWN,
        column_config={"": st.column_config.Column(width=180), **_right("Share", "A year")},
        alt="The hike in its parts",
    )
    for note in _offer_notes(brief, brief.offer):
        st.caption(figures.plain(note))


def alternatives(brief: Brief) -> None:
    """Show who else could deliver, best first."""
    st.subheader(
        "Alternatives",
        help="Ranked: deliverable in time and in full, then not known to be, then not. Savings "
        "are against the offer to stay; break-even and net gain include the cost of switching.",
    )
    if not brief.alternatives:
        st.info(
            f"No other supplier has an open quote or a list price for {brief.header.gpu_model}.",
            icon=":material/search_off:",
        )
        return
    st.dataframe(
        tables.shown(_ALTERNATIVE_COLUMNS, [_alternative(one) for one in brief.alternatives]),
        hide_index=True,
        placeholder=figures.UNKNOWN,
        height="content",
        column_config={
            "Supplier": st.column_config.TextColumn(pinned=True),
            "Delivers": st.column_config.DateColumn(format="D MMM YYYY"),
            "Valid until": st.column_config.DateColumn(format="D MMM YYYY"),
            "Can it be had": st.column_config.TextColumn(
                help="In time and in full: enough GPUs before double running has to begin."
            ),
            "Walk away": st.column_config.NumberColumn(
                help="The renewal price at which staying and moving here cost the same."
            ),
            **_right("Price", "GPUs", "Saving a year", "Switch cost", "Break-even", "Net gain"),
        },
        alt="Alternatives, best first",
    )
    if brief.best_alternative is not None:
        st.caption(figures.plain(" ".join(_switching(brief.best_alternative))))


def economics(brief: Brief) -> None:
    """Show both prices in the terms that the product is sold in."""
    found = brief.economics
    st.subheader(
        "Unit economics",
        help="Used: cost of the busy hours only. Full: with the idle hours that take-or-pay "
        "makes us pay. A dash: an input that nobody has stated, see below.",
    )
    st.dataframe(
        tables.shown(["", "Now", "Offered"], list(_economics_rows(brief))),
        hide_index=True,
        placeholder=figures.UNKNOWN,
        column_config=_right("Now", "Offered"),
        alt="Unit economics now and at the offered price",
    )
    notes = []
    if found.token_price_for_margin_now is not None:
        notes.append(
            "To keep today's margin a million tokens would have to sell for "
            f"{figures.price(found.token_price_for_margin_now)}."
        )
    if found.mark_to_market is not None:
        notes.append(
            f"The rest of the term is worth {figures.total(found.mark_to_market, signed=True)} "
            f"against the benchmark ({figures.count(found.remaining_gpu_hours)} GPU-hours, "
            "not discounted)."
        )
    if notes:
        st.caption(figures.plain(" ".join(notes)))


_ALTERNATIVE_COLUMNS: Final = (
    "Supplier",
    "Source",
    "Price",
    "GPUs",
    "Delivers",
    "Can it be had",
    "Saving a year",
    "Switch cost",
    "Break-even",
    "Net gain",
    "Walk away",
    "Valid until",
)


def _price_rows(brief: Brief) -> Iterator[tuple[object, ...]]:
    paid, offer = brief.paid, brief.offer
    if paid is None:
        yield "Now", None, None, None
    else:
        yield (
            "Now",
            _price(paid.price_per_gpu_hour),
            _total(paid.monthly_cost),
            _total(paid.annual_cost),
        )
    if offer is not None:
        yield (
            "Offered",
            _price(offer.price_per_gpu_hour),
            _total(offer.monthly_cost),
            _total(offer.annual_cost),
        )


def _hike_rows(offer: Offered) -> Iterator[tuple[object, ...]]:
    more = offer.exposure
    total, of_market, of_premium = (
        (None, None, None)
        if more is None
        else (_total(more.total), _total(more.market_part), _total(more.premium_part))
    )
    yield "Hike", figures.percent(offer.hike, signed=True), total
    yield "of which the market", figures.percent(offer.market_move, signed=True), of_market
    yield "of which over the market", figures.percent(offer.premium, signed=True), of_premium
    if offer.cap is not None:
        cap = figures.percent(offer.cap.cap)
        whose = "above the agreed cap of" if offer.cap.agreed else "above our usual cap of"
        yield f"{whose} {cap}", None, _total(offer.cap.excess_per_year)


def _offer_notes(brief: Brief, offer: Offered) -> Iterator[str]:
    term = "no term stated" if offer.term_months is None else f"{offer.term_months} months"
    until = f"valid until {figures.day(offer.valid_until)}" if offer.valid_until else "no validity"
    prepay = "prepayment not stated"
    if offer.prepay_pct is not None:
        prepay = f"{figures.number(offer.prepay_pct, 0)} % prepaid"
    yield (
        f"Offer of {figures.day(offer.received_on)}: {figures.count(offer.gpus)} GPUs, {term}, "
        f"{prepay}, {until}, {offer.state}."
    )
    if offer.exposure is not None:
        yield f"That is {figures.total(offer.exposure.per_month, signed=True)} a month."
    if offer.cap is not None and offer.cap.breached:
        yield f"✕ The offer breaches the agreed cap; its ceiling is {figures.price(offer.cap.ceiling)}."
    if offer.levelised_price is not None and offer.levelised_price != offer.price_per_gpu_hour:
        yield f"Levelised for prepayment it is {figures.price(offer.levelised_price)} per GPU-hour."
    if offer.if_prepaid:
        asks = ", ".join(
            f"{figures.price(ask.price_per_gpu_hour)} with {ask.prepay_pct} %"
            for ask in offer.if_prepaid
        )
        yield f"If prepayment were asked, the same price would cost {asks} prepaid."
    if offer.gpus != brief.header.gpu_count:
        yield (
            f"△ The offer is for {figures.count(offer.gpus)} GPUs, the line has "
            f"{figures.count(brief.header.gpu_count)}."
        )
    if brief.other_open_offers:
        yield f"△ Older offers that are still open: {brief.other_open_offers}."


def _alternative(one: Alternative) -> tuple[object, ...]:
    leaving = one.leaving
    days = leaving.break_even_days
    return (
        one.supplier,
        _SOURCES.get(one.source, one.source),
        _price(one.price_per_gpu_hour),
        None
        if one.gpus_offered is None
        else figures.Drawn(one.gpus_offered, figures.count(one.gpus_offered)),
        one.delivery_on,
        f"{_MARKS[one.deliverable]} {one.delivery}",
        _short(leaving.saving_per_year),
        None if leaving.cost is None else _short(leaving.cost.total),
        None if days is None else figures.Drawn(days, figures.days(days)),
        _short(leaving.net_gain),
        None
        if leaving.walk_away_price is None
        else figures.Drawn(
            leaving.walk_away_price.amount, figures.precise(leaving.walk_away_price)
        ),
        one.valid_until,
    )


def _switching(best: Alternative) -> Iterator[str]:
    cost = best.leaving.cost
    if cost is None:
        yield (
            f"The walk-away price rests on {best.supplier}; what switching costs is not known, so "
            "there is none."
        )
        return
    yield (
        f"Moving to {best.supplier} costs {figures.total(cost.total)} once: work "
        f"{figures.total(cost.migration_work)}, double running "
        f"{figures.total(cost.double_running)} "
        f"({figures.count(cost.double_running_gpu_hours)} GPU-hours), egress "
        f"{figures.total(cost.egress)}, early termination "
        f"{figures.total(cost.early_termination_fee)}, lost prepayment "
        f"{figures.total(cost.lost_prepayment)}."
    )
    if best.needed_by is not None:
        yield f"Double running has to begin by {figures.day(best.needed_by)}."


def _economics_rows(brief: Brief) -> Iterator[tuple[object, ...]]:
    now, offered = brief.economics.now, brief.economics.offered
    per_hour: tuple[tuple[str, str], ...] = (
        ("Per used GPU-hour", "effective_price_per_used_gpu_hour"),
        ("Per B200-equivalent-hour", "price_per_b200_hour"),
        ("Per million tokens, used", "tokens_used_per_million"),
        ("Per million tokens, full", "tokens_full_per_million"),
    )
    for label, name in per_hour:
        yield label, *(figures.precise(_cost(costs, name)) for costs in (now, offered))
    yield (
        "Idle GPUs, a year",
        *(figures.total(_cost(costs, "idle_cost_per_year")) for costs in (now, offered)),
    )
    revenue = figures.price(brief.economics.revenue_per_million_tokens)
    yield (
        f"Gross margin at {revenue} a million tokens",
        *(
            figures.percent(None if costs is None else costs.gross_margin)
            for costs in (now, offered)
        ),
    )


def _cost(costs: UnitCosts | None, name: str) -> Money | None:
    found: Money | None = None if costs is None else getattr(costs, name)
    return found


def _price(found: Money | None) -> figures.Drawn | None:
    return None if found is None else figures.Drawn(found.amount, figures.price(found))


def _total(found: Money | None) -> figures.Drawn | None:
    return None if found is None else figures.Drawn(found.amount, figures.total(found))


def _short(found: Money | None) -> figures.Drawn | None:
    return None if found is None else figures.Drawn(found.amount, figures.short(found))


def _right(*columns: str) -> dict[str, Any]:
    return {column: st.column_config.Column(alignment="right") for column in columns}
