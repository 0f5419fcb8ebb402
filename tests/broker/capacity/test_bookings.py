"""The peak of promises for later, against counting hour by hour."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from broker.capacity.bookings import Booking, peak_of
from tests.builders import NOON

HOURS = 24


def booked(gpus: int, start: int, end: int | None) -> Booking:
    """GPUs from one hour to another."""
    return Booking(
        gpu_count=gpus,
        starts_at=NOON + timedelta(hours=start),
        ends_at=None if end is None else NOON + timedelta(hours=end),
    )


hours = st.integers(min_value=0, max_value=HOURS)
spans = st.tuples(st.integers(min_value=1, max_value=8), hours, st.none() | hours)


@given(st.lists(spans, max_size=12))
def test_the_peak_is_what_counting_every_hour_finds(
    drawn: list[tuple[int, int, int | None]],
) -> None:
    each_hour = [
        sum(gpus for gpus, start, end in drawn if start <= hour and (end is None or hour < end))
        for hour in range(HOURS + 1)
    ]

    assert peak_of(booked(*one) for one in drawn) == max(each_hour)


def test_a_lease_that_starts_as_another_ends_does_not_overlap_it() -> None:
    assert peak_of([booked(8, 0, 6), booked(8, 6, 12)]) == 8


def test_nothing_promised_takes_nothing() -> None:
    assert peak_of([]) == 0
