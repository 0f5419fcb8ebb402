"""A lease moves along its graph, and a heartbeat keeps it no longer than it may last."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.capacity.lease import LIVE, NEXT, LeaseState, renewed_until
from tests.broker.capacity.lease_builders import a_lease
from tests.broker.capacity.pool_builders import NOON

instants = st.integers(-600, 600).map(lambda seconds: NOON + timedelta(seconds=seconds))
limits = st.none() | instants
ttls = st.integers(1, 600).map(lambda seconds: timedelta(seconds=seconds))


def reachable(state: LeaseState) -> set[LeaseState]:
    found: set[LeaseState] = set()
    ahead = set(NEXT[state])
    while ahead:
        found |= ahead
        ahead = {after for each in ahead for after in NEXT[each]} - found
    return found


def test_every_state_says_what_may_follow() -> None:
    assert set(NEXT) == set(LeaseState)


@pytest.mark.parametrize("state", LeaseState)
def test_a_lease_is_over_exactly_when_nothing_may_follow(state: LeaseState) -> None:
    assert state.is_live == bool(NEXT[state]) == (state in LIVE)


@pytest.mark.parametrize("state", LeaseState)
def test_no_state_is_ever_met_again(state: LeaseState) -> None:
    assert state not in reachable(state)


@pytest.mark.parametrize("state", sorted(LIVE))
def test_every_live_lease_can_be_released_and_can_expire(state: LeaseState) -> None:
    assert {LeaseState.RELEASED, LeaseState.EXPIRED} <= NEXT[state]


def test_every_state_can_come_to_pass() -> None:
    assert reachable(LeaseState.SCHEDULED) == set(LeaseState) - {LeaseState.SCHEDULED}


def test_only_a_lease_that_had_notice_is_preempted() -> None:
    before = {state for state, after in NEXT.items() if LeaseState.PREEMPTED in after}

    assert before == {LeaseState.PREEMPTING}


@pytest.mark.parametrize("state", LeaseState)
def test_a_lease_may_become_what_its_state_allows(state: LeaseState) -> None:
    lease = a_lease(state=state)

    assert {each for each in LeaseState if lease.may_become(each)} == NEXT[state]


@given(now=instants, ttl=ttls, expires_at=instants, ends_at=limits, closes_at=limits)
def test_a_heartbeat_passes_neither_the_stated_end_nor_that_of_the_line(
    now: datetime,
    ttl: timedelta,
    expires_at: datetime,
    ends_at: datetime | None,
    closes_at: datetime | None,
) -> None:
    kept = renewed_until(now, ttl=ttl, expires_at=expires_at, ends_at=ends_at, closes_at=closes_at)

    stated = [limit for limit in (ends_at, closes_at) if limit is not None]
    assert all(kept <= limit for limit in stated)
    assert kept in {max(expires_at, now + ttl), *stated}
    if all(limit >= expires_at for limit in stated):
        assert kept >= expires_at


@given(now=instants, ttl=ttls, expires_at=instants, ends_at=limits, later=st.integers(0, 600))
def test_a_later_heartbeat_never_keeps_a_lease_for_less(
    now: datetime, ttl: timedelta, expires_at: datetime, ends_at: datetime | None, later: int
) -> None:
    def kept(at: datetime) -> datetime:
        return renewed_until(at, ttl=ttl, expires_at=expires_at, ends_at=ends_at, closes_at=None)

    assert kept(now + timedelta(seconds=later)) >= kept(now)


def test_a_shorter_ttl_does_not_shorten_what_was_promised() -> None:
    promised = NOON + timedelta(minutes=5)

    kept = renewed_until(
        NOON, ttl=timedelta(minutes=1), expires_at=promised, ends_at=None, closes_at=None
    )

    assert kept == promised
