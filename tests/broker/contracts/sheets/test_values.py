"""A cell has one reading or none."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.contracts.line_terms import RenewalType
from broker.contracts.sheets import values as cell
from broker.contracts.sheets.issue import CellRefusedError
from broker.contracts.state import ContractState


def refusal(read: Callable[[str], object], text: str) -> str:
    with pytest.raises(CellRefusedError) as refused:
        read(text)
    return refused.value.code.value


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1.234,56 €", "ambiguous_number"),
        ("1,024", "ambiguous_number"),
        ("1'024", "ambiguous_number"),
        ("1\u2019024.50", "ambiguous_number"),
        ("1 024", "ambiguous_number"),
        ("1\u00a0024", "ambiguous_number"),
        ("1\u202f024", "ambiguous_number"),
        ("1.234.567", "ambiguous_number"),
        ("2,63", "ambiguous_number"),
        ("$2.63", "bad_number"),
        ("2.63 USD", "bad_number"),
        ("+2.63", "bad_number"),
        ("2.63e0", "bad_number"),
        (".5", "bad_number"),
        ("5.", "bad_number"),
        ("NaN", "bad_number"),
        ("Infinity", "bad_number"),
        ("TBD", "bad_number"),
        ("٢", "bad_number"),
        ("²", "bad_number"),
        ("2_000", "bad_number"),
        ("0x10", "bad_number"),
        ("2.6300001", "bad_number"),
        ("1234567890", "bad_number"),
        ("-2.63", "negative_value"),
        ("\u22122.63", "negative_value"),
        ("-$2.63", "negative_value"),
        ("$-2.63", "negative_value"),
        ("(2.63)", "negative_value"),
        ("2.63-", "negative_value"),
        ("2.05-2.20", "price_range"),
        ("2.05 \u2013 2.20", "price_range"),
        ("$2.05-$2.20", "price_range"),
        ("2 to 3", "price_range"),
        ("2..3", "price_range"),
        ("0", "not_positive"),
        ("0.00", "not_positive"),
    ],
)
def test_a_price_that_is_not_plain_digits_is_refused(text: str, code: str) -> None:
    assert refusal(cell.positive_number, text) == code


@given(amount=st.decimals(min_value="0.000001", max_value=10**9 - 1, places=6))
def test_a_plain_price_is_what_it_says(amount: Decimal) -> None:
    assert cell.positive_number(format(amount, "f")) == amount


@given(text=st.text(max_size=12) | st.text("0123456789.,-+ $€'()eE\u2013", max_size=12))
def test_a_number_that_is_accepted_is_the_number_that_python_reads(text: str) -> None:
    try:
        value = cell.number(text)
    except CellRefusedError:
        return

    assert set(text) <= set("0123456789.")
    assert value == Decimal(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1.024", "ambiguous_number"),
        ("1024.0", "bad_number"),
        ("0", "not_positive"),
        ("-8", "negative_value"),
        ("8-16", "bad_number"),
        ("eight", "bad_number"),
    ],
)
def test_a_count_is_a_whole_number_above_zero(text: str, code: str) -> None:
    assert refusal(cell.positive_whole_number, text) == code


def test_a_padded_line_number_is_the_same_number() -> None:
    assert cell.positive_whole_number("0010") == 10


def test_a_renewal_for_more_than_fifty_years_is_a_typing_error() -> None:
    assert cell.renewal_months("600") == 600
    assert refusal(cell.renewal_months, "601") == "bad_number"
    assert refusal(cell.renewal_months, "0") == "not_positive"


@pytest.mark.parametrize("text", ["0.25", "1", "0.995", "1.00"])
def test_a_share_that_may_be_a_fraction_is_refused(text: str) -> None:
    assert refusal(cell.share_percent, text) == "ambiguous_number"


@pytest.mark.parametrize("text", ["25%", "25 %", "100.1", "9950"])
def test_a_percentage_has_no_sign_and_ends_at_a_hundred(text: str) -> None:
    assert refusal(cell.share_percent, text) == "bad_number"


@pytest.mark.parametrize("text", ["0", "2", "25", "99.5", "100"])
def test_a_plain_percentage_is_itself(text: str) -> None:
    assert cell.share_percent(text) == Decimal(text)


def test_half_a_percent_a_week_is_a_usual_late_credit() -> None:
    assert cell.rate_percent("0.5") == Decimal("0.5")


def test_a_cap_of_one_percent_is_one_percent_and_of_a_twentieth_is_unclear() -> None:
    assert cell.cap_percent("1") == 1
    assert refusal(cell.cap_percent, "0.05") == "ambiguous_number"


@pytest.mark.parametrize(
    "text",
    [
        "10/01/2026",
        "01.10.2026",
        "2026/10/01",
        "2026-1-1",
        "20261001",
        "Oct-26",
        "Q4 2026",
        "46296",
        "2026-02-30",
        "2026-10-01T00:00",
        "evergreen",
        "0206-10-01",
        "2026-10-0\u0661",
    ],
)
def test_a_day_is_iso_and_exists(text: str) -> None:
    assert refusal(cell.day, text) == "bad_date"


@given(day=st.dates(min_value=date(2000, 1, 1), max_value=date(2100, 12, 31)))
def test_an_iso_day_is_read_as_itself(day: date) -> None:
    assert cell.day(day.isoformat()) == day


@pytest.mark.parametrize(
    ("text", "duration"),
    [("P90D", "P90D"), ("p3m", "P3M"), ("P2W", "P2W"), ("P1Y", "P1Y"), ("P090D", "P90D")],
)
def test_a_notice_keeps_its_unit(text: str, duration: str) -> None:
    assert cell.duration(text) == duration


@pytest.mark.parametrize("text", ["90", "90 days", "3 months", "PT90H", "P", "P-3M", "P1.5M"])
def test_a_notice_without_its_unit_is_refused(text: str) -> None:
    assert refusal(cell.duration, text) == "bad_duration"


@pytest.mark.parametrize("text", ["$", "€", "¥", "kr", "US$", "USDT", "XAU", "DEM", "u\u017fd"])
def test_a_sign_or_a_currency_of_the_past_is_refused(text: str) -> None:
    assert refusal(cell.currency_code, text) == "unknown_currency"


def test_a_currency_code_may_be_in_small_letters() -> None:
    assert cell.currency_code("eur") == "EUR"


def test_a_status_is_read_in_any_spelling_of_its_words() -> None:
    assert cell.choice(ContractState)("In Notice") is ContractState.IN_NOTICE
    assert cell.choice(ContractState)("in-notice") is ContractState.IN_NOTICE


def test_an_unknown_word_is_answered_with_the_known_ones() -> None:
    with pytest.raises(CellRefusedError, match="none, auto, option, evergreen"):
        cell.choice(RenewalType)("rolling")


def test_a_very_long_number_is_refused_at_once() -> None:
    assert refusal(cell.number, "1-" + " " * 100_000) == "bad_number"
