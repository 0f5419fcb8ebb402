"""A list price jumps when one product reaches a new highest level, and at no other time."""

import csv
import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.jump import JumpReason, JumpThresholds, PriceJump, find_jumps

START = date(2026, 3, 1)
MARKET_PRICES = Path(__file__).parents[3] / "shared" / "data" / "market-prices"

Days = Mapping[date, frozenset[Decimal]]


def listed(*runs: tuple[str, int]) -> dict[date, frozenset[Decimal]]:
    """Return a history from runs of ("2.99 3.49", days); an empty text is a day not seen."""
    texts = [text for text, days in runs for _ in range(days)]
    return {
        START + timedelta(days=offset): frozenset(Decimal(price) for price in text.split())
        for offset, text in enumerate(texts)
        if text
    }


def jump_days(days: Days) -> list[int]:
    return [(jump.on - START).days for jump in find_jumps(days)]


def test_a_repriced_gpu_is_reported_on_its_day() -> None:
    jumps = find_jumps(listed(("2.99", 13), ("4.41", 4)))

    assert jumps == (
        PriceJump(
            on=START + timedelta(days=13),
            from_price=Decimal("2.99"),
            to_price=Decimal("4.41"),
            rise=Decimal("4.41") / Decimal("2.99") - 1,
            within_days=1,
            reason=JumpReason.STEP,
        ),
    )


def test_the_weekend_rise_of_a_capacity_block_is_reported() -> None:
    # 34.61 to 39.80 is a hair under 15 %: the week's threshold catches what the step's does not.
    (jump,) = find_jumps(listed(("34.61", 20), ("39.80", 2)))

    assert (jump.reason, jump.within_days) == (JumpReason.WEEK, 1)


@pytest.mark.parametrize(("price", "expected"), [("1.0999", []), ("1.10", [10])])
def test_ten_percent_counts_and_less_does_not(price: str, expected: list[int]) -> None:
    assert jump_days(listed(("1.00", 10), (price, 5))) == expected


def test_a_slow_climb_is_reported_once_when_it_crosses() -> None:
    days = listed(("1.00", 10), ("1.03", 1), ("1.06", 1), ("1.09", 1), ("1.12", 1), ("1.15", 9))

    (jump,) = find_jumps(days)

    assert (jump.on - START).days == 13
    assert (jump.from_price, jump.within_days) == (Decimal("1.00"), 4)


def test_a_climb_that_goes_on_is_reported_again_at_the_next_crossing() -> None:
    days = listed(("1.00", 10), ("1.06", 1), ("1.12", 1), ("1.18", 1), ("1.24", 1))

    assert jump_days(days) == [11, 13]


def test_a_climb_slower_than_the_week_is_no_jump() -> None:
    days = listed(*((f"1.{percent:02d}", 4) for percent in range(0, 40, 4)))

    assert jump_days(days) == []


def test_a_price_that_falls_and_comes_back_is_no_jump() -> None:
    assert jump_days(listed(("4.00", 10), ("2.00", 10), ("4.00", 10), ("3.90", 2))) == []


def test_a_price_is_new_again_once_the_memory_has_passed() -> None:
    assert jump_days(listed(("4.00", 10), ("2.00", 31), ("4.00", 1))) == [41]


def test_the_last_day_of_the_memory_still_counts() -> None:
    assert jump_days(listed(("4.00", 10), ("2.00", 29), ("4.00", 1))) == []


def test_a_fall_ends_a_climb() -> None:
    days = listed(("1.00", 10), ("1.08", 1), ("1.00", 1), ("1.09", 1), ("1.11", 1))

    assert jump_days(days) == []


def test_a_reseller_that_flips_between_levels_is_quiet_once_known() -> None:
    flips = ("2.01", "4.20", "3.60", "2.01", "2.98", "4.20", "2.54")
    days = listed(*((level, 1) for level in flips * 6))

    assert jump_days(days) == []


def test_a_reseller_is_remembered_longer_than_a_provider_who_reprices() -> None:
    flips = listed(*[("2.00", 1), ("4.00", 1)] * 5, ("2.00", 40), ("4.00", 1))

    assert jump_days(flips) == []


