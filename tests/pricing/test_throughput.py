"""Prices per million tokens, with and without the idle hours, and the margin they leave."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.commitment import cost_of_use
from pricing.money import Money
from pricing.throughput import cost_per_million_tokens, gross_margin, price_for_margin

prices = st.decimals(min_value=Decimal("0.05"), max_value=50, places=4).map(Money)
speeds = st.integers(min_value=1, max_value=100_000).map(Decimal)
busy = st.decimals(min_value=Decimal("0.01"), max_value=1, places=3)

TINY = Decimal("1e-18")


@given(price=prices, speed=speeds, busy_fraction=busy)
def test_the_two_bases_differ_by_the_cost_of_the_idle_hours(
    price: Money, speed: Decimal, busy_fraction: Decimal
) -> None:
    committed = Decimal(1_000)
    used = committed * busy_fraction
    million_tokens = used * speed * 3600 / 1_000_000
    hours = cost_of_use(price, committed_gpu_hours=committed, used_gpu_hours=used)

    tokens = cost_per_million_tokens(
        price, tokens_per_gpu_second=speed, busy_fraction=busy_fraction
    )

    assert abs((tokens.used * million_tokens).ratio_to(hours.used) - 1) < TINY
    assert abs((tokens.full * million_tokens).ratio_to(hours.total) - 1) < TINY
    assert abs((tokens.idle * million_tokens - hours.idle).amount) < TINY * price.amount * 10_000


def test_gpus_that_never_idle_have_one_price_per_token() -> None:
    tokens = cost_per_million_tokens(
        Money(Decimal("5.40")), tokens_per_gpu_second=Decimal(3000), busy_fraction=Decimal(1)
    )

    assert tokens.used == tokens.full == Money(Decimal("0.5"))
    assert tokens.idle == Money(Decimal(0))


@given(cost=prices, margin=st.decimals(min_value=-2, max_value=Decimal("0.99"), places=2))
def test_the_price_for_a_margin_leaves_that_margin(cost: Money, margin: Decimal) -> None:
    price = price_for_margin(cost, margin=margin)

    assert abs(gross_margin(revenue=price, cost=cost) - margin) < TINY


def test_selling_under_cost_is_a_negative_margin() -> None:
    margin = gross_margin(revenue=Money(Decimal(2)), cost=Money(Decimal(3)))

    assert margin == Decimal("-0.5")


@pytest.mark.parametrize(("speed", "fraction"), [("0", "0.9"), ("3000", "0"), ("3000", "95")])
def test_tokens_that_nobody_makes_have_no_cost(speed: str, fraction: str) -> None:
    with pytest.raises(ValueError, match="above"):
        cost_per_million_tokens(
            Money(Decimal(5)),
            tokens_per_gpu_second=Decimal(speed),
            busy_fraction=Decimal(fraction),
        )


def test_without_revenue_the_margin_is_unknown() -> None:
    with pytest.raises(ValueError, match="unknown"):
        gross_margin(revenue=Money(Decimal(0)), cost=Money(Decimal(1)))


def test_no_price_leaves_the_whole_of_itself() -> None:
    with pytest.raises(ValueError, match="under 1"):
        price_for_margin(Money(Decimal(1)), margin=Decimal(1))
