"""What to do about an offer: never above the walk-away price, never a move that cannot be made."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.renewals.recommendation import (
    ROUND_DAYS,
    Action,
    Situation,
    WayOut,
    decision_day,
    recommend,
)
from pricing.money import Money

MAY_15 = date(2026, 5, 15)
JUNE_14 = date(2026, 6, 14)
JULY_2 = date(2026, 7, 2)
SEPTEMBER_30 = date(2026, 9, 30)


def usd(amount: str) -> Money:
    return Money(Decimal(amount))


SAGEBRUSH = WayOut(
    supplier="Sagebrush",
    price=usd("4.40"),
    walk_away=usd("4.6743"),
    start_by=date(2026, 9, 10),
    valid_until=date(2026, 6, 30),
)
STORY = Situation(
    as_of=MAY_15,
    supplier="Harbor",
    settled=None,
    offer=usd("5.10"),
    benchmark=usd("4.40"),
    way_out=SAGEBRUSH,
    valid_until=JUNE_14,
    notice_due=JULY_2,
    last_day=SEPTEMBER_30,
)


def test_the_story_counters_at_the_market_and_knows_where_to_stop() -> None:
    advice = recommend(STORY)

    assert advice.action is Action.COUNTER
    assert advice.counter_at == usd("4.40")
    assert advice.walk_away_above == usd("4.6743")
    assert advice.switch_to == "Sagebrush"
    assert advice.start_double_running_by == date(2026, 9, 10)
    assert advice.decide_by == JUNE_14


def test_an_offer_at_the_market_is_accepted() -> None:
    advice = recommend(replace(STORY, offer=usd("4.40")))

    assert advice.action is Action.ACCEPT


def test_an_offer_over_the_market_but_under_the_limit_is_countered_without_a_threat() -> None:
    advice = recommend(replace(STORY, offer=usd("4.60")))

    assert advice.action is Action.COUNTER
    assert advice.switch_to is None
    assert any("4.60 USD is still better than leaving" in reason for reason in advice.reasons)


def test_with_no_time_for_another_round_the_limit_decides() -> None:
    late = replace(STORY, as_of=JUNE_14 - timedelta(days=ROUND_DAYS - 1))

    assert recommend(late).action is Action.SWITCH
    assert recommend(replace(late, offer=usd("4.60"))).action is Action.ACCEPT


def test_a_market_above_the_limit_is_not_what_we_ask_for() -> None:
    advice = recommend(replace(STORY, benchmark=usd("5.00")))

    assert advice.counter_at == usd("4.40")


def test_without_a_way_out_we_counter_at_the_market_and_say_what_is_missing() -> None:
    advice = recommend(replace(STORY, way_out=None))

    assert advice.action is Action.COUNTER
    assert advice.counter_at == usd("4.40")
    assert advice.walk_away_above is None
    assert any("availability" in reason for reason in advice.reasons)


def test_without_a_benchmark_the_way_out_is_the_measure() -> None:
    advice = recommend(replace(STORY, benchmark=None))

    assert advice.action is Action.COUNTER
    assert advice.counter_at == usd("4.40")


def test_with_nothing_to_measure_by_no_number_is_invented() -> None:
    advice = recommend(replace(STORY, benchmark=None, way_out=None))

    assert advice.action is Action.DECIDE_LATER
    assert advice.counter_at is None
    assert advice.walk_away_above is None
    assert "quotes" in advice.headline


def test_a_way_out_of_unknown_cost_gives_no_limit() -> None:
    advice = recommend(replace(STORY, way_out=replace(SAGEBRUSH, walk_away=None)))

    assert advice.action is Action.COUNTER
    assert advice.walk_away_above is None
    assert any("what moving costs is not stated" in reason for reason in advice.reasons)


def test_without_an_offer_one_is_asked_for() -> None:
    advice = recommend(replace(STORY, offer=None, valid_until=None))

    assert advice.action is Action.DECIDE_LATER
    assert advice.decide_by == JULY_2
    assert any("market asks 4.40 USD" in reason for reason in advice.reasons)


def test_a_settled_renewal_needs_nothing() -> None:
    assert recommend(replace(STORY, settled="accepted")).action is Action.SETTLED


def test_an_offer_that_cannot_be_weighed_is_not_answered() -> None:
    advice = recommend(replace(STORY, offer=None, blocked="no rate for prepayment"))

    assert advice.action is Action.DECIDE_LATER
    assert advice.reasons == ("no rate for prepayment",)


@pytest.mark.parametrize(
    ("as_of", "day"),
    [
        (MAY_15, JUNE_14),
        (JUNE_14, JUNE_14),
        (JUNE_14 + timedelta(days=1), JULY_2),
        (JULY_2 + timedelta(days=1), SEPTEMBER_30),
    ],
)
def test_the_day_to_decide_is_the_next_that_is_still_to_come(as_of: date, day: date) -> None:
    assert decision_day(replace(STORY, as_of=as_of)).on == day


def test_a_way_out_that_lapses_sooner_brings_the_decision_forward() -> None:
    sooner = replace(SAGEBRUSH, valid_until=date(2026, 6, 1))

    advice = recommend(replace(STORY, way_out=sooner))

    assert advice.decide_by == date(2026, 6, 1)
    assert "Sagebrush" in advice.decide_because


prices = st.decimals(min_value="0.5", max_value="9", places=4).map(Money)
days = st.dates(min_value=MAY_15, max_value=date(2026, 12, 31))


@st.composite
def ways_out(draw: st.DrawFn) -> WayOut:
    price = draw(prices)
    extra = draw(st.decimals(min_value=0, max_value=3, places=4))
    limit = Money(price.amount + extra)
    return WayOut(
        supplier="Sagebrush",
        price=price,
        walk_away=draw(st.sampled_from([limit, None])),
        start_by=draw(days),
        valid_until=draw(st.none() | days),
    )


situations = st.builds(
    Situation,
    as_of=days,
    supplier=st.just("Harbor"),
    settled=st.none(),
    offer=st.none() | prices,
    benchmark=st.none() | prices,
    way_out=st.none() | ways_out(),
    valid_until=st.none() | days,
    notice_due=st.none() | days,
    last_day=days,
    renews_by_itself=st.booleans(),
)


@given(situation=situations)
def test_it_never_pays_more_than_the_walk_away_price(situation: Situation) -> None:
    advice = recommend(situation)
    limit = situation.way_out.walk_away if situation.way_out else None

    if limit is not None and advice.counter_at is not None:
        assert advice.counter_at <= limit
    if limit is not None and advice.action is Action.ACCEPT:
        assert situation.offer is not None
        assert situation.offer <= limit


@given(situation=situations)
def test_it_never_counters_above_what_is_asked(situation: Situation) -> None:
    advice = recommend(situation)

    if advice.counter_at is not None:
        assert situation.offer is not None
        assert advice.counter_at < situation.offer


@given(situation=situations)
def test_it_never_switches_without_a_way_out_that_costs_less(situation: Situation) -> None:
    advice = recommend(situation)

    if advice.action is Action.SWITCH or advice.switch_to is not None:
        assert situation.way_out is not None
        assert situation.way_out.walk_away is not None
        assert situation.offer is not None
        assert situation.offer > situation.way_out.walk_away


@given(situation=situations)
def test_numbers_only_come_from_what_is_known(situation: Situation) -> None:
    advice = recommend(situation)

    if situation.benchmark is None and situation.way_out is None:
        assert advice.counter_at is None
        assert advice.action is Action.DECIDE_LATER
    if situation.offer is None:
        assert advice.action is Action.DECIDE_LATER


@given(situation=situations)
def test_the_day_to_decide_is_never_after_the_offer_lapses(situation: Situation) -> None:
    advice = recommend(situation)

    for day in (situation.valid_until, situation.notice_due):
        if day is not None and day >= situation.as_of:
            assert advice.decide_by <= day
