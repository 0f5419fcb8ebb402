"""The picture of a brief: what is paid, what is offered, and where the market stands."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import streamlit as st
from dateutil.relativedelta import relativedelta

from broker.api.client import Brief, Client, NotFoundError
from broker.api.wire.contracts import LineOut
from dashboards import charts, figures

USUAL_MONTHS: Final = 12
"""How far the picture goes past the end while no offer names a term."""

_ONE_DAY: Final = timedelta(days=1)


def show(api: Client, brief: Brief) -> None:
    """Draw prices over time: the contract's, the offer's, and the benchmark on the day."""
    st.subheader(
        "Prices over time",
        help="Per GPU-hour. The contract price over its term, the offer over the term it is for, "
        "the quotes behind the benchmark on the day they came, and the quartiles of those quotes.",
    )
    picture = _picture(brief, tuple(_paid(api, brief)))
    st.altair_chart(
        charts.renewal_prices(picture),
        alt=f"Contract price, offer and benchmark of {brief.header.contract_ref} over time",
    )
    if picture.benchmark is None:
        quotes = brief.market.quotes
        st.caption(
            f"No benchmark is drawn: {quotes.n} comparable suppliers, {quotes.needed} are needed."
        )


def _picture(brief: Brief, paid: tuple[charts.Stretch, ...]) -> charts.RenewalPicture:
    header, offer, quotes = brief.header, brief.offer, brief.market.quotes
    begins = header.last_day_of_service + _ONE_DAY
    months = offer.term_months if offer is not None and offer.term_months else USUAL_MONTHS
    ends = begins + relativedelta(months=months)
    return charts.RenewalPicture(
        currency=header.currency,
        as_of=header.as_of,
        paid=paid,
        offer=None
        if offer is None
        else charts.Stretch(
            start=begins,
            end=ends,
            price=float(offer.price_per_gpu_hour.amount),
            told=f"Offer {figures.price(offer.price_per_gpu_hour)}",
        ),
        walk_away=None
        if brief.walk_away_price is None
        else charts.Stretch(
            start=begins,
            end=ends,
            price=float(brief.walk_away_price.amount),
            told=f"Walk away above {figures.price(brief.walk_away_price)}",
        ),
        benchmark=None
        if quotes.median is None or quotes.q1 is None or quotes.q3 is None
        else charts.Band(
            median=float(quotes.median.amount),
            low=float(quotes.q1.amount),
            high=float(quotes.q3.amount),
            told=f"Benchmark {figures.price(quotes.median)}, n {quotes.n}",
        ),
        members=tuple(
            charts.Dot(
                day=member.observed_on,
                price=float(member.price_per_gpu_hour.amount),
                told=f"{member.supplier}: {figures.price(member.price_per_gpu_hour)}",
                standing=standing,
            )
            for members, standing in (
                (quotes.members, "quote"),
                (quotes.dropped, "dropped as an outlier"),
            )
            for member in members
        ),
    )


def _paid(api: Client, brief: Brief) -> Iterator[charts.Stretch]:
    """Yield the contract price over the term, from the book of record."""
    header = brief.header
    line = _line(api, brief)
    periods = [] if line is None else [one for one in line.prices if one.superseded_at is None]
    for period in periods:
        start = max(period.valid_from, header.start_on)
        last = header.last_day_of_service
        end = min(period.valid_to or last + _ONE_DAY, last + _ONE_DAY)
        if start < end:
            price = figures.money(period.price_per_gpu_hour, period.currency)
            yield charts.Stretch(
                start=start,
                end=end,
                price=float(price.amount),
                told=f"Contract {figures.price(price)}",
            )


def _line(api: Client, brief: Brief) -> LineOut | None:
    header = brief.header
    try:
        contract = api.contract(f"{header.supplier_key}:{header.contract_ref}", as_of=header.as_of)
    except NotFoundError:
        return None  # a reference with a slash in it has no address of its own
    return next((line for line in contract.lines if line.id == header.line_id), None)
