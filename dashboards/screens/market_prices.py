"""Market prices: what providers list for one GPU model, how it moved, and what the lists agree on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final

import streamlit as st

from broker.api.client import Client
from broker.api.wire.market import ComparisonEntry, GpuModel, Market, ProductHistory
from dashboards import charts, controls, figures
from dashboards.screens import market_tables

WINDOWS: Final = (30, 90, 180, 365)
DEFAULT_WINDOW: Final = 90
USUAL_KIND: Final = "on-demand"
STALE_AFTER_DAYS: Final = 2
"""A daily feed that has missed two days in a row is worth a word."""

_PANEL_HELP: Final = (
    "Median move of the cheapest on-demand price, from the same providers at both ends of each "
    "week. A provider that joins or leaves the data moves nothing."
)
_BENCHMARK_HELP: Final = (
    "Median of public on-demand list prices, one value a provider, outliers dropped. "
    "Fewer than five providers make no benchmark."
)


def show(api: Client) -> None:
    """Show the market of the GPU model that is picked."""
    asked = controls.asked_day()
    models = [model for model in api.gpu_models().items if model.providers]
    st.title("Market prices")
    if not models:
        _no_prices()
        return
    first, second, third, _ = st.columns([3, 4, 2, 1], vertical_alignment="bottom")
    with first:
        model = _picked_model(models)
    with second:
        window = _picked_window()
    market = api.market(model, as_of=asked, window_days=window)
    controls.note_business_day(market.as_of, asked=asked)
    with third:
        controls.day_picker(market.as_of)
    controls.stamp(market.as_of, api)
    _warn_of_stale_feed(market)
    _headline(market)
    kinds, providers = _filters(market)
    shown = [row for row in market.comparison if _wanted(row, kinds, providers)]
    paths = [path for path in market.history if _wanted(path, kinds, providers)]
    _history(market, paths)
    left, right = st.columns([3, 2], gap="medium")
    with left.container(border=True, height="stretch"):
        market_tables.comparison(market, shown)
    with right.container(border=True, height="stretch"):
        _panel(market)
    with st.container(border=True):
        market_tables.benchmark(market)
    market_tables.excluded(market)


def _warn_of_stale_feed(market: Market) -> None:
    latest = _latest(market)
    if latest is not None and (market.as_of - latest).days > STALE_AFTER_DAYS:
        st.warning(
            f"**The feed is old.** Nobody has looked since {figures.day(latest)}, "
            f"{_age(latest, market.as_of)}; prices below are carried forward from then.",
            icon=":material/history:",
        )


def _latest(market: Market) -> date | None:
    return max((row.observed_on for row in market.comparison if row.observed_on), default=None)


def _no_prices() -> None:
    st.info(
        "**No market prices are on record yet.** Import a sheet of them: "
        "`tonnage prices import FILE`",
        icon=":material/inbox:",
    )


def _picked_model(models: Sequence[GpuModel]) -> str:
    names = [model.gpu_model for model in models]
    widest = max(models, key=lambda model: len(model.providers)).gpu_model
    picked = st.selectbox(
        "GPU model", names, index=names.index(widest), key="gpu", bind="query-params"
    )
    return picked or widest


def _picked_window() -> int:
    picked = st.segmented_control(
        "Window",
        WINDOWS,
        default=DEFAULT_WINDOW,
        format_func=lambda days: f"{days} days",
        key="window",
        bind="query-params",
        help="How far back the chart and the index go.",
    )
    return picked or DEFAULT_WINDOW


def _headline(market: Market) -> None:
    benchmark = market.list_benchmark
    known = [row for row in market.comparison if row.low is not None]
    fresh = [row for row in known if not row.stale]
    latest = _latest(market)
    with st.container(horizontal=True):
        st.metric(
            f"List benchmark, {market.gpu_model}",
            "unknown" if benchmark.median is None else _price(benchmark.median),
            delta=_quartiles(market),
            delta_color="off",
            delta_arrow="off",
            help=_BENCHMARK_HELP,
            border=True,
            height="stretch",
        )
        _panel_metric(market)
        st.metric(
            "Prices seen on this day",
            f"{len(fresh)} of {len(market.comparison)}",
            delta=f"{len(known) - len(fresh)} carried forward"
            f" · {len(market.comparison) - len(known)} unknown",
            delta_color="off",
            delta_arrow="off",
            help="Products (provider and kind) with a price on the day asked about. Others carry "
            "their last price forward until it is too old to tell.",
            border=True,
            height="stretch",
        )
        st.metric(
            "Last looked",
            figures.day(latest),
            delta=_age(latest, market.as_of),
            delta_color="off",
            delta_arrow="off",
            help="The latest day on which any of these prices was seen.",
            border=True,
            height="stretch",
        )


def _panel_metric(market: Market) -> None:
    last = next((step for step in reversed(market.panel) if step.index is not None), None)
    st.metric(
        "Matched panel index",
        "unknown" if last is None or last.index is None else figures.number(Decimal(last.index), 1),
        delta="too few providers at both ends"
        if last is None
        else f"{len(last.suppliers)} providers · 100 on {figures.day(market.panel_start)}",
        delta_color="off",
        delta_arrow="off",
        help=_PANEL_HELP,
        border=True,
        height="stretch",
    )


def _quartiles(market: Market) -> str:
    found = market.list_benchmark
    if found.median is None or found.q1 is None or found.q3 is None:
        return f"{found.n} providers; at least 5 are needed"
    return f"{found.n} providers · quartiles {_price(found.q1)} to {_price(found.q3)}"


def _filters(market: Market) -> tuple[Sequence[str], Sequence[str]]:
    kinds = sorted({row.kind.value for row in market.comparison})
    providers = sorted({row.provider for row in market.comparison})
    usual = [USUAL_KIND] if USUAL_KIND in kinds else kinds
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    with left:
        chosen_kinds = st.pills(
            "Kind",
            kinds,
            selection_mode="multi",
            default=usual,
            key="kind",
            bind="query-params",
            help="The terms on which a price is offered.",
        )
    with right:
        chosen = st.multiselect(
            "Providers", providers, key="provider", bind="query-params", placeholder="All providers"
        )
    return chosen_kinds or kinds, chosen or providers


def _wanted(
    one: ComparisonEntry | ProductHistory, kinds: Sequence[str], providers: Sequence[str]
) -> bool:
    return one.kind.value in kinds and one.provider in providers


def _history(market: Market, paths: Sequence[ProductHistory]) -> None:
    with st.container(border=True):
        st.subheader(
            "Price history",
            help="The cheapest list price of each provider. A step is a new price; where the line "
            "is broken nobody looked. Click a provider in the legend to follow it.",
        )
        if not paths:
            st.info(
                f"Nothing was listed from {figures.day(market.window_start)} to "
                f"{figures.day(market.as_of)} with these filters.",
                icon=":material/filter_alt_off:",
            )
            return
        st.altair_chart(
            charts.price_history(
                [_path(path) for path in paths], start=market.window_start, end=market.as_of
            ),
            alt=f"List prices of {market.gpu_model} by provider as steps over time",
        )


def _path(found: ProductHistory) -> charts.PricePath:
    days = [(one.day, float(one.low)) for one in found.days]
    return charts.PricePath(provider=found.provider, kind=found.kind.value, days=days)


def _panel(market: Market) -> None:
    st.subheader("Matched panel index", help=_PANEL_HELP)
    if market.panel_start is None or not market.panel:
        st.info(
            "No index: never enough providers with a known price in the same week.",
            icon=":material/help:",
        )
        return
    first = market.panel[0]
    points = [charts.IndexPoint(day=market.panel_start, index=100.0, n=len(first.suppliers))]
    points += [
        charts.IndexPoint(day=step.until, index=figures.drawn(step.index), n=len(step.suppliers))
        for step in market.panel
    ]
    st.altair_chart(charts.index_line(points), alt="Matched panel index by week")
    numbers = sorted({len(step.suppliers) for step in market.panel})
    n = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    st.caption(
        f"100 on {figures.day(market.panel_start)}; {n} providers compared in each step, "
        "hover for each."
    )


def _price(amount: str) -> str:
    return figures.price(figures.dollars(amount))


def _age(latest: date | None, as_of: date) -> str:
    if latest is None:
        return "never"
    days = (as_of - latest).days
    return "on the day itself" if days == 0 else f"{figures.days(days)} before"
