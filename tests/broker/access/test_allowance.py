"""Never more than the burst and what came in since, in any window of time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.access.allowance import NANOSECONDS, Allowances, Rate

SECOND = NANOSECONDS
rates = st.builds(
    Rate,
    per_second=st.sampled_from([1, 3, 7, 500, 1_000_000]),
    burst=st.integers(min_value=1, max_value=12),
)
gaps = st.lists(
    st.one_of(st.just(0), st.integers(0, 2 * SECOND), st.integers(0, 3_000_000)), max_size=60
)


@given(rate=rates, gaps=gaps)
def test_no_window_lets_more_pass_than_the_burst_and_the_rate(rate: Rate, gaps: list[int]) -> None:
    allowances, now, passed = Allowances(rate), 0, []
    for gap in gaps:
        now += gap
        if allowances.draw("dana", now).is_allowed:
            passed.append(now)

    for first, start in enumerate(passed):
        for last in range(first, len(passed)):
            length = passed[last] - start
            assert (last - first + 1 - rate.burst) * SECOND <= rate.per_second * length


@given(rate=rates, gaps=gaps)
def test_who_waits_as_long_as_told_gets_through(rate: Rate, gaps: list[int]) -> None:
    allowances, now = Allowances(rate), 0
    for gap in gaps:
        now += gap
        draw = allowances.draw("dana", now)
        if not draw.is_allowed:
            now += draw.wait_seconds * SECOND
            assert draw.wait_seconds >= 1
            assert allowances.draw("dana", now).is_allowed


@given(rate=rates)
def test_the_count_that_is_told_is_the_count_that_passes(rate: Rate) -> None:
    allowances = Allowances(rate)

    left = [allowances.draw("dana", 0).left for _ in range(rate.burst)]

    assert left == list(range(rate.burst - 1, -1, -1))
    assert not allowances.draw("dana", 0).is_allowed


def test_refused_requests_do_not_put_the_next_one_off() -> None:
    allowances = Allowances(Rate(per_second=1, burst=1))
    allowances.draw("dana", 0)

    waits = [allowances.draw("dana", SECOND // 2).wait_seconds for _ in range(100)]

    assert set(waits) == {1}
    assert allowances.draw("dana", SECOND).is_allowed


def test_one_name_takes_nothing_from_another() -> None:
    allowances = Allowances(Rate(per_second=1, burst=1))
    allowances.draw("dana", 0)

    assert not allowances.draw("dana", 0).is_allowed
    assert allowances.draw("eve", 0).is_allowed


def test_however_many_names_come_the_memory_is_bounded() -> None:
    allowances = Allowances(Rate(per_second=1, burst=1), most_names=3)

    for name in ("dana", "a", "b", "c"):
        allowances.draw(name, 0)

    assert len(allowances) == 3
    assert not allowances.draw("c", 0).is_allowed


def test_a_share_is_never_nothing() -> None:
    assert Rate(per_second=500, burst=1000).share(10) == Rate(per_second=50, burst=100)
    assert Rate(per_second=1, burst=1).share(10) == Rate(per_second=1, burst=1)


@pytest.mark.parametrize(("per_second", "burst"), [(0, 1), (1, 0)])
def test_a_rate_that_lets_nothing_pass_is_refused(per_second: int, burst: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Rate(per_second=per_second, burst=burst)
