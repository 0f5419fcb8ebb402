"""Charts draw what was observed, and leave empty what nobody saw."""

from datetime import date, timedelta
from typing import Any

from hypothesis import given, settings
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


@settings(max_examples=40, deadline=None)
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


def a_stretch(price: float, *, start: date = FIRST, months: int = 12) -> charts.Stretch:
    end = start + timedelta(days=30 * months)
    return charts.Stretch(start=start, end=end, price=price, told=f"told {price}")


def a_picture(**parts: Any) -> charts.RenewalPicture:
    given: dict[str, Any] = {
        "currency": "USD",
        "as_of": FIRST,
        "paid": (a_stretch(2.63),),
        "offer": a_stretch(5.10),
        "walk_away": a_stretch(4.6743),
        "benchmark": charts.Band(median=4.40, low=4.175, high=4.675, told="told 4.40"),
        "members": (charts.Dot(day=FIRST, price=3.95, told="told 3.95", standing="quote"),),
    }
    return charts.RenewalPicture(**(given | parts))


def words_in(picture: charts.RenewalPicture) -> set[str]:
    chart = charts.renewal_prices(picture).to_dict()
    rows = [row for rows in chart["datasets"].values() for row in rows]
    return {row["told"] for row in rows if "told" in row}


def test_the_picture_of_a_renewal_tells_every_price_in_words() -> None:
    assert words_in(a_picture()) == {
        "told 2.63",
        "told 5.1",
        "told 4.6743",
        "told 4.40",
        "told 3.95",
    }


def test_what_is_unknown_is_not_drawn() -> None:
    bare = a_picture(offer=None, walk_away=None, benchmark=None, members=())

    assert words_in(bare) == {"told 2.63"}
    assert words_in(a_picture(paid=(), members=())) == {"told 5.1", "told 4.6743", "told 4.40"}


@settings(max_examples=15, deadline=None)
@given(prices=st.lists(st.floats(min_value=0.05, max_value=50), min_size=1, max_size=6))
def test_every_price_lies_within_the_picture(prices: list[float]) -> None:
    picture = a_picture(paid=tuple(a_stretch(price) for price in prices))

    chart = charts.renewal_prices(picture).to_dict()
    scales = [
        layer["encoding"]["y"]["scale"] for layer in chart["layer"] if "y" in layer["encoding"]
    ]
    domains = [scale["domain"] for scale in scales if "domain" in scale]
    assert domains
    assert all(low < price < high for low, high in domains for price in [*prices, 5.10, 3.95])
