"""What a brief rests on: risk, market, deadlines, assumptions, and what nobody knows yet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pandas as pd
import streamlit as st

from broker.api.client import Advice, Brief, MarketView, NegotiationView
from dashboards import figures, tables
from dashboards.screens.brief_words import risk_of


def rests_on(advice: Advice) -> None:
    """Show the figures behind the recommendation, and where each comes from."""
    st.dataframe(
        pd.DataFrame(
            [(one.name.replace("_", " "), one.value, one.source) for one in advice.rests_on],
            columns=["Figure", "Value", "Source"],
        ),
        hide_index=True,
        height="content",
        column_config={
            "Value": st.column_config.Column(alignment="right", width="medium"),
            "Source": st.column_config.Column(width="large"),
        },
        alt="Figures behind the recommendation",
    )


def negotiation(found: NegotiationView) -> None:
    """Show what the newest procurement plan says the renewal is worth, quantity by quantity."""
    st.subheader(
        f"Worth at most {figures.price(found.walk_away_price)}, for "
        f"{figures.count(found.walk_away_gpus)} GPUs",
        help="Solved by the procurement plan over everything held, offered and needed. Above the "
        "highest of these prices renewing nothing is better. Rounded down.",
    )
    st.markdown("\n".join(f"- {figures.plain(each.text())}" for each in found.quantities))
    st.caption(
        f"Renewing nothing takes {found.gpus_needed:,f} elsewhere. Decide by "
        f"{figures.day(found.decide_by)}. Plan of {figures.day(found.planned_on)}."
    )


def risk(brief: Brief) -> None:
    """Show the risk score with its parts."""
    found = brief.risk
    st.subheader(
        f"Risk {risk_of(found.score, found.low, found.high)} of 100",
        help="100 x (0.25 hike + 0.15 premium + 0.25 time + 0.15 share of spend + 0.20 "
        "availability), each from 0 to 1. An unknown part makes the score a range.",
    )
    rows = [
        (
            part.factor.capitalize(),
            "unknown" if part.points is None else figures.number(part.points, 1),
            f"of {figures.number(part.weight, 0)}",
            None if part.value is None else float(part.value),
        )
        for part in found.parts
    ]
    st.dataframe(
        pd.DataFrame(rows, columns=["Part", "Points", "At most", "Share"]),
        hide_index=True,
        placeholder=figures.UNKNOWN,
        column_config={
            "Points": st.column_config.Column(alignment="right", width="small"),
            "At most": st.column_config.Column(width="small"),
            "Share": st.column_config.ProgressColumn(
                min_value=0, max_value=1, format="percent", help="Points out of the most there are."
            ),
        },
        alt="Parts of the risk score",
    )


def market(brief: Brief) -> None:
    """Show both benchmarks, kept apart: quotes to us, and public lists."""
    st.subheader(
        "Market",
        help="Quotes to us and public lists are separate series: lists run higher, and nobody "
        "has promised that they can be had.",
    )
    who = "the offer" if brief.offer is not None else "today's price"
    for label, view in (
        ("Quotes to us", brief.market.quotes),
        ("Public lists", brief.market.lists),
    ):
        st.markdown(f"**{label}.** {figures.plain(_benchmark(view, who))}")
    members = [*_members(brief.market.quotes)]
    if members:
        st.dataframe(
            tables.shown(["Supplier", "Price", "Quoted on", "Standing", "Reference"], members),
            hide_index=True,
            height="content",
            column_config={
                "Price": st.column_config.Column(alignment="right"),
                "Quoted on": st.column_config.DateColumn(format="D MMM YYYY"),
            },
            alt="Quotes behind the benchmark",
        )


def deadlines(brief: Brief) -> None:
    """Show the days that decide."""
    due, as_of = brief.deadlines, brief.header.as_of
    st.subheader(
        "Deadlines",
        help="The notice deadline is the last day of service less the "
        "notice period, moved back to a working day of the supplier's country.",
    )
    rows: list[tuple[str, str, str]] = []
    kind = (due.notice_kind or "notice").capitalize()
    if due.notice_due is None:
        rows.append((kind, "done" if due.notice_done else "none to give", ""))
    else:
        left = figures.days_left(due.days_to_notice)
        mark = f"✕ passed {left}, the right is lost" if due.notice_passed else f"● {left}"
        rows.append((kind, figures.day(due.notice_due), mark))
    offer, best = brief.offer, brief.best_alternative
    if offer is not None and offer.valid_until is not None:
        rows.append(_due("Offer lapses after", (offer.valid_until - as_of).days, offer.valid_until))
    if best is not None and best.needed_by is not None:
        left_days = (best.needed_by - as_of).days
        rows.append(_due("Double running begins by", left_days, best.needed_by))
    last = due.last_day_of_service
    rows.append(_due("Last day of service", (last - as_of).days, last))
    st.dataframe(
        pd.DataFrame(rows, columns=["What", "When", "Left"]),
        hide_index=True,
        alt="Deadlines",
    )
    if due.computed_from:
        st.caption(figures.plain(f"{kind}: {due.computed_from}."))


def unknown(brief: Brief) -> None:
    """Show what nobody knows, what that takes away, and the command that states it."""
    st.subheader(
        "Unknown",
        help="Nothing here is guessed. Each figure that is missing is listed "
        "with what would state it.",
    )
    if not brief.unknown:
        st.markdown("Nothing that this brief needs is unknown.")
    for one in brief.unknown:
        st.markdown(f"**{figures.plain(one.what.replace('_', ' '))}**: {figures.plain(one.why)}.")
        st.code(one.how, language=None, wrap_lines=True)


def assumptions(brief: Brief) -> None:
    """Show what is assumed, who says so and since when."""
    st.subheader("Assumed", help="Figures that no contract states. Each is somebody's word.")
    if not brief.assumptions:
        st.markdown("Nothing is assumed.")
    else:
        st.dataframe(
            pd.DataFrame(
                [
                    (
                        one.name.replace("_", " "),
                        _stated(one.value, one.unit),
                        one.scope,
                        one.valid_from,
                        one.source,
                    )
                    for one in brief.assumptions
                ],
                columns=["What", "Value", "For", "From", "Source"],
            ),
            hide_index=True,
            height="content",
            column_config={
                "Value": st.column_config.Column(alignment="right"),
                "From": st.column_config.DateColumn(format="D MMM YYYY"),
                "Source": st.column_config.Column(width="large"),
            },
            alt="Assumptions of this brief",
        )
    for rate in brief.conversions:
        st.caption(figures.plain(f"Exchange rate: {rate}"))


def _due(what: str, days: int, on: date) -> tuple[str, str, str]:
    return what, figures.day(on), figures.days_left(days)


def _benchmark(view: MarketView, who: str) -> str:
    if view.median is None:
        return (
            f"Unknown: {view.n} comparable suppliers, {view.needed} are needed; a median of fewer "
            "would say more about who answered than about the market."
        )
    widened = f" Widened: {', '.join(view.widened)}." if view.widened else ""
    standing = f"; {who} is {view.standing}" if view.standing else ""
    like = ", ".join(
        part
        for part in (view.gpu_model, view.form_factor, view.tenor, view.region_group, view.tier)
        if part
    )
    return (
        f"Median {figures.price(view.median)} of {view.n} suppliers, quartiles "
        f"{figures.price(view.q1)} to {figures.price(view.q3)}{standing} ({like}).{widened}"
    )


def _members(view: MarketView) -> Iterator[tuple[object, ...]]:
    for members, standing in ((view.members, "counted"), (view.dropped, "dropped as an outlier")):
        for one in members:
            price = one.price_per_gpu_hour
            yield (
                one.supplier,
                figures.Drawn(price.amount, figures.price(price)),
                one.observed_on,
                standing,
                one.reference,
            )


def _stated(value: str, unit: str) -> str:
    number, _, currency = value.partition(" ")
    if currency:
        return figures.total(figures.money(number, currency))
    if unit == "fraction":
        return figures.percent(Decimal(number))
    return value if unit == "answer" else f"{Decimal(number):,} {unit}"
