"""The outside count finds what it is there to find."""

import pytest

from tests.broker.faults.tally import Known, Tally


class Stopwatch:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def stopwatch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def tally(stopwatch: Stopwatch) -> Tally:
    return Tally({"hot": 8}, stopwatch=stopwatch)


def lease(number: int, gpus: int, *, key: str | None = None, fence: int | None = None) -> Known:
    return Known(
        lease_id=f"lease-{number}",
        key=key or f"key-{number}",
        fence=fence or number,
        lines={"hot": gpus},
    )


def test_more_gpus_held_at_once_than_there_are_is_noticed(tally: Tally) -> None:
    tally.granted(lease(1, 5), until=160)
    tally.granted(lease(2, 4), until=160)

    assert tally.violations == ["oversold: 9 GPUs of hot are held, it has 8"]
    assert tally.peak["hot"] == 9


def test_gpus_may_be_promised_again_once_they_are_given_back_or_their_time_is_up(
    tally: Tally, stopwatch: Stopwatch
) -> None:
    tally.granted(lease(1, 8), until=160)
    tally.gives_back("lease-1")
    tally.granted(lease(2, 8), until=160)
    stopwatch.now = 160
    tally.granted(lease(3, 8), until=220)

    assert tally.violations == []
    assert not tally.is_held("lease-2")


def test_a_heartbeat_keeps_gpus_from_being_promised_again(
    tally: Tally, stopwatch: Stopwatch
) -> None:
    tally.granted(lease(1, 8), until=160)
    stopwatch.now = 159
    tally.keeps("lease-1", until=219)
    stopwatch.now = 161
    tally.granted(lease(2, 1), until=221)

    assert len(tally.violations) == 1


def test_the_same_lease_told_again_counts_once(tally: Tally) -> None:
    tally.granted(lease(1, 8), until=160)
    tally.granted(lease(1, 8), until=161)

    assert tally.violations == []
    assert tally.peak["hot"] == 8


def test_two_leases_for_one_key_and_two_with_one_fence_are_noticed(tally: Tally) -> None:
    tally.granted(lease(1, 1, key="k"), until=160)
    tally.granted(lease(2, 1, key="k", fence=1), until=160)
    tally.granted(lease(2, 2, key="k", fence=1), until=160)

    told = "; ".join(tally.violations)
    assert "key k got two leases" in told
    assert "fence 1 is that of two leases" in told
    assert "told in two ways" in told
