"""The risk score is a sum of its parts, and a range while a part is unknown."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import BadInputError
from broker.renewals.risk import WEIGHTS, RiskFactor, RiskInputs, risk_score
from pricing.money import Money

prices = st.decimals(min_value=Decimal("0.05"), max_value=50, places=2).map(Money)
inputs = st.builds(
    RiskInputs,
    price_now=st.none() | prices,
    offer=st.none() | prices,
    benchmark=st.none() | prices,
    year_gpu_hours=st.integers(min_value=0, max_value=10**9).map(Decimal),
    days_to_notice=st.none() | st.integers(min_value=-400, max_value=400),
    annual_gpu_spend=st.none() | st.integers(1, 10**10).map(lambda usd: Money(Decimal(usd))),
    replacement_lead_days=st.none() | st.integers(min_value=0, max_value=900),
    days_to_end=st.integers(min_value=-30, max_value=900),
)


def given_renewal() -> RiskInputs:
    return RiskInputs(
        price_now=Money(Decimal("2.63")),
        offer=Money(Decimal("5.10")),
        benchmark=Money(Decimal("4.40")),
        year_gpu_hours=Decimal(8_970_240),
        days_to_notice=48,
        annual_gpu_spend=Money(Decimal(250_000_000)),
        replacement_lead_days=450,
        days_to_end=139,
    )


def value_of(renewal: RiskInputs, factor: RiskFactor) -> Decimal | None:
    return risk_score(renewal).part(factor).value


def test_the_weights_make_a_hundred() -> None:
    assert sum(WEIGHTS.values()) == 100
    assert set(WEIGHTS) == set(RiskFactor)


@given(renewal=inputs)
def test_a_score_stays_within_a_hundred_and_is_the_sum_of_its_parts(renewal: RiskInputs) -> None:
    score = risk_score(renewal)

    assert 0 <= score.low <= score.high <= 100
    assert [part.factor for part in score.parts] == list(RiskFactor)
    width = sum(WEIGHTS[factor] for factor in score.unknown)
    # The parts are quotients of 28 digits, so their sums agree to that and no further.
    assert abs(score.high - score.low - width) < Decimal("1e-20")
    assert (score.value is None) == bool(score.unknown)
    if score.value is not None:
        assert score.value == score.low == score.high


@given(renewal=inputs, learned=inputs)
def test_learning_what_was_unknown_never_leaves_the_range(
    renewal: RiskInputs, learned: RiskInputs
) -> None:
    before = risk_score(renewal)
    after = risk_score(
        replace(
            renewal,
            days_to_notice=_known(renewal.days_to_notice, learned.days_to_notice),
            replacement_lead_days=_known(
                renewal.replacement_lead_days, learned.replacement_lead_days
            ),
            annual_gpu_spend=renewal.annual_gpu_spend or learned.annual_gpu_spend,
            price_now=renewal.price_now or learned.price_now,
        )
    )

    assert before.low <= after.low
    assert after.high <= before.high


def _known(first: int | None, second: int | None) -> int | None:
    return second if first is None else first


def test_without_an_offer_the_benchmark_stands_in_for_it() -> None:
    renewal = replace(given_renewal(), offer=None)

    assert risk_score(renewal) == risk_score(replace(renewal, offer=renewal.benchmark))
    assert value_of(renewal, RiskFactor.MARKET_PREMIUM) == 0
    hike = value_of(renewal, RiskFactor.HIKE)
    assert hike is not None
    assert hike.quantize(Decimal("0.01")) == Decimal("0.67")


def test_without_a_benchmark_only_the_premium_is_unknown() -> None:
    score = risk_score(replace(given_renewal(), benchmark=None))

    assert score.unknown == (RiskFactor.MARKET_PREMIUM,)
    assert score.value is None
    assert score.high - score.low == 15


def test_without_offer_and_benchmark_all_that_hangs_on_a_price_is_unknown() -> None:
    score = risk_score(replace(given_renewal(), offer=None, benchmark=None))

    assert score.unknown == (RiskFactor.HIKE, RiskFactor.MARKET_PREMIUM, RiskFactor.SPEND)


@pytest.mark.parametrize(
    ("days", "value"), [(180, "0"), (400, "0"), (90, "0.5"), (0, "1"), (-5, "1")]
)
def test_time_runs_out_over_half_a_year(days: int, value: str) -> None:
    renewal = replace(given_renewal(), days_to_notice=days)

    assert value_of(renewal, RiskFactor.TIME) == Decimal(value)


@pytest.mark.parametrize(
    ("lead", "left", "value"), [(0, 139, "0"), (50, 100, "0.5"), (450, 139, "1"), (1, 0, "1")]
)
def test_what_cannot_be_replaced_in_time_is_at_risk(lead: int, left: int, value: str) -> None:
    renewal = replace(given_renewal(), replacement_lead_days=lead, days_to_end=left)

    assert value_of(renewal, RiskFactor.AVAILABILITY) == Decimal(value)


def test_a_cheaper_offer_is_no_risk_by_its_price() -> None:
    renewal = replace(given_renewal(), offer=Money(Decimal("2.00")))

    assert value_of(renewal, RiskFactor.HIKE) == 0
    assert value_of(renewal, RiskFactor.MARKET_PREMIUM) == 0


def test_a_spend_of_zero_is_not_a_spend() -> None:
    with pytest.raises(BadInputError, match="leave it out"):
        risk_score(replace(given_renewal(), annual_gpu_spend=Money(Decimal(0))))
