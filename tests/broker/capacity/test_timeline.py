"""GPUs are counted on the axis of time, at the worst instant of a window."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from broker.capacity.timeline import Taken, fits, peak
from tests.broker.capacity.pool_builders import HOUR, NOON

hours = st.integers(-12, 36)


@st.composite
def spans(draw: st.DrawFn) -> Taken:
    since = draw(hours)
    length = draw(st.one_of(st.none(), st.integers(-1, 12)))
    until = None if length is None else NOON + (since + length) * HOUR
    return NOON + since * HOUR, until, draw(st.integers(1, 64))


def hour_by_hour(taken: list[Taken], *, start: datetime, end: datetime) -> int:
    worst = 0
    at = start
    while at < end:
        now = sum(g for since, until, g in taken if since <= at and (until is None or at < until))
        worst = max(worst, now)
        at += HOUR
    return worst


@given(taken=st.lists(spans(), max_size=12), start=hours, length=st.integers(-2, 40))
def test_the_peak_is_what_counting_every_hour_finds(
    taken: list[Taken], start: int, length: int
) -> None:
    opens = NOON + start * HOUR
    closes = opens + length * HOUR

    assert peak(taken, start=opens, end=closes) == hour_by_hour(taken, start=opens, end=closes)


@given(taken=st.lists(spans(), max_size=12), start=hours)
def test_an_open_window_reaches_past_everything_that_is_known(
    taken: list[Taken], start: int
) -> None:
    opens = NOON + start * HOUR
    far = NOON + 100 * HOUR

    assert peak(taken, start=opens, end=None) == hour_by_hour(taken, start=opens, end=far)


@given(taken=st.lists(spans(), max_size=8), start=hours, length=st.integers(0, 20))
def test_a_shorter_window_never_has_a_higher_peak(
    taken: list[Taken], start: int, length: int
) -> None:
    opens = NOON + start * HOUR

    shorter = peak(taken, start=opens, end=opens + length * HOUR)

    assert shorter <= peak(taken, start=opens, end=opens + (length + 1) * HOUR)


def test_a_lease_that_starts_when_another_ends_never_meets_it() -> None:
    taken: list[Taken] = [(NOON, NOON + HOUR, 64), (NOON + HOUR, None, 64)]

    assert peak(taken, start=NOON, end=None) == 64


def test_a_lease_that_ends_as_the_window_opens_is_not_in_it() -> None:
    assert peak([(NOON - HOUR, NOON, 64)], start=NOON, end=None) == 0


def test_a_lease_that_starts_as_the_window_closes_is_not_in_it() -> None:
    assert peak([(NOON + HOUR, None, 64)], start=NOON, end=NOON + HOUR) == 0


def test_an_overlap_of_a_second_counts() -> None:
    second = timedelta(seconds=1)
    taken: list[Taken] = [(NOON, NOON + HOUR, 40), (NOON + HOUR - second, None, 30)]

    assert peak(taken, start=NOON, end=None) == 70
    assert not fits(taken, 1, usable=70, start=NOON, end=None)
    assert fits(taken, 40, usable=70, start=NOON + HOUR, end=None)
