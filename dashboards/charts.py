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
TALL_PIXELS: Final = 420
LOW_PIXELS: Final = 240
BAND_WIDTH: Final = timedelta(days=45)
"""A benchmark speaks for the quotes of so many days; the band is drawn over them."""

ROOM_FOR_LABEL: Final = timedelta(days=120)
"""The time axis that the name of a benchmark needs on its left."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A price that holds from `start` until the day before `end`, and how it is told."""

    start: date
    end: date
    price: float
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A benchmark with its quartiles."""

    median: float
    low: float
    high: float
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One quote behind a benchmark."""

    day: date
    price: float
    told: str
    standing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalPicture:
    """What is paid, offered and asked on the market for one line."""

    currency: str
    as_of: date
    paid: Sequence[Stretch]
    offer: Stretch | None
    walk_away: Stretch | None
    benchmark: Band | None
    members: Sequence[Dot]


def renewal_prices(picture: RenewalPicture) -> alt.LayerChart:
    """Draw the contract's price, the offer, and the benchmark with its spread on the day."""
    x, y = _renewal_axes(picture)
    layers = [_today(picture, x)]
    if picture.benchmark is not None:
        layers += _band(picture, picture.benchmark, x, y)
    layers += _stretches(picture.paid, x, y, colour=INK, dash=[1, 0])
    if picture.walk_away is not None:
        layers += _stretches([picture.walk_away], x, y, colour=GREEN, dash=[6, 4])
    if picture.offer is not None:
        layers += _stretches([picture.offer], x, y, colour=RED, dash=[1, 0])
    height = LOW_PIXELS if picture.offer is None and picture.benchmark is None else TALL_PIXELS
    return alt.LayerChart(layer=[*layers, _dots(picture.members, x, y)]).properties(height=height)


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
    return alt.LayerChart(layer=[lines, dots]).add_params(chosen).properties(height=340)


def index_line(points: Sequence[IndexPoint]) -> alt.Chart:
    """Draw an index; where it is unknown the line is broken."""
    frame = pd.DataFrame(
        [(pd.Timestamp(one.day), one.index, one.n, _told(one.day)) for one in points],
        columns=["day", "index", "n", "on"],
    )
    dots = alt.OverlayMarkDef(size=40, color=BLUE)
    line: alt.Chart = (
        alt.Chart(frame)
        .mark_line(color=BLUE, strokeWidth=2, point=dots)
        .encode(
            x=_days_axis(points[0].day, points[-1].day),
            y=alt.Y("index:Q", title="Index (start = 100)").scale(zero=False),
            tooltip=[
                alt.Tooltip("on:N", title="Day"),
                alt.Tooltip("index:Q", title="Index", format=".2f"),
                alt.Tooltip("n:Q", title="Providers compared"),
            ],
        )
        .properties(height=220)
    )
    return line


def _renewal_axes(picture: RenewalPicture) -> tuple[alt.X, alt.Y]:
    stretches = [*picture.paid, *(one for one in (picture.offer, picture.walk_away) if one)]
    days = [picture.as_of, *(dot.day for dot in picture.members)]
    days += [day for one in stretches for day in (one.start, one.end)]
    prices = [*(one.price for one in stretches), *(dot.price for dot in picture.members)]
    prices += [picture.benchmark.low, picture.benchmark.high] if picture.benchmark else []
    low, high = min(prices, default=0.0), max(prices, default=1.0)
    air = max((high - low) * 0.12, high * 0.04)
    x = alt.X(
        "day:T", title=None, axis=alt.Axis(format="%b %Y", labelOverlap=True, grid=False)
    ).scale(type="utc", domain=[_drawn_day(min(days)), _drawn_day(max(days))])
    y = alt.Y(
        "price:Q",
        title=f"{picture.currency} per GPU-hour",
        axis=alt.Axis(format=".2f", tickCount=6),
    ).scale(domain=[max(0.0, low - air), high + air], zero=False, nice=True)
    return x, y


def _today(picture: RenewalPicture, x: alt.X) -> alt.Chart:
    frame = pd.DataFrame(
        [(pd.Timestamp(picture.as_of), _told(picture.as_of))], columns=["day", "on"]
    )
    rule: alt.Chart = (
        alt.Chart(frame)
        .mark_rule(color=GREY, strokeDash=[2, 3])
        .encode(x=x, tooltip=[alt.Tooltip("on:N", title="As of")])
    )
    return rule


def _band(picture: RenewalPicture, band: Band, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """Return the quartiles as a band up to the day asked about, with the median through it."""
    since = picture.as_of - BAND_WIDTH
    row = (
        pd.Timestamp(since),
        pd.Timestamp(picture.as_of),
        band.median,
        band.low,
        band.high,
        band.told,
    )
    frame = pd.DataFrame([row], columns=["day", "until", "price", "low", "high", "told"])
    base = alt.Chart(frame).encode(
        x=x, x2="until:T", tooltip=[alt.Tooltip("told:N", title="Quartiles of the quotes")]
    )
    box = base.mark_rect(color=BLUE, opacity=0.16).encode(y=_on(y, "low:Q"), y2="high:Q")
    median = base.mark_rule(color=BLUE, strokeWidth=2.5).encode(y=y)
    first = min([one.start for one in picture.paid], default=since)
    if (since - first).days > ROOM_FOR_LABEL.days:
        return [box, median, _label(frame, x, y, colour=BLUE, align="right", dx=-6)]
    return [box, median, _label(frame, _on(x, "until:T"), y, colour=BLUE, align="left", dx=6)]


def _on(axis: alt.X | alt.Y, field: str) -> Any:
    """Return the same axis for another field."""
    moved = axis.copy()
    moved.shorthand = field
    return moved


def _stretches(
    stretches: Sequence[Stretch], x: alt.X, y: alt.Y, *, colour: str, dash: list[int]
) -> list[alt.Chart]:
    if not stretches:
        return []
    rows = [
        (pd.Timestamp(one.start), pd.Timestamp(one.end), one.price, one.told) for one in stretches
    ]
    frame = pd.DataFrame(rows, columns=["day", "until", "price", "told"])
    line = (
        alt.Chart(frame)
        .mark_rule(color=colour, strokeWidth=3, strokeDash=dash)
        .encode(x=x, x2="until:T", y=y, tooltip=[alt.Tooltip("told:N", title="Price")])
    )
    return [line, _label(frame, x, y, colour=colour, align="left", dx=2)]


def _label(
    frame: pd.DataFrame, x: alt.X, y: alt.Y, *, colour: str, align: Any, dx: int
) -> alt.Chart:
    text: alt.Chart = (
        alt.Chart(frame)
        .mark_text(
            align=align, baseline="bottom", dx=dx, dy=-5, color=colour, fontSize=13, fontWeight=600
        )
        .encode(x=x, y=y, text="told:N")
    )
    return text


def _dots(members: Sequence[Dot], x: alt.X, y: alt.Y) -> alt.Chart:
    frame = pd.DataFrame(
        [(pd.Timestamp(one.day), one.price, one.told, one.standing) for one in members],
        columns=["day", "price", "told", "standing"],
    )
    dots: alt.Chart = (
        alt.Chart(frame)
        .mark_point(size=70, strokeWidth=2, color=BLUE, filled=False)
        .encode(
            x=x,
            y=y,
            shape=alt.Shape("standing:N", legend=None).scale(
                domain=["quote", "dropped as an outlier"], range=["circle", "cross"]
            ),
            tooltip=[
                alt.Tooltip("told:N", title="Quote"),
                alt.Tooltip("standing:N", title="Standing"),
            ],
        )
    )
    return dots


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
