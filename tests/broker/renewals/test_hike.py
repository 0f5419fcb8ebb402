"""A hike is market plus premium: the fractions compound and the money adds up."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import BadInputError
from broker.renewals.hike import (
    annualised_exposure,
    cap_breach,
    per_billed_month,
    simple_hike,
    split_hike,
    year_gpu_hours_after,
)
from pricing.money import Currency, CurrencyMismatchError, Money

prices = st.decimals(min_value=Decimal("0.05"), max_value=50, places=6).map(Money)
gpu_counts = st.integers(min_value=1, max_value=150_000)
ends = st.dates(min_value=date(2024, 1, 1), max_value=date(2035, 1, 1))

NOW, OFFER = Money(Decimal("2.63")), Money(Decimal("5.10"))


@given(now=prices, offer=prices, market=prices)
def test_market_move_and_premium_compound_to_the_hike(
    now: Money, offer: Money, market: Money
) -> None:
    hike = split_hike(now, offer, benchmark=market)

    assert hike.market_move is not None
    assert hike.premium is not None
    whole = 1 + hike.fraction
    assert abs((1 + hike.market_move) * (1 + hike.premium) / whole - 1) < Decimal("1e-20")


@given(now=prices, offer=prices, market=prices)
def test_market_part_and_premium_part_add_up_to_the_increase(
    now: Money, offer: Money, market: Money
) -> None:
    hike = split_hike(now, offer, benchmark=market)

    assert hike.market_part is not None
    assert hike.premium_part is not None
    assert hike.market_part + hike.premium_part == hike.increase == offer - now


@given(now=prices, offer=prices, market=prices, gpus=gpu_counts, end=ends)
def test_the_parts_of_the_exposure_add_up_to_it(
    now: Money, offer: Money, market: Money, gpus: int, end: date
) -> None:
    hike = split_hike(now, offer, benchmark=market)

    exposure = annualised_exposure(hike, price_now=now, gpus=gpus, end=end)

    assert exposure.market_part is not None
    assert exposure.premium_part is not None
    assert exposure.market_part + exposure.premium_part == exposure.total
    assert exposure.cost_now + exposure.total == exposure.cost_offered
    assert exposure.cost_offered == offer * exposure.gpu_hours


def test_without_a_benchmark_the_split_is_unknown_and_the_hike_is_not() -> None:
    hike = split_hike(NOW, OFFER, benchmark=None)
    exposure = annualised_exposure(hike, price_now=NOW, gpus=8, end=date(2026, 10, 1))

    assert hike.fraction == simple_hike(NOW, OFFER)
    assert (hike.market_move, hike.premium) == (None, None)
    assert (hike.market_part, hike.premium_part) == (None, None)
    assert (exposure.market_part, exposure.premium_part) == (None, None)
    assert exposure.total == (OFFER - NOW) * 8 * 8760


def test_a_cheaper_offer_is_a_negative_hike() -> None:
    assert simple_hike(Money(Decimal(4)), Money(Decimal(3))) == Decimal("-0.25")


@pytest.mark.parametrize(("end", "hours"), [(date(2026, 10, 1), 8760), (date(2027, 10, 1), 8784)])
def test_a_leap_day_after_the_end_is_paid_for(end: date, hours: int) -> None:
    assert year_gpu_hours_after(end, gpus=1) == hours


@given(now=prices, offer=prices, cap=st.decimals(min_value=0, max_value=1, places=3))
def test_a_cap_is_breached_only_by_an_offer_above_it(
    now: Money, offer: Money, cap: Decimal
) -> None:
    breach = cap_breach(now, offer, cap=cap, gpu_hours=Decimal(100))

    assert breach is not None
    assert breach.excess.amount >= 0
    assert (breach.excess.amount > 0) == (offer > breach.ceiling)
    assert breach.excess == breach.excess_per_gpu_hour * 100
    if offer > breach.ceiling:
        assert breach.ceiling + breach.excess_per_gpu_hour == offer


def test_without_a_cap_there_is_nothing_to_breach() -> None:
    assert cap_breach(NOW, OFFER, cap=None, gpu_hours=Decimal(100)) is None


def test_a_billed_month_has_730_hours() -> None:
    assert per_billed_month(Money(Decimal(1)), gpus=2) == Money(Decimal(1460))


@pytest.mark.parametrize("benchmark", [None, Money(Decimal(0))])
def test_a_price_of_zero_cannot_be_compared_with(benchmark: Money | None) -> None:
    now = Money(Decimal(0)) if benchmark is None else NOW

    with pytest.raises(BadInputError, match="leave it out"):
        split_hike(now, OFFER, benchmark=benchmark)


def test_an_offer_in_another_currency_is_not_a_hike() -> None:
    with pytest.raises(CurrencyMismatchError):
        simple_hike(NOW, Money(Decimal(5), Currency("EUR")))
