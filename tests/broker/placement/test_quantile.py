"""Quantiles of a rate over time: what was enough for this share of it."""

from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.placement.quantile import RateWindow, rate_quantile, size_rates, without_near_empty

windows = st.builds(
    RateWindow,
    tokens_per_second=st.floats(min_value=0, max_value=1e9),
    seconds=st.integers(min_value=1, max_value=86_400),
)
some = st.lists(windows, min_size=1, max_size=40)
shares = st.floats(min_value=0, max_value=1)


def series(*rates: float, seconds: float = 600) -> list[RateWindow]:
    return [RateWindow(tokens_per_second=rate, seconds=seconds) for rate in rates]


@given(found=some, low=shares, high=shares)
def test_who_wants_to_be_surer_never_gets_less(
    found: list[RateWindow], low: float, high: float
) -> None:
    low, high = sorted((low, high))

    assert rate_quantile(found, low) <= rate_quantile(found, high)


@given(found=some, share=shares)
def test_a_quantile_is_a_rate_that_was_seen_between_the_least_and_the_greatest(
    found: list[RateWindow], share: float
) -> None:
    rates = [window.tokens_per_second for window in found]

    assert rate_quantile(found, share) in rates
    assert (rate_quantile(found, 0), rate_quantile(found, 1)) == (min(rates), max(rates))


@given(found=some, share=shares, seed=st.randoms(use_true_random=False))
def test_the_order_of_the_windows_does_not_matter(
    found: list[RateWindow], share: float, seed: object
) -> None:
    shuffled = [*found]
    seed.shuffle(shuffled)  # type: ignore[attr-defined]

    assert rate_quantile(shuffled, share) == rate_quantile(found, share)


@given(found=some, share=shares)
def test_two_halves_of_a_window_count_as_the_whole(found: list[RateWindow], share: float) -> None:
    halved = [
        RateWindow(tokens_per_second=window.tokens_per_second, seconds=window.seconds / 2)
        for window in found
        for _ in range(2)
    ]

    assert rate_quantile(halved, share) == rate_quantile(found, share)


@given(found=some, share=shares)
def test_the_rate_was_enough_for_at_least_that_share_of_the_time(
    found: list[RateWindow], share: float
) -> None:
    rate = rate_quantile(found, share)
    enough = sum(window.seconds for window in found if window.tokens_per_second <= rate)

    assert enough >= share * sum(window.seconds for window in found) * (1 - 1e-9)


def test_of_a_hundred_windows_the_p99_is_the_ninety_ninth() -> None:
    assert rate_quantile(series(*range(1, 101)), 0.99) == 99


def test_a_long_window_weighs_more_than_a_short_one() -> None:
    found = [
        RateWindow(tokens_per_second=10, seconds=99),
        RateWindow(tokens_per_second=50, seconds=1),
    ]

    assert rate_quantile(found, 0.5) == 10
    assert rate_quantile(found, 0.999) == 50


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_outside_nothing_to_all_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match=r"such as 0\.99"):
        rate_quantile(series(1), share)


def test_nothing_metered_has_no_quantile_and_no_size() -> None:
    assert size_rates([]) is None
    with pytest.raises(ValueError, match="at least one window"):
        rate_quantile([], 0.5)


def test_the_peak_factor_is_the_quantile_over_the_mean() -> None:
    sizing = size_rates(series(*[100] * 98, 300, 300), quantile=0.99)

    assert sizing is not None
    assert sizing.mean_tokens_per_second == pytest.approx(fmean([100] * 98 + [300] * 2))
    assert sizing.peak_factor == pytest.approx(300 / 104)


def test_a_series_in_which_nothing_happened_has_no_peak_factor() -> None:
    sizing = size_rates(series(0, 0))

    assert sizing is not None
    assert sizing.peak_factor is None


def test_windows_next_to_empty_are_taken_for_not_metered() -> None:
    assert without_near_empty(series(100, 1, 90, 0, 30)) == tuple(series(100, 90, 30))


def test_a_service_that_mostly_sleeps_is_kept_whole() -> None:
    asleep = series(0, 0, 0, 5)

    assert without_near_empty(asleep) == tuple(asleep)
