"""Benchmarks compare like with like, one value per supplier, without the one we negotiate with."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.market import (
    MINIMUM_SUPPLIERS,
    Benchmark,
    BenchmarkKey,
    NoBenchmark,
    Observation,
    SourceKind,
    Widening,
    benchmark,
    standing,
)
from pricing.money import Currency, CurrencyMismatchError, Money
from pricing.tenor import Tenor

TODAY = date(2026, 5, 15)
KEY = BenchmarkKey(
    source=SourceKind.QUOTE,
    gpu_model="B200",
    form_factor="SXM",
    tenor=Tenor.MONTHS_10_TO_18,
    region_group="us",
    tier="neocloud",
)


def dollars(price: str) -> Money:
    return Money(Decimal(price))


def seen(supplier: str, price: str = "4.40", *, days_ago: int = 0) -> Observation:
    return Observation(
        supplier=supplier,
        source=SourceKind.QUOTE,
        gpu_model="B200",
        form_factor="SXM",
        tenor=Tenor.MONTHS_10_TO_18,
        region_group="us",
        tier="neocloud",
        price_per_gpu_hour=dollars(price),
        observed_on=TODAY - timedelta(days=days_ago),
        reference=f"{supplier} at {price}, {days_ago} days ago",
    )


def suppliers(number: int) -> list[Observation]:
    return [seen(f"s{n}", f"4.{n}0") for n in range(number)]


def found(observations: list[Observation], *, leave_out: str | None = None) -> Benchmark:
    answer = benchmark(observations, key=KEY, as_of=TODAY, leave_out=leave_out)
    assert isinstance(answer, Benchmark)
    return answer


def missing(observations: list[Observation], *, leave_out: str | None = None) -> NoBenchmark:
    answer = benchmark(observations, key=KEY, as_of=TODAY, leave_out=leave_out)
    assert isinstance(answer, NoBenchmark)
    return answer


observations = st.lists(
    st.builds(
        Observation,
        supplier=st.sampled_from([f"s{n}" for n in range(8)]),
        source=st.sampled_from(SourceKind),
        gpu_model=st.sampled_from(["B200", "B200", "H100"]),
        form_factor=st.sampled_from(["SXM", "SXM", None]),
        tenor=st.sampled_from([Tenor.MONTHS_10_TO_18, Tenor.MONTHS_10_TO_18, Tenor.ON_DEMAND]),
        region_group=st.sampled_from(["us", "us", "eu", None]),
        tier=st.sampled_from(["neocloud", "neocloud", "hyperscaler", None]),
        price_per_gpu_hour=st.decimals(min_value=1, max_value=9, places=1).map(Money),
        observed_on=st.integers(min_value=-3, max_value=60).map(
            lambda days: TODAY - timedelta(days=days)
        ),
        reference=st.sampled_from(["mail", "call"]),
    ),
    max_size=40,
)


@given(data=st.data(), known=observations)
@settings(max_examples=60, deadline=None)
def test_the_order_in_which_prices_arrive_does_not_matter(
    data: st.DataObject, known: list[Observation]
) -> None:
    shuffled = data.draw(st.permutations(known))

    assert benchmark(known, key=KEY, as_of=TODAY, leave_out="s0") == benchmark(
        shuffled, key=KEY, as_of=TODAY, leave_out="s0"
    )


@given(known=observations)
@settings(max_examples=100, deadline=None)
def test_a_benchmark_never_breaks_its_promises(known: list[Observation]) -> None:
    answer = benchmark(known, key=KEY, as_of=TODAY, leave_out="s0")

    if isinstance(answer, NoBenchmark):
        assert answer.found < MINIMUM_SUPPLIERS
        return
    counted = [*answer.members, *answer.dropped]
    assert max(Counter(one.supplier for one in counted).values()) == 1
    assert "s0" not in {one.supplier for one in counted}
    assert {(one.source, one.gpu_model, one.form_factor) for one in counted} == {
        (KEY.source, KEY.gpu_model, KEY.form_factor)
    }
    assert all(0 <= (TODAY - one.observed_on).days <= 45 for one in counted)
    assert answer.n >= MINIMUM_SUPPLIERS
    assert answer.members[0].price_per_gpu_hour <= answer.q1 <= answer.median
    assert answer.median <= answer.q3 <= answer.members[-1].price_per_gpu_hour


@given(known=observations, price=st.decimals(min_value=1, max_value=9, places=2))
@settings(max_examples=60, deadline=None)
def test_the_supplier_under_negotiation_cannot_move_the_benchmark(
    known: list[Observation], price: Decimal
) -> None:
    own = replace(seen("s0"), price_per_gpu_hour=Money(price))

    assert benchmark([*known, own], key=KEY, as_of=TODAY, leave_out="s0") == benchmark(
        known, key=KEY, as_of=TODAY, leave_out="s0"
    )


@given(known=observations)
@settings(max_examples=60, deadline=None)
def test_public_lists_never_move_a_benchmark_of_quotes(known: list[Observation]) -> None:
    quotes = [one for one in known if one.source is SourceKind.QUOTE]

    assert benchmark(known, key=KEY, as_of=TODAY, leave_out=None) == benchmark(
        quotes, key=KEY, as_of=TODAY, leave_out=None
    )


def test_a_supplier_counts_once_with_its_latest_price() -> None:
    market = found([*suppliers(5), seen("s0", "9.90", days_ago=3), seen("s0", "8.80", days_ago=9)])

    assert market.n == 5
    assert market.members[0].price_per_gpu_hour == dollars("4.00")


def test_of_two_prices_on_one_day_the_lower_counts() -> None:
    market = found([*suppliers(5), seen("s0", "3.90"), seen("s0", "4.05")])

    assert market.members[0].price_per_gpu_hour == dollars("3.90")


def test_a_price_45_days_old_still_counts_and_an_older_one_does_not() -> None:
    assert found([*suppliers(4), seen("s9", days_ago=45)]).n == 5
    assert missing([*suppliers(4), seen("s9", days_ago=46)]).found == 4


def test_a_price_seen_later_does_not_change_an_earlier_benchmark() -> None:
    assert missing([*suppliers(4), seen("s9", days_ago=-1)]).found == 4


def test_a_price_far_from_all_others_is_dropped_and_shown() -> None:
    market = found([*suppliers(5), seen("typo", "44.00")])

    assert [one.supplier for one in market.dropped] == ["typo"]
    assert market.n == 5
    assert market.median == dollars("4.20")


@pytest.mark.parametrize(("price", "dropped"), [("5.36195", 0), ("5.36196", 1)])
def test_a_price_may_lie_five_scaled_mads_from_the_median(price: str, dropped: int) -> None:
    # With it the median is 4.25 and the MAD 0.15: the limit is 4.25 + 5 x 1.4826 x 0.15.
    market = found([*suppliers(5), seen("dear", price)])

    assert len(market.dropped) == dropped


def test_dropping_an_outlier_can_leave_too_few() -> None:
    answer = missing([*suppliers(4), seen("typo", "44.00")])

    assert answer.found == 4


def test_nothing_is_dropped_when_most_ask_the_same() -> None:
    same = [seen(f"s{n}", "4.40") for n in range(5)]

    market = found([*same, seen("dear", "9.90")])

    assert market.mad == dollars("0")
    assert market.dropped == ()
    assert market.n == 6


def test_the_key_is_widened_by_region_then_tenor_then_tier() -> None:
    abroad = replace(seen("abroad"), region_group="eu")
    shorter = replace(seen("shorter"), tenor=Tenor.MONTHS_4_TO_9)
    longer = replace(seen("longer"), tenor=Tenor.MONTHS_19_TO_36)
    large = replace(seen("large"), tier="hyperscaler", region_group="eu")

    assert found([*suppliers(5), abroad]).widened == ()
    assert found([*suppliers(4), abroad, shorter]).widened == (Widening.REGION,)
    by_tenor = found([*suppliers(2), abroad, shorter, longer, large])
    assert by_tenor.widened == (Widening.REGION, Widening.TENOR)
    by_tier = found([*suppliers(1), abroad, shorter, longer, large])
    assert by_tier.widened == (Widening.REGION, Widening.TENOR, Widening.TIER)


def test_the_tenor_is_widened_by_one_bucket_only() -> None:
    far = replace(seen("far"), tenor=Tenor.OVER_36_MONTHS)

    assert missing([*suppliers(4), far]).found == 4


def test_widening_adds_suppliers_and_leaves_the_closer_values_alone() -> None:
    elsewhere = replace(seen("s0", "9.00"), region_group="eu")
    here = seen("s0", "4.00", days_ago=20)
    abroad = replace(seen("abroad", "4.90"), region_group="eu")

    market = found([*suppliers(4)[1:], here, elsewhere, abroad])

    assert market.widened == (Widening.REGION,)
    assert {one.supplier: one for one in market.members}["s0"] is here


def test_the_form_factor_is_never_widened() -> None:
    card = replace(seen("card"), form_factor="PCIe")

    assert missing([*suppliers(4), card]).found == 4


def test_an_unknown_attribute_does_not_meet_a_stated_one() -> None:
    no_form = replace(seen("s9"), form_factor=None)
    no_region = replace(seen("s9"), region_group=None)
    no_tier = replace(seen("s9"), tier=None)

    assert missing([*suppliers(4), no_form]).found == 4
    assert found([*suppliers(4), no_region]).widened == (Widening.REGION,)
    assert Widening.TIER in found([*suppliers(4), no_tier]).widened


def test_an_open_key_takes_any_value_and_is_not_said_to_be_widened() -> None:
    anything = replace(KEY, form_factor=None, region_group=None, tier=None)
    vague = [replace(one, form_factor=None, region_group=None, tier=None) for one in suppliers(2)]
    others = [seen("s7"), seen("s8"), replace(seen("s9"), region_group="eu")]

    answer = benchmark([*vague, *others], key=anything, as_of=TODAY, leave_out=None)

    assert isinstance(answer, Benchmark)
    assert answer.widened == ()
    alone = benchmark(vague, key=anything, as_of=TODAY, leave_out=None)
    assert isinstance(alone, NoBenchmark)
    assert [attempt.widened for attempt in alone.tried] == [(), (Widening.TENOR,)]


def test_too_few_suppliers_is_an_answer_that_says_what_was_tried() -> None:
    answer = missing([*suppliers(3), replace(seen("abroad"), region_group="eu")])

    assert answer.found == 4
    assert [attempt.n for attempt in answer.tried] == [3, 4, 4, 4]


def test_an_empty_market_has_no_benchmark() -> None:
    assert missing([]).found == 0


def test_prices_in_two_currencies_are_not_compared() -> None:
    euros = replace(seen("s9"), price_per_gpu_hour=Money(Decimal(4), Currency("EUR")))

    with pytest.raises(CurrencyMismatchError, match="dated exchange rates"):
        found([*suppliers(5), euros])


def test_a_free_gpu_is_not_an_observation() -> None:
    with pytest.raises(ValueError, match="above zero"):
        seen("s9", "0")


def test_a_price_equal_to_another_is_not_above_it() -> None:
    market = found(suppliers(5))

    assert str(standing(dollars("4.20"), market)) == "above 2 of 5"
    assert standing(dollars("9"), market).above == 5
