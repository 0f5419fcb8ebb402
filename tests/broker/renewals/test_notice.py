"""Notice deadlines follow the clause's own units, the calendar and the recipient's holidays."""

from datetime import date

import holidays
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.errors import BadInputError
from broker.renewals.notice import (
    NoticePeriod,
    notice_deadline,
    working_day_on_or_before,
)

periods = st.builds(
    NoticePeriod,
    years=st.integers(0, 3),
    months=st.integers(0, 24),
    weeks=st.integers(0, 30),
    days=st.integers(0, 400),
)
ends = st.dates(min_value=date(2020, 1, 1), max_value=date(2035, 12, 31))
countries = st.sampled_from([None, "US", "GB-ENG", "DE", "JP", "AE"])


def works(day: date, country: str | None) -> bool:
    if country is None:
        return day.weekday() < 5
    code, _, part = country.partition("-")
    return holidays.country_holidays(code, subdiv=part or None).is_working_day(day)


@given(notice=periods)
def test_a_notice_period_reads_back_as_it_was_written(notice: NoticePeriod) -> None:
    assert NoticePeriod.parse(str(notice)) == notice


@pytest.mark.parametrize(
    ("text", "notice", "written"),
    [
        ("P90D", NoticePeriod(days=90), "P90D"),
        (" p3m ", NoticePeriod(months=3), "P3M"),
        ("P2W", NoticePeriod(weeks=2), "P2W"),
        ("P1Y6M10D", NoticePeriod(years=1, months=6, days=10), "P1Y6M10D"),
        ("P0M", NoticePeriod(), "P0D"),
    ],
)
def test_a_clause_keeps_its_units(text: str, notice: NoticePeriod, written: str) -> None:
    assert NoticePeriod.parse(text) == notice
    assert str(notice) == written


@pytest.mark.parametrize(
    "text", ["", "P", "90", "90D", "P-3M", "P1.5M", "PT24H", "P1DT2H", "P3D2M", "P99999D", "P٣M"]
)
def test_anything_else_is_not_a_notice_period(text: str) -> None:
    with pytest.raises(BadInputError, match="P90D"):
        NoticePeriod.parse(text)


def test_notice_cannot_be_negative() -> None:
    with pytest.raises(BadInputError, match="zero or longer"):
        NoticePeriod(days=-1)


def test_three_months_are_not_ninety_days() -> None:
    end = date(2026, 9, 30)

    assert notice_deadline(end, NoticePeriod.parse("P3M")).due_on == date(2026, 6, 30)
    assert notice_deadline(end, NoticePeriod.parse("P90D")).due_on == date(2026, 7, 2)


@pytest.mark.parametrize(
    ("end", "text", "raw"),
    [
        ("2026-05-31", "P3M", "2026-02-28"),
        ("2028-05-31", "P3M", "2028-02-29"),
        ("2028-02-29", "P1Y", "2027-02-28"),
        ("2026-05-31", "P1M1D", "2026-04-29"),
        ("2026-09-30", "P2W", "2026-09-16"),
    ],
)
def test_months_end_where_the_month_ends(end: str, text: str, raw: str) -> None:
    deadline = notice_deadline(date.fromisoformat(end), NoticePeriod.parse(text))

    assert deadline.raw_on == date.fromisoformat(raw)


def test_a_deadline_on_a_bank_holiday_moves_before_the_weekend() -> None:
    end, notice = date(2026, 9, 30), NoticePeriod.parse("P30D")

    assert notice_deadline(end, notice, country="US").due_on == date(2026, 8, 31)
    assert notice_deadline(end, notice, country="GB-ENG").due_on == date(2026, 8, 28)


def test_a_week_may_begin_on_sunday() -> None:
    friday, sunday = date(2026, 8, 28), date(2026, 8, 30)

    assert working_day_on_or_before(friday, country="SA") == date(2026, 8, 27)
    assert working_day_on_or_before(sunday, country="SA") == sunday


def test_a_lost_right_counts_below_zero() -> None:
    deadline = notice_deadline(date(2026, 9, 30), NoticePeriod.parse("P90D"))

    assert deadline.days_to(date(2026, 7, 2)) == 0
    assert deadline.days_to(date(2026, 7, 12)) == -10


def test_the_days_left_count_to_the_working_day() -> None:
    deadline = notice_deadline(date(2026, 9, 30), NoticePeriod.parse("P60D"))

    assert deadline.raw_on == date(2026, 8, 1)
    assert deadline.days_to(date(2026, 7, 31)) == 0


@given(end=ends, notice=periods, country=countries)
@settings(max_examples=60, deadline=None)
def test_a_deadline_is_a_working_day_and_never_late(
    end: date, notice: NoticePeriod, country: str | None
) -> None:
    deadline = notice_deadline(end, notice, country=country)

    assert works(deadline.due_on, country)
    assert deadline.due_on <= deadline.raw_on <= end
    assert working_day_on_or_before(deadline.due_on, country=country) == deadline.due_on


@given(end=ends, notice=periods, more=periods, country=countries)
@settings(max_examples=60, deadline=None)
def test_longer_notice_is_never_a_later_deadline(
    end: date, notice: NoticePeriod, more: NoticePeriod, country: str | None
) -> None:
    longer = NoticePeriod(
        years=notice.years + more.years,
        months=notice.months + more.months,
        weeks=notice.weeks + more.weeks,
        days=notice.days + more.days,
    )

    later = notice_deadline(end, notice, country=country).due_on

    assert notice_deadline(end, longer, country=country).due_on <= later


@pytest.mark.parametrize("country", ["XX", "", "US-ZZ"])
def test_a_country_without_a_calendar_is_refused(country: str) -> None:
    with pytest.raises(BadInputError, match="ISO 3166"):
        notice_deadline(date(2026, 9, 30), NoticePeriod(days=1), country=country)


def test_notice_longer_than_the_calendar_is_refused() -> None:
    with pytest.raises(BadInputError, match="notice clause"):
        notice_deadline(date(2026, 9, 30), NoticePeriod.parse("P9999Y"))
