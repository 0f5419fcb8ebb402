"""The tables of the market screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd
import streamlit as st

from broker.api.wire.market import ComparisonEntry, Market
from broker.api.wire.prices import PriceEntry
from dashboards import figures
from dashboards.download import csv_file

_WHY_UNKNOWN: Final = {
    "never-seen": "never seen by this day",
    "too-old": "too old to tell",
    "not-for-sale": "not for sale when last seen",
}


def comparison(market: Market, rows: Sequence[ComparisonEntry]) -> None:
    """Show what each provider asks, with the age of that knowledge."""
    st.subheader(
        "Providers side by side",
        help="US dollars per GPU-hour. Moves compare the cheapest price with that of 7 and 30 "
        "days before; a dash means that a price is unknown at one end.",
    )
    if not rows:
        st.info("No provider matches these filters.", icon=":material/filter_alt_off:")
        return
    ordered = sorted(rows, key=lambda row: (row.low is None, figures.drawn(row.low) or 0.0))
    st.dataframe(
        _comparison_table(ordered),
        hide_index=True,
        placeholder=figures.UNKNOWN,
        height="content",
        column_config={
            "Provider": st.column_config.TextColumn(pinned=True),
            "Low": st.column_config.NumberColumn(
                format="$%.4f", help="Cheapest listed on the day last seen, per GPU-hour."
            ),
            "High": st.column_config.NumberColumn(
                format="$%.4f", help="Dearest listed on that day."
            ),
            "7 days": st.column_config.NumberColumn(format="percent"),
            "30 days": st.column_config.NumberColumn(format="percent"),
            "Seen": st.column_config.DateColumn(format="D MMM YYYY"),
            "State": st.column_config.TextColumn(
                help="Whether the price was seen on the day asked about, carried forward, or is "
                "unknown."
            ),
        },
        alt=f"Prices of {market.gpu_model} by provider",
    )
    st.download_button(
        "Download CSV",
        csv_file(_CSV_COLUMNS, [_csv_row(row) for row in ordered]),
        file_name=f"{market.gpu_model.lower()}-prices-{market.as_of}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def benchmark(market: Market) -> None:
    """Show the list benchmark with the providers behind it."""
    found = market.list_benchmark
    st.subheader(
        "List benchmark",
        help="Public on-demand list prices only. What suppliers quote to us is another series.",
    )
    if found.median is None:
        st.info(
            f"**Unknown.** Only {found.n} providers list {market.gpu_model} on demand; a median "
            "of fewer than 5 would say more about who is in the data than about the market.",
            icon=":material/help:",
        )
        return
    widened = ", ".join(found.widened)
    st.markdown(
        figures.plain(
            f"Median {_dollars(found.median)} of {found.n} providers, quartiles "
            f"{_dollars(found.q1)} to {_dollars(found.q3)}, median deviation {_dollars(found.mad)}."
        )
        + (f" Widened: {widened}." if widened else "")
    )
    st.dataframe(
        pd.DataFrame(
            [
                (
                    member.supplier,
                    figures.drawn(member.price),
                    member.observed_on,
                    member.form_factor,
                    standing,
                    member.reference,
                )
                for members, standing in (
                    (found.members, "counted"),
                    (found.dropped, "dropped as an outlier"),
                )
                for member in members
            ],
            columns=["Provider", "Price", "Seen", "Form", "Standing", "Source"],
        ),
        hide_index=True,
        placeholder=figures.UNKNOWN,
        column_config={
            "Price": st.column_config.NumberColumn(format="$%.4f", help="US dollars per GPU-hour."),
            "Seen": st.column_config.DateColumn(format="D MMM YYYY"),
        },
        alt="Providers behind the benchmark",
    )


def excluded(market: Market) -> None:
    """Tell what was left out, and why."""
    if not market.excluded_count:
        st.caption("No product line was left out.")
        return
    lines = "product line is" if market.excluded_count == 1 else "product lines are"
    with st.expander(f"{market.excluded_count} {lines} compared with nothing"):
        st.dataframe(
            pd.DataFrame(
                [
                    (one.provider, one.gpu_as_quoted, one.kind.value, one.excluded_because)
                    for one in market.excluded
                ],
                columns=["Provider", "As quoted", "Kind", "Why"],
            ),
            hide_index=True,
            column_config={"Why": st.column_config.TextColumn(width="large")},
            alt="Product lines left out",
        )


def _comparison_table(rows: Sequence[ComparisonEntry]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            (
                row.provider,
                row.kind.value,
                figures.drawn(row.low),
                figures.drawn(row.high),
                figures.drawn(row.move_7_days),
                figures.drawn(row.move_30_days),
                row.observed_on,
                _state(row),
            )
            for row in rows
        ],
        columns=["Provider", "Kind", "Low", "High", "7 days", "30 days", "Seen", "State"],
    )


def _state(row: PriceEntry) -> str:
    if row.unknown_because is not None:
        return f"✕ {_WHY_UNKNOWN[row.unknown_because.value]}"
    if row.stale:
        return f"△ carried forward {row.age_days} d"
    return "● seen"


_CSV_COLUMNS: Final = (
    "provider",
    "gpu_model",
    "kind",
    "low_usd_per_gpu_hour",
    "high_usd_per_gpu_hour",
    "move_7_days",
    "move_30_days",
    "observed_on",
    "age_days",
    "stale",
    "unknown_because",
)


def _csv_row(row: ComparisonEntry) -> tuple[object, ...]:
    return (
        row.provider,
        row.gpu_model,
        row.kind.value,
        row.low,
        row.high,
        row.move_7_days,
        row.move_30_days,
        row.observed_on,
        row.age_days,
        row.stale,
        None if row.unknown_because is None else row.unknown_because.value,
    )


def _dollars(amount: str | None) -> str:
    return figures.price(figures.dollars(amount))
