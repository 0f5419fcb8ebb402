"""The top of the renewal meeting: the figures that open it, and the list of lines that end."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

import streamlit as st

from broker.api.client import Client, Currency, Money, NotAllowedError, RenewalEntry
from dashboards import figures, tables
from dashboards.headline import metric

SOON_DAYS: Final = 90
LATER_DAYS: Final = 180

_COLUMNS: Final = (
    "Supplier",
    "Line",
    "GPUs",
    "Model",
    "Now",
    "Offer",
    "Hike",
    "Benchmark (n)",
    "Premium",
    "Exposure",
    "Notice due",
    "Days",
    "Risk",
    "Next step",
)


def headline(api: Client, items: Sequence[RenewalEntry], *, as_of: date) -> None:
    """Show what opens the meeting."""
    with st.container(horizontal=True):
        _ending(items, as_of)
        _exposure(items)
        _next_notice(items, as_of)
        _alerts(api)


def pick(items: Sequence[RenewalEntry], *, wanted: str | None, as_of: date) -> RenewalEntry:
    """Show the lines and return the one that is picked; at first the one that is wanted."""
    ids = [entry.line_id for entry in items]
    first = ids.index(wanted) if wanted in ids else 0
    event = st.dataframe(
        tables.shown(_COLUMNS, [_row(entry) for entry in items]),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [first]}},
        # Another list is another table: a row number must not outlive the rows it counted.
        key=f"renewals {as_of} {hashlib.sha256(' '.join(ids).encode()).hexdigest()[:12]}",
        placeholder=figures.UNKNOWN,
        column_config=_column_config(),
        alt="Lines that end, the most urgent first",
    )
    rows = event.selection.rows
    return items[rows[0]] if rows else items[first]


def name_of(entry: RenewalEntry) -> str:
    """Return a line as people call it."""
    return f"{entry.supplier}, {entry.contract_ref}/{entry.line_no}"


def _ending(items: Sequence[RenewalEntry], as_of: date) -> None:
    soon, later = (
        sum(entry.last_day_of_service < as_of + timedelta(days=limit) for entry in items)
        for limit in (SOON_DAYS, LATER_DAYS)
    )
    metric(
        f"Lines ending in {SOON_DAYS} days",
        str(soon),
        f"{later} in {LATER_DAYS} days",
        "Contract lines in force whose last day of service is within so many days.",
    )


def _exposure(items: Sequence[RenewalEntry]) -> None:
    sums: dict[Currency, Decimal] = defaultdict(Decimal)
    for entry in items:
        if entry.exposure is not None:
            sums[entry.exposure.currency] += entry.exposure.amount
    offers = sum(entry.offer is not None for entry in items)
    known = " + ".join(figures.short(Money(sums[each], each)) for each in sorted(sums))
    metric(
        "Exposure of open offers, a year",
        known or figures.UNKNOWN,
        "no offer yet"
        if not offers
        else "1 open offer"
        if offers == 1
        else f"{offers} open offers",
        "What open renewal offers would add over what is paid now, in the twelve months after "
        "each end: (offer less price now) x GPUs x hours. Currencies are not mixed.",
    )


def _next_notice(items: Sequence[RenewalEntry], as_of: date) -> None:
    due = sorted(
        entry.notice_due for entry in items if entry.notice_due and not entry.notice_passed
    )
    lost = sum(entry.notice_passed for entry in items)
    note = "no notice is due" if not due else figures.days_left((due[0] - as_of).days)
    if due and due.count(due[0]) > 1:
        note += f" · {due.count(due[0])} lines"
    metric(
        "Next notice deadline",
        figures.day(due[0]) if due else figures.UNKNOWN,
        f"{note} · {lost} passed" if lost else note,
        "The last working day on which notice can be given, or an option be used, for any line.",
    )


def _alerts(api: Client) -> None:
    try:
        grave = [
            alert.severity.value
            for alert in api.alerts(state="open").items
            if alert.severity.value in ("critical", "high")
        ]
    except NotAllowedError:
        value, note = figures.UNKNOWN, "your role may not read alerts"
    else:
        critical = grave.count("critical")
        value, note = str(len(grave)), f"{critical} critical · {len(grave) - critical} high"
    metric(
        "Open critical and high alerts",
        value,
        note,
        "Alerts that nobody has acknowledged, assigned, put off or resolved, as of now.",
    )


def _row(entry: RenewalEntry) -> tuple[object, ...]:
    return (
        entry.supplier,
        f"{entry.contract_ref}/{entry.line_no}",
        figures.Drawn(entry.gpu_count, figures.count(entry.gpu_count)),
        entry.gpu_model,
        _price(entry.price_now),
        _price(entry.offer),
        _percent(entry.hike),
        _benchmark(entry),
        _percent(entry.premium),
        None
        if entry.exposure is None
        else figures.Drawn(entry.exposure.amount, figures.short(entry.exposure)),
        entry.notice_due,
        figures.Drawn(entry.days_left, _days(entry)),
        float(entry.risk_low),
        entry.next_step,
    )


def _price(money: Money | None) -> figures.Drawn | None:
    return None if money is None else figures.Drawn(money.amount, figures.price(money))


def _benchmark(entry: RenewalEntry) -> figures.Drawn | None:
    found = entry.benchmark
    if found is None:
        return None
    return figures.Drawn(found.amount, f"{figures.price(found)} ({entry.benchmark_n})")


def _percent(fraction: Decimal | None) -> figures.Drawn | None:
    return (
        None
        if fraction is None
        else figures.Drawn(fraction, figures.percent(fraction, signed=True))
    )


def _days(entry: RenewalEntry) -> str:
    """Return the days to the next deadline, with a mark where notice can no longer be given."""
    if entry.days_left < 0:
        return f"✕ {figures.days_left(entry.days_left)}"
    return f"△ {entry.days_left}, notice lost" if entry.notice_passed else str(entry.days_left)


def _column_config() -> dict[str, Any]:
    column = st.column_config
    per_hour = "per GPU-hour, in the currency of the contract"
    return {
        "Supplier": column.TextColumn(pinned=True, width=140),
        "Line": column.TextColumn(help="Contract and line.", width=130),
        "GPUs": column.NumberColumn(width=55),
        "Model": column.TextColumn(width=58),
        "Now": column.NumberColumn(
            help=f"Price on the last day of the term, {per_hour}.", width=62
        ),
        "Offer": column.NumberColumn(help=f"The newest open renewal offer, {per_hour}.", width=58),
        "Hike": column.NumberColumn(help="Offer over price now, less one.", width=64),
        "Benchmark (n)": column.NumberColumn(
            help=f"Median of comparable quotes to us, one a supplier, {per_hour}, and how many "
            "suppliers. A dash: fewer than five.",
            width=98,
        ),
        "Premium": column.NumberColumn(help="Offer over benchmark, less one.", width=68),
        "Exposure": column.NumberColumn(
            help="What the offer adds in the twelve months after the end.", width=80
        ),
        "Notice due": column.DateColumn(
            format="D MMM YYYY",
            help="Last working day to give notice or use the option.",
            width=90,
        ),
        "Days": column.NumberColumn(
            help="Days to notice; where there is none to give, to the last day of service.",
            width=48,
        ),
        "Risk": column.ProgressColumn(
            min_value=0,
            max_value=100,
            format="%.0f",
            help="0 to 100: hike, premium, time, share of spend, availability. While a part is "
            "unknown this is the least it can be; the brief shows the range.",
            width=76,
        ),
        "Next step": column.TextColumn(width=420),
    }
