"""What is known of market prices as of a day, how they moved, and the rows behind them."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import BadInputError
from broker.flows.list_prices import (
    LatestPrice,
    PriceList,
    Product,
    gpu_models,
    latest_prices,
    price_filter,
    price_levels,
    price_sources,
    united,
)
from broker.store.engine import Database
from broker.store.price_history import Series, SeriesHistory
from pricing.series import KnownPrices, PriceHistory, PriceKind, SeriesKey, UnknownPrices, Unpriced
from tests.market_sheets import a_price, import_lines

MAY_11 = date(2026, 5, 11)


def prices_of(
    database: Database, *, as_of: date = MAY_11, max_age_days: int = 45, **wanted: str
) -> PriceList:
    return latest_prices(
        database, price_filter(gpu=wanted.get("gpu")), as_of=as_of, max_age_days=max_age_days
    )


def only(found: PriceList) -> LatestPrice:
    (price,) = found.prices
    return price


def test_the_latest_price_has_its_range_its_day_and_its_age(database: Database) -> None:
    import_lines(
        database,
        a_price(usd_per_gpu_hour="5"),
        a_price(usd_per_gpu_hour="5.8"),
        a_price(date="2026-05-13", usd_per_gpu_hour="9"),  # not known yet
    )

    known = only(prices_of(database, as_of=date(2026, 5, 12))).known

    assert isinstance(known, KnownPrices)
    assert (known.cheapest, max(known.prices)) == (Decimal(5), Decimal("5.8"))
    assert (known.observed_on, known.age_days, known.is_stale) == (MAY_11, 1, True)


@pytest.mark.parametrize(
    ("as_of", "because"),
    [(date(2026, 5, 10), Unpriced.NEVER_SEEN), (date(2026, 5, 19), Unpriced.TOO_OLD)],
)
def test_an_unknown_price_says_why_and_is_no_number(
    database: Database, as_of: date, because: Unpriced
) -> None:
    import_lines(database, a_price())

    known = only(prices_of(database, as_of=as_of, max_age_days=7)).known

    assert isinstance(known, UnknownPrices)
    assert known.because is because


def test_a_slice_is_left_out_visibly_and_only_once_it_was_seen(database: Database) -> None:
    import_lines(
        database,
        a_price(gpu="h100-sxm", vram_gb=80, usd_per_gpu_hour="2.6"),
        a_price(gpu="h100-sxm", vram_gb=40, usd_per_gpu_hour="1.1", date="2026-05-12"),
    )

    before, after = prices_of(database), prices_of(database, as_of=date(2026, 5, 12))

    known = only(after).known
    assert isinstance(known, KnownPrices)
    assert known.cheapest == Decimal("2.6")
    assert (len(before.excluded), len(after.excluded)) == (0, 1)
    assert "40 GB is not the memory of H100-SXM" in (after.excluded[0].excluded_because or "")


def test_a_part_narrows_and_a_model_does_not(database: Database) -> None:
    import_lines(
        database,
        a_price(gpu="h100-sxm", vram_gb=80, usd_per_gpu_hour="2.6"),
        a_price(gpu="h100-pcie", vram_gb=80, usd_per_gpu_hour="2.1"),
    )

    whole = only(prices_of(database, gpu="h100")).known
    part = only(prices_of(database, gpu="H100 SXM")).known

    assert isinstance(whole, KnownPrices)
    assert isinstance(part, KnownPrices)
    assert whole.prices == {Decimal("2.6"), Decimal("2.1")}
    assert part.prices == {Decimal("2.6")}


def test_a_gpu_nobody_knows_is_refused_in_words() -> None:
    with pytest.raises(BadInputError, match="alias table"):
        price_filter(gpu="x9000")


def test_a_day_outside_the_calendar_is_refused_and_not_a_failure(sqlite: Database) -> None:
    with pytest.raises(BadInputError, match="2000-01-01"):
        prices_of(sqlite, as_of=date.min)
    with pytest.raises(BadInputError, match="2199-12-31"):
        price_levels(sqlite, price_filter(), last=date.max)


def test_levels_are_told_with_their_days_and_the_days_nobody_looked(database: Database) -> None:
    import_lines(
        database,
        a_price(date="2026-05-01", usd_per_gpu_hour="4.9"),
        a_price(date="2026-05-04", usd_per_gpu_hour="4.9"),
        a_price(date="2026-05-05", usd_per_gpu_hour="5"),
    )

    (told,) = price_levels(database, price_filter(gpu="b200"))
    (late,) = price_levels(database, price_filter(gpu="b200"), first=date(2026, 5, 5))

    assert [(level.price, level.last_seen_on) for level in told.levels] == [
        (Decimal("4.9"), date(2026, 5, 4)),
        (Decimal(5), date(2026, 5, 5)),
    ]
    assert [(gap.start, gap.days) for gap in told.gaps] == [(date(2026, 5, 2), 2)]
    assert [level.price for level in late.levels] == [Decimal(5)]


def test_a_price_leads_back_to_its_file_and_line(database: Database) -> None:
    import_lines(database, a_price(date="2026-05-10"), file="monday.csv")
    import_lines(database, a_price(), file="tuesday.csv")

    found = price_sources(database, price_filter(gpu="b200"), limit=1)

    (row,) = found.rows
    assert (found.total, row.file, row.line, row.observed_on) == (2, "tuesday.csv", 2, MAY_11)
    assert f"{row.fetched_at:%H:%M %Z}" == "07:00 UTC"


def test_every_model_is_listed_with_whose_prices_are_on_record(database: Database) -> None:
    import_lines(database, a_price())

    found = dict(gpu_models(database))

    b200 = found["B200"]
    assert b200 is not None
    assert b200.providers == ("delphi-gpu",)
    assert found["H100"] is None


a_price_day = st.dates(date(2026, 5, 1), date(2026, 5, 20))
some_prices = st.frozensets(st.sampled_from([Decimal(4), Decimal(5), Decimal(6)]), min_size=1)


@given(
    days=st.lists(st.dictionaries(a_price_day, some_prices, min_size=1), min_size=1, max_size=3),
    as_of=a_price_day,
    max_age_days=st.integers(0, 5),
)
def test_what_is_known_as_of_a_day_was_seen_on_or_before_it(
    days: list[dict[date, frozenset[Decimal]]], as_of: date, max_age_days: int
) -> None:
    found = [
        SeriesHistory(series=a_series(f"b200-{place}"), history=PriceHistory.of(of_series))
        for place, of_series in enumerate(days)
    ]

    (history,) = united(found).values()
    known = history.as_of(as_of, max_age_days=max_age_days)

    seen = {day for of_series in days for day in of_series if day <= as_of}
    fresh = {day for day in seen if as_of - day <= timedelta(days=max_age_days)}
    if isinstance(known, KnownPrices):
        assert known.observed_on == max(fresh)
        assert known.prices == frozenset().union(
            *(of_series.get(max(fresh), frozenset()) for of_series in days)
        )
    else:
        assert not fresh


def test_series_of_one_product_are_united_and_slices_are_not() -> None:
    days = {MAY_11: frozenset({Decimal(5)})}
    whole = SeriesHistory(series=a_series("b200"), history=PriceHistory.of(days))
    sliced = SeriesHistory(
        series=a_series("b200-slice", memory_differs=True), history=PriceHistory.of(days)
    )

    assert list(united([whole, sliced])) == [
        Product(provider="delphi-gpu", gpu_model="B200", kind=PriceKind.ON_DEMAND)
    ]
    assert united([sliced]) == {}


def a_series(quoted: str, *, memory_differs: bool = False) -> Series:
    return Series(
        id=quoted,
        key=SeriesKey(
            provider="delphi-gpu",
            gpu_model="B200",
            part="B200-SXM",
            memory_gb=180,
            kind=PriceKind.ON_DEMAND,
            gpu_as_quoted=quoted,
        ),
        form_factor="SXM",
        memory_differs=memory_differs,
    )
