"""The brief of one line: what to do, what it rests on, and the picture of the prices."""

from __future__ import annotations

from typing import Final, Literal

import streamlit as st

from broker.api.client import Action, Brief, Client
from dashboards import figures
from dashboards.headline import metric
from dashboards.screens import brief_grounds, brief_picture, brief_tables
from dashboards.screens.brief_words import line_of, risk_of

_Colour = Literal["green", "blue", "violet", "orange", "gray"]
_LOOKS: Final[dict[Action, tuple[str, _Colour, str]]] = {
    Action.ACCEPT: ("Accept", "green", ":material/check_circle:"),
    Action.COUNTER: ("Counter", "blue", ":material/forum:"),
    Action.SWITCH: ("Switch", "violet", ":material/swap_horiz:"),
    Action.DECIDE_LATER: ("Decide later", "orange", ":material/hourglass_empty:"),
    Action.SETTLED: ("Settled", "gray", ":material/task_alt:"),
}
"""Every action by a word and a shape as well as a colour."""


def show(api: Client, brief: Brief) -> None:
    """Show the whole brief, what to do first."""
    st.header(figures.plain(line_of(brief)), anchor="brief")
    st.caption(_what_it_is(brief))
    with st.container(border=True):
        _recommendation(brief)
    if brief.negotiation is not None:
        with st.container(border=True):
            brief_grounds.negotiation(brief.negotiation)
    _figures(brief)
    left, right = st.columns([11, 9], gap="small")
    with left.container(border=True, height="stretch"):
        brief_picture.show(api, brief)
    with right.container(border=True, height="stretch"):
        brief_tables.prices(brief)
    left, right = st.columns([11, 9], gap="small")
    with left.container(border=True, height="stretch"):
        brief_grounds.market(brief)
    with right.container(border=True, height="stretch"):
        brief_grounds.deadlines(brief)
    with st.container(border=True):
        brief_tables.alternatives(brief)
    left, right = st.columns([11, 9], gap="small")
    with left.container(border=True, height="stretch"):
        brief_tables.economics(brief)
    with right.container(border=True, height="stretch"):
        brief_grounds.risk(brief)
    with st.container(border=True):
        brief_grounds.unknown(brief)
    with st.container(border=True):
        brief_grounds.assumptions(brief)


def _what_it_is(brief: Brief) -> str:
    header = brief.header
    gpus = f"{figures.count(header.gpu_count)} {header.gpu_model} {header.form_factor or ''}"
    place = " / ".join(part for part in (header.region, header.site) if part)
    parts = (
        gpus.strip(),
        place,
        f"{figures.day(header.start_on)} to {figures.day(header.last_day_of_service)}",
        header.state.replace("_", " "),
        f"owner {header.owner}" if header.owner else "no owner",
        f"amounts in {header.currency}",
    )
    return figures.plain(" · ".join(part for part in parts if part))


def _recommendation(brief: Brief) -> None:
    advice = brief.recommendation
    word, colour, icon = _LOOKS[advice.action]
    left = figures.days_left((advice.decide_by - brief.header.as_of).days)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(word, icon=icon, color=colour)
        st.badge(f"Decide by {figures.day(advice.decide_by)}, {left}", color="gray")
    st.subheader(figures.plain(advice.headline), anchor=False)
    why = "".join(f"\n- {figures.plain(reason)}" for reason in advice.reasons)
    because = figures.plain(f"By {figures.day(advice.decide_by)}: {advice.decide_because}")
    st.markdown(f"{because}.{chr(10)}{why}")
    if advice.rests_on:
        with st.expander("What this rests on"):
            brief_grounds.rests_on(advice)


def _figures(brief: Brief) -> None:
    paid, offer, quotes = brief.paid, brief.offer, brief.market.quotes
    with st.container(horizontal=True):
        metric(
            "Price now",
            figures.price(None if paid is None else paid.price_per_gpu_hour),
            "per GPU-hour" if paid else "no price on the last day",
            "Price of the last day of the term, per GPU-hour.",
        )
        metric(
            "Offer",
            "none yet" if offer is None else figures.price(offer.price_per_gpu_hour),
            "ask the supplier"
            if offer is None
            else f"{figures.percent(offer.hike, signed=True)} over now",
            "The newest open renewal offer, per GPU-hour, as quoted.",
        )
        metric(
            "Benchmark",
            "unknown" if quotes.median is None else figures.price(quotes.median),
            f"{quotes.n} of {quotes.needed} suppliers needed"
            if quotes.median is None
            else f"n {quotes.n} · {figures.price(quotes.q1)} to {figures.price(quotes.q3)}",
            "Median of comparable quotes to us, one a supplier, outliers dropped; quartiles "
            "beside it.",
        )
        metric(
            "Walk away above",
            "unknown" if brief.walk_away_price is None else figures.price(brief.walk_away_price),
            "no deliverable alternative with known costs"
            if brief.walk_away_price is None or brief.best_alternative is None
            else f"against {brief.best_alternative.supplier}",
            "The highest renewal price worth paying: the best deliverable alternative plus the "
            "cost of switching over GPUs and hours of the term. Rounded down.",
        )
        exposure = offer.exposure if offer else None
        metric(
            "Exposure a year",
            figures.UNKNOWN if exposure is None else figures.short(exposure.total),
            "no offer yet"
            if exposure is None
            else f"premium {figures.short(exposure.premium_part)}",
            "(offer less price now) x GPUs x hours of the twelve months after the end. The "
            "premium is the part above the benchmark.",
        )
        metric(
            "Risk",
            risk_of(brief.risk.score, brief.risk.low, brief.risk.high),
            "of 100" if brief.risk.score is not None else "of 100, parts unknown",
            "Weighted hike, premium, time to notice, share of spend and availability.",
        )
