"""Money is exact and carries its currency."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.money import (
    USD,
    Currency,
    CurrencyMismatchError,
    Money,
    TooPreciseError,
    currency,
    plain,
    priced,
    storable,
)

amounts = st.decimals(
    min_value=-(10**9), max_value=10**9, places=6, allow_nan=False, allow_infinity=False
)


@given(a=amounts, b=amounts)
def test_adding_and_taking_away_the_same_amount_changes_nothing(a: Decimal, b: Decimal) -> None:
    assert Money(a) + Money(b) - Money(b) == Money(a)


def test_dollars_and_euros_do_not_add() -> None:
    with pytest.raises(CurrencyMismatchError, match="exchange rate"):
        Money(Decimal(1)) + Money(Decimal(1), Currency("EUR"))


def test_dollars_and_euros_do_not_compare() -> None:
    with pytest.raises(CurrencyMismatchError):
        _ = Money(Decimal(1)) < Money(Decimal(2), Currency("EUR"))


def test_a_float_is_not_money() -> None:
    with pytest.raises(TypeError, match="Decimal"):
        Money(2.63)  # type: ignore[arg-type]


def test_money_is_not_multiplied_by_a_float() -> None:
    with pytest.raises(TypeError, match="Decimal or int"):
        Money(Decimal(1)) * 0.5  # type: ignore[operator]


def test_an_infinite_price_is_not_money() -> None:
    with pytest.raises(ValueError, match="unknown price is None"):
        Money(Decimal("Infinity"))


@pytest.mark.parametrize(
    ("amount", "cents"), [("2.345", "2.34"), ("2.355", "2.36"), ("-0.005", "0")]
)
def test_money_rounds_half_to_even(amount: str, cents: str) -> None:
    assert Money(Decimal(amount)).rounded(2).amount == Decimal(cents)


@pytest.mark.parametrize("text", ["usd", " USD "])
def test_a_currency_code_is_folded(text: str) -> None:
    assert currency(text) == USD


@pytest.mark.parametrize("text", ["$", "US", "DOLLAR", ""])
def test_a_symbol_is_not_a_currency_code(text: str) -> None:
    with pytest.raises(ValueError, match="ISO 4217"):
        currency(text)


@given(amount=amounts)
def test_six_decimals_are_kept_exactly(amount: Decimal) -> None:
    assert storable(amount) == amount
    assert Decimal(plain(amount)) == amount


@pytest.mark.parametrize("amount", ["0.0000001", "NaN", "Infinity"])
def test_an_amount_the_books_cannot_hold_is_refused(amount: str) -> None:
    with pytest.raises(TooPreciseError):
        storable(Decimal(amount))


@pytest.mark.parametrize(
    ("amount", "text"), [("4", "4.00"), ("4.4", "4.40"), ("6.2496", "6.2496"), ("1E+3", "1000.00")]
)
def test_a_price_for_people_has_its_cents(amount: str, text: str) -> None:
    assert priced(Decimal(amount)) == text


def test_ratios_need_one_currency() -> None:
    assert Money(Decimal(3)).ratio_to(Money(Decimal(2))) == Decimal("1.5")
    with pytest.raises(CurrencyMismatchError):
        Money(Decimal(3)).ratio_to(Money(Decimal(2), Currency("GBP")))


def test_a_price_is_written_without_trailing_zeros() -> None:
    assert plain(Decimal("4.40")) == "4.4"
    assert plain(Decimal("1E+3")) == "1000"
    assert plain(Decimal("-0.00")) == "0"
