"""What a GPU-hour of a line costs, with what was paid in advance and beyond what is owed anyway."""

from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from broker.capacity.supply_price import UNPRICED, GpuHourPrices, in_dollars, prices_of
from broker.contracts.fold import fold
from broker.contracts.line import Line
from pricing.commitment import levelised_price
from pricing.fx import FxRate, FxTable
from pricing.money import USD, Currency, Money
from tests.builders import MAY_15, chained, contract_recorded, line_recorded, some_terms

RATE = Decimal("0.10")
EUR = Currency("EUR")


def a_line(**terms: Any) -> Line:
    return fold(chained(contract_recorded(), line_recorded(some_terms(**terms)))).lines[0]


def prices(on: date = MAY_15, rate: Decimal | None = RATE, **terms: Any) -> GpuHourPrices:
    return prices_of(a_line(**terms), on=on, annual_rate=rate)


def usd(amount: str) -> Money:
    return Money(Decimal(amount), USD)


def test_a_line_paid_as_used_costs_its_price_for_every_hour() -> None:
    assert prices() == GpuHourPrices(marginal=usd("2.63"), effective=usd("2.63"))


def test_what_take_or_pay_makes_us_pay_anyway_costs_nothing_more_to_use() -> None:
    assert prices(take_or_pay_pct=Decimal(100)).marginal == usd("0")
    assert prices(take_or_pay_pct=Decimal(80)).marginal == usd("0.526")


def test_prepayment_raises_the_effective_price_as_it_does_in_a_brief() -> None:
    levelised = levelised_price(
        usd("2.63"), term_months=12, prepaid_fraction=Decimal("0.2"), annual_rate=RATE
    ).rounded(6)

    assert prices(prepay_pct=Decimal(20)).effective == levelised
    assert levelised > usd("2.63")


def test_a_prepaid_line_has_no_known_price_while_nobody_states_our_rate() -> None:
    assert prices(rate=None, prepay_pct=Decimal(20)) == UNPRICED
    fully = prices(rate=None, prepay_pct=Decimal(20), take_or_pay_pct=Decimal(100))
    assert (fully.marginal, fully.effective) == (usd("0"), None)


def test_before_the_term_the_first_price_counts_and_after_it_the_last() -> None:
    assert prices(on=date(2025, 1, 1)).effective == usd("2.63")
    assert prices(on=date(2026, 10, 1)).effective == usd("2.63")


@given(
    price=st.decimals(min_value="0.01", max_value="20", places=6),
    owed=st.none() | st.integers(min_value=0, max_value=100).map(Decimal),
    prepaid=st.integers(min_value=0, max_value=100).map(Decimal),
)
def test_one_more_hour_never_costs_more_than_an_hour_with_its_prepayment(
    price: Decimal, owed: Decimal | None, prepaid: Decimal
) -> None:
    found = prices(unit_price=price, take_or_pay_pct=owed, prepay_pct=prepaid)

    assert found.marginal is not None
    assert found.effective is not None
    assert Decimal(0) <= found.marginal.amount <= found.effective.amount
    assert found.effective.amount >= price


def test_dollars_come_from_a_dated_rate_or_not_at_all() -> None:
    day = date(2026, 5, 12)
    rates = FxTable([FxRate(base=EUR, quote=USD, on=day, rate=Decimal("1.25"), source="ECB")])
    euros = Money(Decimal("2.00"), EUR)

    assert in_dollars(euros, rates, on=MAY_15, max_age_days=7) == Decimal("2.50")
    assert in_dollars(euros, rates, on=MAY_15, max_age_days=2) is None
    assert in_dollars(usd("2.63"), rates, on=MAY_15, max_age_days=0) == Decimal("2.63")
    assert in_dollars(None, rates, on=MAY_15, max_age_days=7) is None
