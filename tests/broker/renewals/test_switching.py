"""Switching pays back at break-even, and gains nothing at the walk-away price."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import BadInputError
from broker.renewals.switching import (
    SwitchCost,
    compare_switching,
    double_running_cost,
    latest_double_running_start,
)
from pricing.money import Money

prices = st.decimals(min_value=Decimal("0.05"), max_value=50, places=6).map(Money)
amounts = st.decimals(min_value=0, max_value=10**8, places=2).map(Money)
costs = st.builds(
    SwitchCost,
    migration_work=amounts,
    double_running=amounts,
    egress=amounts,
    early_termination_fee=amounts,
    lost_prepayment=amounts,
)
gpu_counts = st.integers(min_value=1, max_value=150_000)
terms = st.integers(min_value=24, max_value=60 * 744).map(Decimal)

SLACK = Decimal("1e-12")


@given(offer=prices, alternative=prices, cost=costs, gpus=gpu_counts, term_hours=terms)
def test_at_the_walk_away_price_switching_gains_exactly_nothing(
    offer: Money, alternative: Money, cost: SwitchCost, gpus: int, term_hours: Decimal
) -> None:
    walk_away = compare_switching(
        offer=offer, alternative=alternative, cost=cost, gpus=gpus, term_hours=term_hours
    ).walk_away_price

    there = compare_switching(
        offer=walk_away, alternative=alternative, cost=cost, gpus=gpus, term_hours=term_hours
    )

    assert abs(there.net_gain.amount) < SLACK


@given(offer=prices, alternative=prices, cost=costs, gpus=gpu_counts, term_hours=terms)
def test_break_even_hours_of_saving_pay_the_switch_cost(
    offer: Money, alternative: Money, cost: SwitchCost, gpus: int, term_hours: Decimal
) -> None:
    switching = compare_switching(
        offer=offer, alternative=alternative, cost=cost, gpus=gpus, term_hours=term_hours
    )

    if switching.break_even_hours is None:
        assert offer <= alternative
        assert switching.break_even_days is None
        return
    assert offer > alternative
    paid_back = switching.saving_per_hour * switching.break_even_hours
    assert abs((paid_back - cost.total).amount) < SLACK
    assert switching.break_even_days == switching.break_even_hours / 24


@given(offer=prices, alternative=prices, cost=costs, gpus=gpu_counts, term_hours=terms)
def test_switching_gains_only_when_it_pays_back_within_the_term(
    offer: Money, alternative: Money, cost: SwitchCost, gpus: int, term_hours: Decimal
) -> None:
    switching = compare_switching(
        offer=offer, alternative=alternative, cost=cost, gpus=gpus, term_hours=term_hours
    )

    if switching.net_gain.amount > SLACK:
        assert switching.break_even_hours is not None
        assert switching.break_even_hours < term_hours
        assert offer > switching.walk_away_price


@pytest.mark.parametrize(
    "part",
    ["migration_work", "double_running", "egress", "early_termination_fee", "lost_prepayment"],
)
def test_every_part_counts_in_the_switch_cost(part: str) -> None:
    nothing = Money(Decimal(0))
    free = SwitchCost(
        migration_work=nothing,
        double_running=nothing,
        egress=nothing,
        early_termination_fee=nothing,
        lost_prepayment=nothing,
    )

    assert free.total == nothing
    assert replace(free, **{part: Money(Decimal(7))}).total == Money(Decimal(7))


def test_an_alternative_that_costs_as_much_never_pays_back() -> None:
    nothing = Money(Decimal(0))
    cost = SwitchCost(
        migration_work=Money(Decimal(100)),
        double_running=nothing,
        egress=nothing,
        early_termination_fee=nothing,
        lost_prepayment=nothing,
    )

    switching = compare_switching(
        offer=Money(Decimal(4)),
        alternative=Money(Decimal(4)),
        cost=cost,
        gpus=8,
        term_hours=Decimal(8760),
    )

    assert switching.break_even_hours is None
    assert switching.net_gain == Money(Decimal(-100))


def test_double_running_ends_with_the_old_contract() -> None:
    end = date(2026, 10, 1)

    assert latest_double_running_start(end, days=21) == date(2026, 9, 10)
    assert latest_double_running_start(end, days=0) == end


def test_running_for_fewer_than_no_days_is_refused() -> None:
    with pytest.raises(BadInputError, match="zero or more"):
        double_running_cost(Money(Decimal(4)), days=-1, gpus=8)


@pytest.mark.parametrize(("gpus", "hours"), [(0, "8760"), (8, "0")])
def test_switching_nothing_is_refused(gpus: int, hours: str) -> None:
    nothing = Money(Decimal(0))
    cost = SwitchCost(
        migration_work=nothing,
        double_running=nothing,
        egress=nothing,
        early_termination_fee=nothing,
        lost_prepayment=nothing,
    )

    with pytest.raises(BadInputError, match="at least one GPU"):
        compare_switching(
            offer=Money(Decimal(5)),
            alternative=Money(Decimal(4)),
            cost=cost,
            gpus=gpus,
            term_hours=Decimal(hours),
        )
