"""Charts draw what was observed, and leave empty what nobody saw."""

from datetime import date, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dashboards import charts

FIRST = date(2026, 4, 1)


def a_path(*prices: float | None, provider: str = "atlas", kind: str = "on-demand") -> Any:
    days = [(FIRST + timedelta(at), price) for at, price in enumerate(prices) if price is not None]
    return charts.PricePath(provider=provider, kind=kind, days=days)


def drawn(*paths: Any) -> list[dict[str, Any]]:
    chart = charts.price_history(paths, start=FIRST, end=FIRST + timedelta(30)).to_dict()
    rows: list[dict[str, Any]] = next(iter(chart["datasets"].values()))
    return rows


def test_a_step_is_drawn_where_the_price_changes_and_where_it_ends() -> None:
    rows = drawn(a_path(4.0, 4.0, 4.0, 4.5, 4.5))

    assert [(row["day"][:10], row["price"]) for row in rows] == [
        ("2026-04-01", 4.0),
        ("2026-04-04", 4.5),
        ("2026-04-05", 4.5),
    ]


def test_a_day_nobody_looked_breaks_the_line() -> None:
    rows = drawn(a_path(4.0, 4.0, None, 4.0, 4.0))

    assert len({row["run"] for row in rows}) == 2


def test_a_day_between_two_gaps_is_a_dot_because_a_line_needs_two_ends() -> None:
    rows = drawn(a_path(4.0, None, 4.1, None, 4.2, 4.2))

    assert [row["alone"] for row in rows] == [True, True, False, False]


def test_two_providers_are_never_joined() -> None:
    rows = drawn(a_path(4.0, 4.1), a_path(4.0, 4.1, provider="basalt"))

    assert len({(row["provider"], row["run"]) for row in rows}) == 2


@given(
    prices=st.lists(
        st.one_of(st.none(), st.sampled_from([4.0, 4.1, 4.2])), min_size=1, max_size=40
    ).filter(any)
)
def test_reading_the_steps_gives_back_every_day_that_was_seen_and_no_other(
    prices: list[float | None],
) -> None:
    rows = drawn(a_path(*prices))

    read_back: dict[date, float] = {}
    for run in {row["run"] for row in rows}:
        steps = [(date.fromisoformat(r["day"][:10]), r["price"]) for r in rows if r["run"] == run]
        for at in range((steps[-1][0] - steps[0][0]).days + 1):
            day = steps[0][0] + timedelta(at)
            read_back[day] = [price for since, price in steps if since <= day][-1]
    assert read_back == dict(a_path(*prices).days)


def test_an_unknown_step_of_the_index_breaks_its_line() -> None:
    points = [
        charts.IndexPoint(day=FIRST + timedelta(7 * at), index=index, n=6)
        for at, index in enumerate([100.0, None, 103.0])
    ]

    chart = charts.index_line(points).to_dict()

    rows = next(iter(chart["datasets"].values()))
    assert [row["index"] for row in rows] == [100.0, None, 103.0]