def test_a_new_highest_level_of_a_reseller_is_a_jump() -> None:
    days = listed(*[("2.00", 1), ("4.00", 1)] * 6, ("5.00", 1))

    (jump,) = find_jumps(days)

    assert (jump.from_price, jump.to_price) == (Decimal("4.00"), Decimal("5.00"))


def test_a_little_more_than_its_highest_is_noise_for_a_reseller() -> None:
    assert jump_days(listed(*[("2.00", 1), ("4.00", 1)] * 6, ("4.50", 1))) == []


def test_a_dearer_product_beside_an_unchanged_one_is_no_jump() -> None:
    assert jump_days(listed(("1.00", 10), ("1.00 3.00", 10))) == []


def test_a_cheap_product_that_sells_out_is_no_jump() -> None:
    assert jump_days(listed(("1.00 3.00", 10), ("3.00", 5), ("1.00 3.00", 5))) == []


def test_a_cheaper_product_replaced_by_a_dearer_newcomer_days_later_is_no_jump() -> None:
    assert jump_days(listed(("1.00 3.00", 10), ("3.00", 2), ("3.00 3.90", 5))) == []


def test_the_cheap_one_of_two_products_may_jump_alone() -> None:
    (jump,) = find_jumps(listed(("0.80 1.66", 10), ("0.95 1.66", 3)))

    assert (jump.from_price, jump.to_price) == (Decimal("0.80"), Decimal("0.95"))


def test_a_whole_list_that_is_repriced_is_one_jump() -> None:
    days = listed(("1.00 2.00", 10), ("1.30 2.20", 3))

    (jump,) = find_jumps(days)

    assert jump.to_price == Decimal("1.30")


def test_products_that_all_rise_keep_their_order() -> None:
    (jump,) = find_jumps(listed(("1.00 2.00", 10), ("1.90 2.50", 3)))

    assert (jump.from_price, jump.to_price) == (Decimal("1.00"), Decimal("1.90"))


def test_a_jump_is_seen_although_another_product_left_the_same_day() -> None:
    (jump,) = find_jumps(listed(("1.00 2.00 5.00", 10), ("2.40 5.00", 3)))

    assert (jump.from_price, jump.to_price) == (Decimal("2.00"), Decimal("2.40"))


def test_a_first_listing_is_no_jump() -> None:
    assert jump_days(listed(("", 20), ("9.00", 1))) == []


def test_the_first_week_only_teaches() -> None:
    assert jump_days(listed(("1.00", 6), ("2.00", 3))) == []
    assert jump_days(listed(("1.00", 7), ("2.00", 3))) == [7]


def test_a_series_that_has_moved_needs_as_many_lists_as_a_week_has_days() -> None:
    seldom = [("9.02", 1), ("", 2), ("9.16", 1), ("", 2), ("9.16", 1), ("", 2)]

    assert jump_days(listed(*seldom, ("11.00", 1))) == []
    assert jump_days(listed(*seldom, ("9.16", 5), ("11.00", 1))) == [14]


def test_a_rise_across_a_gap_counts_from_before_the_gap() -> None:
    (jump,) = find_jumps(listed(("2.00", 10), ("", 12), ("2.40", 1)))

    assert (jump.reason, jump.within_days) == (JumpReason.STEP, 13)


def test_ten_percent_over_a_gap_longer_than_a_week_is_not_within_a_week() -> None:
    assert jump_days(listed(("2.00", 10), ("", 12), ("2.20", 1))) == []


def test_after_a_gap_longer_than_the_memory_the_series_starts_anew() -> None:
    assert jump_days(listed(("2.00", 10), ("", 31), ("3.00", 2))) == []


def test_a_price_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="leave an unknown price out"):
        find_jumps({START: frozenset({Decimal(0)})})


@pytest.mark.parametrize(
    "wrong",
    [
        {"week_rise": Decimal("0.2")},
        {"week_rise": Decimal(0)},
        {"week_days": 31},
        {"flips": 0},
        {"settle_days": 0},
    ],
)
def test_thresholds_that_do_not_fit_together_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"above|at least"):
        JumpThresholds(**wrong)


# Few levels near each other, so that flips, climbs, gaps and jumps all happen often.
prices = st.sampled_from([Decimal(text) for text in ("1", "1.05", "1.1", "1.16", "1.3", "2")])
lists = st.frozensets(prices, max_size=3)
histories = st.lists(lists, max_size=45).map(
    lambda each: {START + timedelta(days=offset): day for offset, day in enumerate(each)}
)
quick = JumpThresholds(memory_days=12, flip_memory_days=20, settle_days=3)


