"""Months of a plan: how much of each a term of service covers."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from broker.procurement.horizon import Horizon, month_start_on_or_after

YEAR = Horizon(as_of=date(2026, 5, 15), months=12)

days = st.dates(min_value=date(2026, 5, 1), max_value=date(2027, 4, 30))


def test_the_first_month_counts_as_a_whole() -> None:
    assert YEAR.first_day == date(2026, 5, 1)
    assert YEAR.end_on == date(2027, 5, 1)
    assert YEAR.month_of(date(2027, 4, 30)) == 11


def test_a_term_that_begins_inside_a_month_covers_the_rest_of_it() -> None:
    covered = dict(YEAR.covered(date(2026, 6, 16), date(2026, 8, 1)))

    assert covered == {1: Decimal("0.5"), 2: Decimal(1)}


def test_service_before_and_after_the_horizon_does_not_count() -> None:
    assert YEAR.months_inside(date(2020, 1, 1), date(2030, 1, 1)) == 12
    assert YEAR.months_inside(date(2028, 1, 1), date(2030, 1, 1)) == 0


@given(start=days, cut=days, end=days)
def test_two_terms_that_follow_each_other_cover_what_one_would(
    start: date, cut: date, end: date
) -> None:
    start, cut, end = sorted((start, cut, end))

    parts = YEAR.months_inside(start, cut) + YEAR.months_inside(cut, end)
    assert abs(parts - YEAR.months_inside(start, end)) < Decimal("1e-20")


@given(day=days)
def test_a_month_start_is_the_day_itself_or_the_next_first(day: date) -> None:
    found = month_start_on_or_after(day)

    assert found.day == 1
    assert timedelta() <= found - day < timedelta(days=31)
