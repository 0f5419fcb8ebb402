"""A price through time: what moved, what is known of a day, and what is not."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.series import (
    DayRange,
    KnownPrices,
    PriceChange,
    PriceHistory,
    PriceLevel,
    Prices,
    UnknownPrices,
    Unpriced,
    days_of,
    levels_of,
)

START = date(2026, 7, 1)

offsets = st.integers(min_value=0, max_value=30)
day_prices = st.frozensets(
    st.sampled_from([Decimal("1.99"), Decimal("2.63"), Decimal("2.630001"), Decimal("4.4")]),
    max_size=3,
)
observations = st.dictionaries(
    offsets.map(lambda offset: START + timedelta(days=offset)), day_prices, max_size=15
)


def july(day: int) -> date:
    return date(2026, 7, day)


def prices(*amounts: str) -> Prices:
    return frozenset(Decimal(amount) for amount in amounts)


def a_level(price: str, first: int, last: int) -> PriceLevel:
    return PriceLevel(price=Decimal(price), first_seen_on=july(first), last_seen_on=july(last))


def a_history(days: Mapping[int, Prices]) -> PriceHistory:
    return PriceHistory.of({july(day): seen for day, seen in days.items()})


@given(days=observations)
def test_levels_and_observed_days_rebuild_every_day(days: dict[date, Prices]) -> None:
    assert days_of(levels_of(days), days) == days
    assert PriceHistory.of(days).prices_by_day() == days


@given(days=observations, data=st.data())
def test_days_that_come_late_or_out_of_order_give_the_same_history(
    days: dict[date, Prices], data: st.DataObject
) -> None:
    history = PriceHistory()

    for day in data.draw(st.permutations(sorted(days))):
        history = history.with_days({day: days[day]})

    assert history == PriceHistory.of(days)


@given(days=observations)
def test_the_same_days_twice_change_nothing(days: dict[date, Prices]) -> None:
    history = PriceHistory.of(days)

    assert history.with_days(days) == history


@given(days=observations)
def test_replaying_the_changes_gives_every_day(days: dict[date, Prices]) -> None:
    history = PriceHistory.of(days)
    changes = {change.day: change for change in history.changes()}
    current: Prices = frozenset()

    for day in history.observed_days:
        if change := changes.get(day):
            assert change.gone <= current
            assert not change.new & current
            current = (current - change.gone) | change.new
        assert current == days[day]


@given(days=observations, start=offsets, length=offsets)
def test_a_day_is_observed_or_in_exactly_one_gap(
    days: dict[date, Prices], start: int, length: int
) -> None:
    first, end = START + timedelta(days=start), START + timedelta(days=start + length)
    gaps = PriceHistory.of(days).gaps(first, end)

    for offset in range(length):
        day = first + timedelta(days=offset)
        assert sum(gap.start <= day < gap.end for gap in gaps) == (day not in days)
    assert sum(gap.days for gap in gaps) == length - sum(first <= day < end for day in days)


@given(days=observations, day=offsets, max_age_days=offsets)
def test_what_was_known_of_a_day_does_not_depend_on_later_days(
    days: dict[date, Prices], day: int, max_age_days: int
) -> None:
    on = START + timedelta(days=day)
    by_then = {seen_on: seen for seen_on, seen in days.items() if seen_on <= on}

    known = PriceHistory.of(days).as_of(on, max_age_days=max_age_days)

    assert known == PriceHistory.of(by_then).as_of(on, max_age_days=max_age_days)
    if isinstance(known, KnownPrices):
        assert known.age_days <= max_age_days
        assert known.observed_on == max(by_then)
        assert known.prices == by_then[known.observed_on]


def test_an_unchanged_price_is_one_level_over_a_gap() -> None:
    history = a_history({1: prices("2.63"), 2: prices("2.63"), 5: prices("2.63")})

    assert history.levels == (a_level("2.63", 1, 5),)
    assert history.gaps(july(1), july(6)) == (DayRange(start=july(3), end=july(5)),)


def test_a_day_without_the_price_ends_its_run() -> None:
    history = a_history({1: prices("2.63"), 2: prices("2.7"), 3: prices("2.63")})

    assert history.levels == (
        a_level("2.63", 1, 1),
        a_level("2.7", 2, 2),
        a_level("2.63", 3, 3),
    )


def test_two_products_on_one_day_are_two_levels_and_no_change() -> None:
    history = a_history({1: prices("1.99", "2.49"), 2: prices("1.99", "2.49")})

    assert history.levels == (a_level("1.99", 1, 2), a_level("2.49", 1, 2))
    assert [change.day for change in history.changes()] == [july(1)]


def test_a_change_names_what_went_what_came_and_the_day_before() -> None:
    history = a_history({1: prices("1.99", "2.49"), 4: prices("1.99", "2.79")})

    assert history.changes() == (
        PriceChange(day=july(1), previous_day=None, gone=frozenset(), new=prices("1.99", "2.49")),
        PriceChange(day=july(4), previous_day=july(1), gone=prices("2.49"), new=prices("2.79")),
    )


def test_before_the_first_observation_nothing_is_known() -> None:
    answer = a_history({5: prices("2.63")}).as_of(july(4), max_age_days=30)

    assert answer == UnknownPrices(because=Unpriced.NEVER_SEEN, last_observed_on=None)


def test_a_price_is_carried_forward_as_stale_until_it_is_too_old() -> None:
    history = a_history({1: prices("2.63")})

    assert history.as_of(july(1), max_age_days=3) == KnownPrices(
        prices=prices("2.63"), observed_on=july(1), age_days=0
    )
    carried = history.as_of(july(4), max_age_days=3)
    assert isinstance(carried, KnownPrices)
    assert carried.is_stale
    assert carried.age_days == 3
    assert history.as_of(july(5), max_age_days=3) == UnknownPrices(
        because=Unpriced.TOO_OLD, last_observed_on=july(1)
    )


def test_a_price_of_the_day_itself_is_not_stale() -> None:
    answer = a_history({1: prices("2.63", "1.99")}).as_of(july(1), max_age_days=0)

    assert isinstance(answer, KnownPrices)
    assert not answer.is_stale
    assert answer.cheapest == Decimal("1.99")


def test_nothing_for_sale_is_not_a_price_of_zero() -> None:
    history = a_history({1: prices("2.63"), 2: frozenset()})

    assert history.as_of(july(2), max_age_days=9) == UnknownPrices(
        because=Unpriced.NOT_FOR_SALE, last_observed_on=july(2)
    )
    assert history.cheapest(july(2)) is None
    assert history.levels == (a_level("2.63", 1, 1),)


def test_the_cheapest_price_is_of_that_very_day() -> None:
    history = a_history({1: prices("2.63", "1.99")})

    assert history.cheapest(july(1)) == Decimal("1.99")
    assert history.cheapest(july(2)) is None
    assert history.prices_on(july(2)) is None


def test_a_second_sheet_of_a_day_adds_its_products() -> None:
    history = a_history({1: prices("1.99")}).with_days({july(1): prices("2.49")})

    assert history == a_history({1: prices("1.99", "2.49")})


def test_an_empty_history_is_one_long_gap() -> None:
    assert PriceHistory().gaps(july(1), july(4)) == (DayRange(start=july(1), end=july(4)),)
    assert PriceHistory().gaps(july(1), july(1)) == ()


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity"])
def test_a_price_that_is_not_above_zero_is_refused(price: str) -> None:
    with pytest.raises(ValueError, match="never 0"):
        a_level(price, 1, 1)


def test_a_float_is_no_price() -> None:
    with pytest.raises(TypeError, match="Decimal"):
        PriceLevel(price=2.63, first_seen_on=july(1), last_seen_on=july(1))  # type: ignore[arg-type]


def test_a_level_does_not_end_before_it_begins() -> None:
    with pytest.raises(ValueError, match="on or after"):
        a_level("2.63", 2, 1)


@pytest.mark.parametrize(
    ("days", "levels"),
    [
        ((1, 2), (a_level("2.63", 1, 3),)),
        ((1, 2), (a_level("2.63", 1, 1), a_level("2.63", 2, 2))),
        ((1, 2), (a_level("2.63", 1, 2), a_level("1.99", 1, 2))),
        ((2, 1), (a_level("2.63", 1, 2),)),
        ((1, 1), (a_level("2.63", 1, 1),)),
    ],
)
def test_levels_that_do_not_belong_to_the_days_are_refused(
    days: tuple[int, ...], levels: tuple[PriceLevel, ...]
) -> None:
    with pytest.raises(ValueError, match="observed days"):
        PriceHistory(observed_days=tuple(july(day) for day in days), levels=levels)


def test_questions_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="0 days or more"):
        PriceHistory().as_of(july(1), max_age_days=-1)
    with pytest.raises(ValueError, match="ends on or after"):
        PriceHistory().gaps(july(2), july(1))