@given(days=histories)
@settings(max_examples=100)
def test_day_by_day_says_the_same_as_all_at_once(days: Days) -> None:
    at_once = find_jumps(days, thresholds=quick)

    daily = [find_jumps(days, thresholds=quick, since=day, until=day) for day in sorted(days)]

    assert at_once == tuple(jump for each in daily for jump in each)


@given(days=histories, cut=st.integers(min_value=0, max_value=45))
@settings(max_examples=100)
def test_later_days_never_change_earlier_jumps(days: Days, cut: int) -> None:
    last = START + timedelta(days=cut)
    known_then = {day: listed for day, listed in days.items() if day <= last}

    then = find_jumps(known_then, thresholds=quick)

    assert then == tuple(j for j in find_jumps(days, thresholds=quick) if j.on <= last)


@given(days=histories)
@settings(max_examples=100)
def test_a_jump_goes_to_a_price_of_its_day_that_was_not_on_the_list_before(days: Days) -> None:
    for jump in find_jumps(days, thresholds=quick):
        earlier = [day for day in days if day < jump.on and days[day]]
        assert jump.to_price in days[jump.on]
        assert jump.to_price not in days[max(earlier)]
        assert jump.rise >= quick.week_rise
        assert jump.rise == jump.to_price / jump.from_price - 1


@given(history=st.lists(prices, min_size=1, max_size=45))
@settings(max_examples=100)
def test_a_single_product_jumps_only_above_all_that_it_remembers(history: list[Decimal]) -> None:
    days = {START + timedelta(days=i): frozenset({price}) for i, price in enumerate(history)}

    for jump in find_jumps(days, thresholds=quick):
        offset = (jump.on - START).days
        remembered = history[max(0, offset - quick.memory_days) : offset]
        assert jump.to_price > max(remembered)


@given(price=prices, rise=st.decimals("0.1", "3", places=2), days=st.integers(7, 60))
@settings(max_examples=50)
def test_a_repricing_of_a_quiet_series_is_never_missed(
    price: Decimal, rise: Decimal, days: int
) -> None:
    quiet = {START + timedelta(days=offset): frozenset({price}) for offset in range(days)}
    on = START + timedelta(days=days)

    jumps = find_jumps({**quiet, on: frozenset({price * (1 + rise)})})

    assert [jump.on for jump in jumps] == [on]


def market_series() -> dict[tuple[str, str, str], dict[date, frozenset[Decimal]]]:
    """Return the recorded market as provider, GPU family and kind."""
    found: dict[tuple[str, str, str], dict[date, set[Decimal]]] = defaultdict(
        lambda: defaultdict(set)
    )
    for path in sorted(MARKET_PRICES.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                family = re.sub(r"-(pcie|sxm2?|nvl|server|wk|maxq)(-\d+)?$", "", row["gpu"])
                key = (row["provider"], family, row["kind"])
                price = Decimal(row["usd_per_gpu_hour"])
                found[key][date.fromisoformat(row["date"])].add(price)
    return {
        key: {day: frozenset(prices) for day, prices in days.items()} for key, days in found.items()
    }


@pytest.mark.skipif(
    not MARKET_PRICES.is_dir(), reason="the recorded market prices are not beside this repository"
)
def test_in_the_recorded_month_every_repricing_is_reported_and_the_reseller_is_quiet() -> None:
    jumps = {
        (*key, jump.on.isoformat()): (str(jump.from_price), str(jump.to_price))
        for key, days in market_series().items()
        for jump in find_jumps(days, since=date(2026, 7, 5), until=date(2026, 8, 5))
    }

    repriced = {
        gpu for provider, gpu, _, on in jumps if (provider, on) == ("digitalocean", "2026-08-02")
    }
    assert repriced == {"b300", "h100", "h200", "mi300x", "mi325x", "mi350x"}
    assert jumps["digitalocean", "h100", "on-demand", "2026-08-02"] == ("2.99", "4.41")
    assert jumps["runpod", "b200", "secure", "2026-08-05"] == ("5.89", "6.79")
    assert sum(provider == "spheron" for provider, *_ in jumps) <= 3
    assert len(jumps) <= 15
