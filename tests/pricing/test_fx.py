"""Money changes currency only at a rate that has a day and a source."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.fx import FxRate, FxTable, NoRateError
from pricing.money import USD, Currency, Money

EUR, GBP, CHF = Currency("EUR"), Currency("GBP"), Currency("CHF")
MONDAY = date(2026, 8, 3)


def a_rate(
    rate: str = "1.25",
    *,
    base: Currency = EUR,
    quote: Currency = USD,
    on: date = MONDAY,
    source: str = "ECB reference",
) -> FxRate:
    return FxRate(base=base, quote=quote, on=on, rate=Decimal(rate), source=source)


def test_euros_become_dollars_at_the_rate_of_the_day_with_its_source() -> None:
    converted = FxTable([a_rate()]).convert(
        Money(Decimal("2.00"), EUR), USD, on=MONDAY, max_age_days=0
    )

    assert converted.amount == Money(Decimal("2.50"), USD)
    assert converted.statement() == "1 EUR = 1.25 USD on 2026-08-03 (ECB reference)"


def test_a_rate_quoted_the_other_way_round_is_inverted_and_says_so() -> None:
    converted = FxTable([a_rate()]).convert(Money(Decimal("2.50")), EUR, on=MONDAY, max_age_days=0)

    assert converted.amount == Money(Decimal(2), EUR)
    assert converted.legs[0].is_inverted
    assert "inverted" in converted.statement()


def test_the_same_currency_needs_no_rate() -> None:
    money = Money(Decimal("2.63"))

    converted = FxTable().convert(money, USD, on=MONDAY, max_age_days=0, via=EUR)

    assert converted.amount == money
    assert converted.legs == ()
    assert "already in USD" in converted.statement()


def test_a_rate_of_tomorrow_is_not_used_today() -> None:
    table = FxTable([a_rate("1.1"), a_rate("1.9", on=MONDAY + timedelta(days=1))])

    converted = table.convert(Money(Decimal(1), EUR), USD, on=MONDAY, max_age_days=5)

    assert converted.amount == Money(Decimal("1.1"))


def test_the_last_rate_before_a_weekend_counts_and_its_age_is_told() -> None:
    table = FxTable([a_rate("1.1", on=MONDAY - timedelta(days=9)), a_rate("1.2")])

    converted = table.convert(
        Money(Decimal(1), EUR), USD, on=MONDAY + timedelta(days=2), max_age_days=4
    )

    assert converted.amount == Money(Decimal("1.2"))
    assert converted.legs[0].age_days == 2
    assert converted.legs[0].rate.on == MONDAY


def test_the_newer_of_two_ways_to_quote_wins_and_the_direct_one_on_the_same_day() -> None:
    inverse = a_rate("0.5", base=USD, quote=EUR)
    older, same_day = a_rate("1.25", on=MONDAY - timedelta(days=1)), a_rate("1.25")
    euro = Money(Decimal(1), EUR)

    newer_wins = FxTable([older, inverse]).convert(euro, USD, on=MONDAY, max_age_days=9)
    direct_wins = FxTable([same_day, inverse]).convert(euro, USD, on=MONDAY, max_age_days=9)

    assert newer_wins.amount == Money(Decimal(2))
    assert direct_wins.amount == Money(Decimal("1.25"))


def test_a_rate_that_is_too_old_is_no_rate() -> None:
    table = FxTable([a_rate()])

    with pytest.raises(NoRateError, match="add a newer one"):
        table.convert(Money(Decimal(1), EUR), USD, on=MONDAY + timedelta(days=6), max_age_days=5)


def test_without_a_rate_there_is_no_answer() -> None:
    with pytest.raises(NoRateError, match="no rate between EUR and USD"):
        FxTable().convert(Money(Decimal(1), EUR), USD, on=MONDAY, max_age_days=5)


def test_a_currency_between_is_used_only_when_named() -> None:
    table = FxTable([a_rate(), a_rate("2.5", base=GBP)])
    money = Money(Decimal(4), EUR)

    with pytest.raises(NoRateError, match="no rate between EUR and GBP"):
        table.convert(money, GBP, on=MONDAY, max_age_days=0)
    converted = table.convert(money, GBP, on=MONDAY, max_age_days=0, via=USD)

    assert converted.amount == Money(Decimal(2), GBP)
    assert [leg.is_inverted for leg in converted.legs] == [False, True]
    assert converted.statement().count("ECB reference") == 2


@pytest.mark.parametrize("via", [EUR, USD])
def test_going_through_one_of_the_two_currencies_is_one_leg(via: Currency) -> None:
    converted = FxTable([a_rate()]).convert(
        Money(Decimal(2), EUR), USD, on=MONDAY, max_age_days=0, via=via
    )

    assert converted.amount == Money(Decimal("2.5"))
    assert len(converted.legs) == 1


@given(
    cents=st.integers(min_value=1, max_value=10**9),
    rate=st.decimals(min_value="0.0001", max_value="1000", places=4),
)
def test_there_and_back_is_the_same_to_the_millionth(cents: int, rate: Decimal) -> None:
    table = FxTable([a_rate(str(rate), base=CHF)])
    money = Money(Decimal(cents) / 100, USD)

    there = table.convert(money, CHF, on=MONDAY, max_age_days=0)
    back = table.convert(there.amount, USD, on=MONDAY, max_age_days=0)

    assert back.amount.rounded(6) == money.rounded(6)


def test_one_pair_and_day_has_one_rate() -> None:
    FxTable([a_rate("1.25"), a_rate("1.250", source="a second import")])
    with pytest.raises(ValueError, match="keep one"):
        FxTable([a_rate("1.25"), a_rate("1.26", source="somebody else")])


@pytest.mark.parametrize("rate", ["0", "-1", "NaN", "Infinity"])
def test_a_rate_is_a_number_above_zero(rate: str) -> None:
    with pytest.raises(ValueError, match="above zero"):
        a_rate(rate)


def test_a_rate_needs_two_currencies_and_a_source() -> None:
    with pytest.raises(ValueError, match="no rate to itself"):
        a_rate(base=USD)
    with pytest.raises(ValueError, match="source"):
        a_rate(source=" ")


def test_a_float_is_no_rate() -> None:
    with pytest.raises(TypeError, match="Decimal"):
        FxRate(base=EUR, quote=USD, on=MONDAY, rate=1.25, source="ECB")  # type: ignore[arg-type]


def test_an_age_below_zero_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="0 days or more"):
        FxTable().convert(Money(Decimal(1)), EUR, on=MONDAY, max_age_days=-1)
