"""Figures on the page: exact, with their unit, and a dash for what is unknown."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards import figures

amounts = st.decimals(
    min_value=-(10**12), max_value=10**12, allow_nan=False, allow_infinity=False, places=6
).map(str)


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("22156492.8", "USD", "$22,156,492.80"),
        ("-3.5", "EUR", f"{figures.MINUS}€3.50"),
        ("0", "GBP", "£0.00"),
        ("1234.5", "CHF", "1,234.50\u00a0CHF"),
    ],
)
def test_an_amount_carries_its_currency(amount: str, currency: str, shown: str) -> None:
    assert figures.total(figures.money(amount, currency)) == shown


def test_what_is_unknown_is_a_dash_and_never_zero() -> None:
    unknown = (figures.total(None), figures.price(None), figures.short(None), figures.percent(None))

    assert set(unknown) == {"—"}
    assert figures.dollars(None) is None
    assert figures.drawn(None) is None


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("2.63", "$2.63"), ("4", "$4.00"), ("4.6743", "$4.6743"), ("1.55125", "$1.5512")],
)
def test_a_price_has_two_decimals_and_up_to_four_if_it_needs_them(amount: str, shown: str) -> None:
    assert figures.price(figures.dollars(amount)) == shown


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("22156492.80", "$22.16\u00a0m"),
        ("1310000000", "$1.31\u00a0bn"),
        ("999", "$999"),
        ("-40000", f"{figures.MINUS}$40.00\u00a0k"),
    ],
)
def test_a_large_amount_is_told_in_short(amount: str, shown: str) -> None:
    assert figures.short(figures.dollars(amount)) == shown


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [
        ("0.9392", "+93.9\u00a0%"),
        ("-0.1", f"{figures.MINUS}10.0\u00a0%"),
        ("0", "0.0\u00a0%"),
    ],
)
def test_a_move_says_whether_it_goes_up_or_down(fraction: str, shown: str) -> None:
    assert figures.percent(Decimal(fraction), signed=True) == shown


@pytest.mark.parametrize(
    ("days", "shown"),
    [(48, "48 days left"), (1, "1 day left"), (0, "today"), (-3, "3 days ago"), (None, "—")],
)
def test_days_that_are_left_or_gone_are_told_in_words(days: int | None, shown: str) -> None:
    assert figures.days_left(days) == shown


def test_days_and_times_are_told_the_same_everywhere() -> None:
    assert figures.day(date(2026, 7, 2)) == "2 Jul 2026"
    assert figures.day(None) == "—"
    assert figures.moment(datetime(2026, 5, 15, 9, 5, 1, tzinfo=UTC)) == "09:05:01 UTC"


@given(amount=amounts)
def test_what_is_shown_is_never_further_than_half_a_cent_from_the_amount(amount: str) -> None:
    shown = (
        figures.total(figures.dollars(amount))
        .replace("$", "")
        .replace(",", "")
        .replace(figures.MINUS, "-")
    )

    assert abs(Decimal(shown) - Decimal(amount)) <= Decimal("0.005")


@given(text=st.text(max_size=60))
def test_no_name_becomes_markup(text: str) -> None:
    escaped = figures.plain(text)

    bare = escaped.replace("\\\\", "")
    for sign in "`*_[]()<>#!|~$":
        assert bare.count(sign) == bare.count(f"\\{sign}")
    assert "\n" not in escaped
