"""What a commitment costs per GPU-hour, however it was quoted, paid and used."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.commitment import (
    PriceBasis,
    PricedHours,
    blended_price,
    cost_of_use,
    gpu_hours,
    hours_between,
    levelised_price,
    mark_to_market,
    price_per_b200_hour,
    price_per_gpu_hour,
)
from pricing.money import Currency, CurrencyMismatchError, Money

prices = st.decimals(min_value=Decimal("0.05"), max_value=50, places=4).map(Money)
hours = st.integers(min_value=0, max_value=10**9).map(Decimal)
fractions = st.decimals(min_value=0, max_value=1, places=3)
dates = st.dates(min_value=date(2020, 1, 1), max_value=date(2040, 1, 1))


def dollars(amount: str) -> Money:
    return Money(Decimal(amount))


@pytest.mark.parametrize(("year", "expected"), [(2026, 8760), (2028, 8784)])
def test_a_year_has_its_exact_hours(year: int, expected: int) -> None:
    assert hours_between(date(year, 1, 1), date(year + 1, 1, 1)) == expected


@given(days=st.lists(dates, min_size=3, max_size=3), gpus=st.integers(0, 200_000))
def test_the_hours_of_two_periods_that_meet_add_up(days: list[date], gpus: int) -> None:
    first, middle, last = sorted(days)

    apart = gpu_hours(gpus, start=first, end=middle) + gpu_hours(gpus, start=middle, end=last)

    assert apart == gpu_hours(gpus, start=first, end=last)


def test_a_period_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="before it starts"):
        hours_between(date(2026, 1, 2), date(2026, 1, 1))


def test_fewer_than_no_gpus_are_refused() -> None:
    with pytest.raises(ValueError, match="zero or more"):
        gpu_hours(-1, start=date(2026, 1, 1), end=date(2026, 1, 2))


def test_a_price_is_brought_to_the_gpu_hour() -> None:
    assert price_per_gpu_hour(dollars("2.63"), PriceBasis.PER_GPU_HOUR) == dollars("2.63")
    assert price_per_gpu_hour(
        dollars("21.04"), PriceBasis.PER_NODE_HOUR, gpus_per_node=8
    ) == dollars("2.63")
    assert price_per_gpu_hour(dollars("1919.90"), PriceBasis.PER_GPU_MONTH) == dollars("2.63")


@pytest.mark.parametrize("gpus_per_node", [None, 0])
def test_a_node_price_without_its_gpus_is_refused(gpus_per_node: int | None) -> None:
    with pytest.raises(ValueError, match="gpus_per_node"):
        price_per_gpu_hour(dollars("21"), PriceBasis.PER_NODE_HOUR, gpus_per_node=gpus_per_node)


def year_of(gpus: int, price: str) -> PricedHours:
    held = gpu_hours(gpus, start=date(2026, 1, 1), end=date(2027, 1, 1))
    return PricedHours(price_per_gpu_hour=dollars(price), gpu_hours=held)


def test_the_blended_price_is_weighted_by_hours() -> None:
    blended = blended_price([year_of(1024, "2.63"), year_of(2048, "3.90"), year_of(512, "4.40")])

    assert blended is not None
    assert blended.rounded(4) == dollars("3.6086")


@given(parts=st.lists(st.tuples(prices, hours), min_size=1, max_size=6))
def test_a_blend_lies_between_its_cheapest_and_its_dearest_part(
    parts: list[tuple[Money, Decimal]],
) -> None:
    held = [PricedHours(price_per_gpu_hour=p, gpu_hours=h) for p, h in parts]

    blended = blended_price(held)

    asked = sorted(p.amount for p, h in parts if h)
    if not asked:
        assert blended is None
    else:
        assert blended is not None
        slack = Decimal("1e-20")
        assert asked[0] - slack <= blended.amount <= asked[-1] + slack


def test_nothing_committed_has_no_price() -> None:
    assert blended_price([]) is None


def test_dollars_and_euros_have_no_blend() -> None:
    euros = PricedHours(
        price_per_gpu_hour=Money(Decimal(4), Currency("EUR")), gpu_hours=Decimal(10)
    )

    with pytest.raises(CurrencyMismatchError):
        blended_price([year_of(8, "4"), euros])


def test_hours_below_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="zero or more"):
        PricedHours(price_per_gpu_hour=dollars("4"), gpu_hours=Decimal(-1))


@given(price=prices, committed=hours, busy=fractions, take_or_pay=fractions)
def test_used_and_idle_make_the_total(
    price: Money, committed: Decimal, busy: Decimal, take_or_pay: Decimal
) -> None:
    used = committed * busy

    cost = cost_of_use(
        price,
        committed_gpu_hours=committed,
        used_gpu_hours=used,
        take_or_pay_fraction=take_or_pay,
    )

    assert cost.used + cost.idle == cost.total
    assert cost.total == price * max(used, committed * take_or_pay)
    assert cost.idle.amount >= 0


@given(price=prices, committed=hours, busy=fractions)
def test_with_full_take_or_pay_the_idle_share_of_the_cost_is_the_idle_share_of_the_hours(
    price: Money, committed: Decimal, busy: Decimal
) -> None:
    cost = cost_of_use(price, committed_gpu_hours=committed, used_gpu_hours=committed * busy)

    assert cost.idle == price * committed * (1 - busy)


def test_take_or_pay_of_four_fifths_forgives_the_last_fifth() -> None:
    cost = cost_of_use(
        dollars("2"),
        committed_gpu_hours=Decimal(100),
        used_gpu_hours=Decimal(50),
        take_or_pay_fraction=Decimal("0.8"),
    )

    assert (cost.total, cost.idle, cost.effective_price) == (
        dollars("160"),
        dollars("60"),
        dollars("3.2"),
    )


def test_without_use_there_is_no_price_per_used_hour() -> None:
    cost = cost_of_use(dollars("2"), committed_gpu_hours=Decimal(100), used_gpu_hours=Decimal(0))

    assert cost.effective_price is None
    assert cost.idle == dollars("200")


@pytest.mark.parametrize("used", ["-1", "101"])
def test_use_beyond_the_commitment_is_refused(used: str) -> None:
    with pytest.raises(ValueError, match="burst"):
        cost_of_use(dollars("2"), committed_gpu_hours=Decimal(100), used_gpu_hours=Decimal(used))


def test_take_or_pay_is_a_fraction() -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        cost_of_use(
            dollars("2"),
            committed_gpu_hours=Decimal(100),
            used_gpu_hours=Decimal(50),
            take_or_pay_fraction=Decimal(80),
        )


@given(price=prices, months=st.integers(1, 60), rate=fractions)
@settings(max_examples=40, deadline=None)
def test_without_prepayment_the_levelised_price_is_the_price(
    price: Money, months: int, rate: Decimal
) -> None:
    worth = levelised_price(
        price, term_months=months, prepaid_fraction=Decimal(0), annual_rate=rate
    )

    assert worth == price


@given(price=prices, months=st.integers(1, 60), prepaid=fractions)
@settings(max_examples=40, deadline=None)
def test_when_money_is_free_prepayment_changes_nothing(
    price: Money, months: int, prepaid: Decimal
) -> None:
    worth = levelised_price(
        price, term_months=months, prepaid_fraction=prepaid, annual_rate=Decimal(0)
    )

    assert worth == price


@given(price=prices, months=st.integers(1, 60), prepaid=st.tuples(fractions, fractions))
@settings(max_examples=40, deadline=None)
def test_the_more_is_prepaid_the_dearer_it_is(
    price: Money, months: int, prepaid: tuple[Decimal, Decimal]
) -> None:
    less, more = (
        levelised_price(
            price, term_months=months, prepaid_fraction=part, annual_rate=Decimal("0.10")
        )
        for part in sorted(prepaid)
    )

    assert less <= more


@pytest.mark.parametrize(
    ("months", "prepaid", "rate", "complaint"),
    [
        (0, "0.2", "0.1", "one month"),
        (12, "20", "0.1", "fraction"),
        (12, "0.2", "-1", "above -1"),
    ],
)
def test_impossible_payment_terms_are_refused(
    months: int, prepaid: str, rate: str, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        levelised_price(
            dollars("5.10"),
            term_months=months,
            prepaid_fraction=Decimal(prepaid),
            annual_rate=Decimal(rate),
        )


@given(price=prices, market=prices, remaining=hours)
def test_what_a_contract_is_worth_to_us_it_costs_the_supplier(
    price: Money, market: Money, remaining: Decimal
) -> None:
    ours = mark_to_market(price, market, remaining_gpu_hours=remaining)
    theirs = mark_to_market(market, price, remaining_gpu_hours=remaining)

    assert ours == -theirs


def test_later_hours_are_worth_less() -> None:
    worth = mark_to_market(
        dollars("2"),
        dollars("3"),
        remaining_gpu_hours=Decimal(100),
        discount_factor=Decimal("0.9"),
    )

    assert worth == dollars("90")


def test_an_old_gpu_costs_more_per_b200_hour_than_it_seems() -> None:
    assert price_per_b200_hour(dollars("2.10"), b200_factor=Decimal("0.40")) == dollars("5.25")


def test_a_gpu_without_a_factor_has_no_b200_price() -> None:
    with pytest.raises(ValueError, match="above zero"):
        price_per_b200_hour(dollars("2.10"), b200_factor=Decimal(0))


def test_one_cent_is_thirteen_million_a_year_at_full_scale() -> None:
    year = gpu_hours(150_000, start=date(2026, 10, 1), end=date(2027, 10, 1))

    assert dollars("0.01") * year == dollars("13140000")
    assert dollars("4.40") * year == dollars("5781600000")
