"""The charts, each a function of plain data. Floats here are for drawing and nothing else.

State and source are told by shape, dash and text as well as by colour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import altair as alt
import pandas as pd

BLUE: Final = "#2456c8"
RED: Final = "#b42318"
GREEN: Final = "#067647"
GREY: Final = "#7b8798"
INK: Final = "#16202e"
PALETTE: Final = (
    "#2456c8",
    "#c2410c",
    "#0f8a7e",
    "#7c3aed",
    "#be185d",
    "#4d7c0f",
    "#0369a1",
    "#92700c",
    "#64748b",
    "#111827",
)
DASHES: Final = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4])
_DAY: Final = timedelta(days=1)
_PRICE_FORMAT: Final = "$.2f"


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePath:
    """The prices of one product, day by day; a day that is missing is a day nobody looked."""

    provider: str
    kind: str
    days: Sequence[tuple[date, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexPoint:
    """The level of an index on a day; None where too few prices were known."""

    day: date
    index: float | None
    n: int


def price_history(paths: Sequence[PricePath], *, start: date, end: date) -> alt.LayerChart:
    """Draw prices as steps; days on which nobody looked stay empty."""
    frame = pd.DataFrame(
        [point for path in paths for point in _step_points(path)],
        columns=["day", "provider", "kind", "run", "price", "alone", "on"],
    )
    kinds = sorted({path.kind for path in paths})
    providers = sorted({path.provider for path in paths})
    chosen = alt.selection_point(fields=["provider"], bind="legend")
    base = alt.Chart(frame).encode(
        x=_days_axis(start, end),
        y=alt.Y("price:Q", title="US dollars per GPU-hour", axis=_price_axis()).scale(zero=False),
        color=alt.Color("provider:N", title="Provider").scale(
            domain=providers, range=[PALETTE[at % len(PALETTE)] for at in range(len(providers))]
        ),
        opacity=alt.condition(chosen, alt.value(1.0), alt.value(0.12)),
        tooltip=[
            alt.Tooltip("provider:N", title="Provider"),
            alt.Tooltip("kind:N", title="Kind"),
            alt.Tooltip("on:N", title="Day"),
            alt.Tooltip("price:Q", title="Price per GPU-hour", format=_PRICE_FORMAT),
        ],
    )
    lines = base.mark_line(interpolate="step-after", strokeWidth=2).encode(
        detail="run:N", strokeDash=_dash_of_kind(kinds)
    )
    dots = base.transform_filter("datum.alone").mark_point(filled=True, size=36)
    return alt.layer(lines, dots).add_params(chosen).properties(height=340)


def index_line(points: Sequence[IndexPoint]) -> alt.LayerChart:
    """Draw an index; where it is unknown the line is broken."""
    frame = pd.DataFrame(
        [(pd.Timestamp(one.day), one.index, one.n, _told(one.day)) for one in points],
        columns=["day", "index", "n", "on"],
    )
    base = alt.Chart(frame).encode(
        x=_days_axis(points[0].day, points[-1].day),
        y=alt.Y("index:Q", title="Index (start = 100)").scale(zero=False),
        tooltip=[
            alt.Tooltip("on:N", title="Day"),
            alt.Tooltip("index:Q", title="Index", format=".2f"),
            alt.Tooltip("n:Q", title="Providers compared"),
        ],
    )
    line = base.mark_line(color=BLUE, strokeWidth=2, point=alt.OverlayMarkDef(size=40, color=BLUE))
    return alt.layer(line).properties(height=220)


def _step_points(path: PricePath) -> Iterator[tuple[object, ...]]:
    """Yield the first day of each price, and the last day of each unbroken run of days."""
    days = sorted(path.days)
    run, began = 0, 0
    for at, (day, price) in enumerate(days):
        if at and days[at - 1][0] + _DAY < day:
            run, began = run + 1, at
        ends = at + 1 == len(days) or days[at + 1][0] > day + _DAY
        if at == began or ends or days[at - 1][1] != price:
            name = f"{path.provider} {path.kind} {run}"
            alone = ends and at == began
            yield pd.Timestamp(day), path.provider, path.kind, name, price, alone, _told(day)


def _dash_of_kind(kinds: Sequence[str]) -> Any:
    if len(kinds) < 2:
        return alt.value([1, 0])
    ranges = [list(DASHES[at % len(DASHES)]) for at in range(len(kinds))]
    return alt.StrokeDash("kind:N", title="Kind").scale(domain=list(kinds), range=ranges)


def _days_axis(start: date, end: date) -> alt.X:
    return alt.X(
        "day:T", title=None, axis=alt.Axis(format="%-d %b", labelOverlap=True, grid=False)
    ).scale(type="utc", domain=[_drawn_day(start), _drawn_day(end)])


def _drawn_day(day: date) -> alt.DateTime:
    """Return a day as the start of that day in UTC; elsewhere it would slip to the day before."""
    return alt.DateTime(year=day.year, month=day.month, date=day.day, utc=True)


def _told(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _price_axis() -> alt.Axis:
    return alt.Axis(format=_PRICE_FORMAT, tickCount=6)
