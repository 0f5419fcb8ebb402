"""When to renew and when to stop: the holder stops first, whatever the network and clocks do."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.api.heartbeat import (
    LONGEST_MARGIN_SECONDS,
    RENEW_AFTER,
    SECOND,
    Beaten,
    Granted,
    Hold,
    due,
    first_hold,
    margin_of,
    missed,
    next_look,
    patience_of,
    renewed,
)
from broker.api.wire.leases import Lease
from broker.capacity.lease import LeaseState, renewed_until
from broker.capacity.request import LONGEST_TTL_SECONDS

EPOCH = datetime(2026, 5, 15, tzinfo=UTC)

ttls = st.integers(1, LONGEST_TTL_SECONDS)
instants = st.integers(0, 10**18)
jitters = st.floats(0, 1)
waits = st.none() | st.integers(0, 999_999).map(float)


def a_lease(ttl_seconds: int = 60, *, expires_at: datetime = EPOCH, number: int = 1) -> Lease:
    return Lease(
        id=f"lease-{number}",
        request_id="request-1",
        state=LeaseState.GRANTED,
        lines=[],
        fence=number,
        ttl_seconds=ttl_seconds,
        expires_at=expires_at,
    )


def a_hold(
    ttl_seconds: int = 60, *, at: int = 0, duration: int | None = None, number: int = 1
) -> Hold:
    length = min(ttl_seconds, duration or ttl_seconds)
    lease = a_lease(
        ttl_seconds, number=number, expires_at=EPOCH + micros(at) + timedelta(seconds=length)
    )
    granted = Granted(not_before=at, heard_at=at, duration_seconds=duration)
    return first_hold(lease, granted)


def micros(ticks: int) -> timedelta:
    return timedelta(microseconds=-(-ticks // 1000))


def whole(at: int, ttl_seconds: int = 60) -> Beaten:
    """A heartbeat that was given a whole TTL, in no time."""
    expires_at = EPOCH + micros(at) + timedelta(seconds=ttl_seconds)
    return Beaten(sent_at=at, heard_at=at, expires_at=expires_at)


@given(ttl=ttls)
def test_the_margin_leaves_most_of_the_ttl_and_never_grows_past_its_bound(ttl: int) -> None:
    margin = margin_of(ttl * SECOND)

    assert 0 < margin <= LONGEST_MARGIN_SECONDS * SECOND
    assert ttl * SECOND // RENEW_AFTER < ttl * SECOND - margin


def test_a_lease_of_a_minute_is_renewed_every_20_seconds_and_used_for_54() -> None:
    hold = renewed(a_hold(60), whole(5 * SECOND))

    assert hold.beat_at == 25 * SECOND
    assert hold.stop_at == 59 * SECOND


def test_the_first_heartbeat_is_due_at_once() -> None:
    assert due([a_hold(60, at=7)], 7) == [a_hold(60, at=7)]


@given(ttl=ttls, at=instants, duration=st.none() | st.integers(1, 10**6))
def test_nothing_is_used_past_an_agreed_duration(ttl: int, at: int, duration: int | None) -> None:
    hold = renewed(a_hold(ttl, at=at, duration=duration), whole(at + SECOND, ttl))

    if duration is not None:
        assert hold.stop_at + hold.margin <= at + duration * SECOND
    assert hold.stop_at <= at + SECOND + ttl * SECOND - hold.margin


@given(ttl=ttls, at=instants, duration=st.none() | st.integers(1, 10**6), data=st.data())
def test_a_renewal_is_never_due_later_than_the_stop(
    ttl: int, at: int, duration: int | None, data: st.DataObject
) -> None:
    hold, now = a_hold(ttl, at=at, duration=duration), at

    for _ in range(6):
        assert hold.beat_at <= hold.stop_at
        now += data.draw(st.integers(0, ttl * SECOND))
        if data.draw(st.booleans()):
            hold = renewed(hold, whole(now, ttl))
        else:
            before = hold.stop_at
            hold = missed(
                hold,
                at=now,
                jitter=data.draw(jitters),
                trouble="",
                retry_after_seconds=data.draw(waits),
            )
            assert hold.stop_at == before
            assert hold.beat_at > now or not hold.is_safe(hold.beat_at)


@given(ttl=st.integers(5, 3600), jitter=jitters, retry_after=waits)
def test_many_more_heartbeats_are_tried_before_a_lease_is_given_up(
    ttl: int, jitter: float, retry_after: float | None
) -> None:
    hold = renewed(a_hold(ttl), whole(0, ttl))
    now, tries = hold.beat_at, 0

    while hold.is_safe(now):
        tries += 1
        hold = missed(hold, at=now, jitter=jitter, trouble="", retry_after_seconds=retry_after)
        now = hold.beat_at

    assert 3 <= tries <= 400


@dataclass(slots=True)
class Server:
    """What ends leases: it counts from when a request reaches it, by a clock of its own.

    Instants are on the client's clock, which the server does not know. Whoever takes a lease back
    early does not go below what was promised: an answer that is lost must not cost the promise.
    """

    ttl: int
    ends_at: int | None
    expires_at: int
    clock_offset: int

    def beat(self, at: int) -> datetime | None:
        if at >= self.expires_at:
            return None
        self.expires_at = self.ticks(
            renewed_until(
                self.shown(at),
                ttl=timedelta(seconds=self.ttl),
                expires_at=self.shown(self.expires_at),
                ends_at=None if self.ends_at is None else self.shown(self.ends_at),
                closes_at=None,
            )
        )
        return self.shown(self.expires_at)

    def end_by(self, at: int) -> None:
        by = max(at, self.expires_at)
        self.ends_at = by if self.ends_at is None else min(by, self.ends_at)

    def shown(self, tick: int) -> datetime:
        return EPOCH + timedelta(microseconds=(tick + self.clock_offset) // 1000)

    def ticks(self, shown: datetime) -> int:
        return (shown - EPOCH) // timedelta(microseconds=1) * 1000 - self.clock_offset


offsets = st.integers(-(10**6), 10**6).map(lambda seconds: seconds * SECOND)


def delays(longest: int) -> st.SearchStrategy[int]:
    """Lengths up to a number of ticks, in whole microseconds, as the server keeps no finer time."""
    return st.integers(0, longest // 1000).map(lambda length: length * 1000)


def granted_by(server: Server, at: int, duration: int | None) -> Hold:
    """Let a server grant a lease at a tick, which was asked for at tick 0."""
    server.ends_at = None if duration is None else at + duration * SECOND
    length = server.ttl if duration is None else min(server.ttl, duration)
    server.expires_at = at + length * SECOND
    lease = a_lease(server.ttl, expires_at=server.shown(server.expires_at))
    return first_hold(lease, Granted(not_before=0, heard_at=at, duration_seconds=duration))


@settings(max_examples=150)
@given(
    ttl=st.integers(1, 3600),
    duration=st.none() | st.integers(1, 10_000),
    offset=offsets,
    data=st.data(),
)
def test_however_slow_the_network_the_holder_stops_before_the_server_may_end_the_lease(
    ttl: int, duration: int | None, offset: int, data: st.DataObject
) -> None:
    slow = delays(2 * ttl * SECOND)
    server = Server(ttl=ttl, ends_at=None, expires_at=0, clock_offset=offset)
    now = data.draw(slow)
    hold = granted_by(server, now, duration)

    for _ in range(8):
        assert hold.end <= server.expires_at
        sent_at = now + data.draw(slow)
        now = sent_at + data.draw(slow)
        expires_at = server.beat(now)
        if expires_at is None:
            return
        if data.draw(st.booleans()):  # the answer arrives
            hold = renewed(hold, Beaten(sent_at=sent_at, heard_at=now, expires_at=expires_at))


@settings(max_examples=150)
@given(ttl=st.integers(2, 3600), offset=offsets, data=st.data())
def test_a_contract_that_ends_or_a_preemption_is_heeded_though_it_gives_less_than_a_ttl(
    ttl: int, offset: int, data: st.DataObject
) -> None:
    server = Server(ttl=ttl, ends_at=None, expires_at=0, clock_offset=offset)
    quick = delays(margin_of(ttl * SECOND) // 2)
    now = data.draw(quick)
    hold = granted_by(server, now, None)

    for _ in range(8):
        assert hold.stop_at <= server.expires_at
        if data.draw(st.booleans()):
            server.end_by(now + data.draw(st.integers(0, 3 * ttl)) * SECOND)
        sent_at = now + data.draw(delays(ttl * SECOND // 2))
        reached_at = sent_at + data.draw(quick)
        now = reached_at + data.draw(quick)
        expires_at = server.beat(reached_at)
        if expires_at is None:
            return
        if data.draw(st.booleans()):
            hold = renewed(hold, Beaten(sent_at=sent_at, heard_at=now, expires_at=expires_at))


def test_a_lease_that_is_asked_back_is_used_no_longer_than_its_grace() -> None:
    hold = renewed(a_hold(60), whole(0))

    asked_back = Beaten(
        sent_at=20 * SECOND, heard_at=20 * SECOND, expires_at=EPOCH + timedelta(seconds=50)
    )
    hold = renewed(hold, asked_back)

    assert hold.stop_at == 44 * SECOND
    assert hold.beat_at == 40 * SECOND


@given(jump=st.integers(60, 10**6))
def test_a_clock_of_the_server_that_is_set_forward_changes_nothing(jump: int) -> None:
    leap = Beaten(
        sent_at=20 * SECOND,
        heard_at=20 * SECOND,
        expires_at=EPOCH + timedelta(seconds=80 + jump),
    )
    hold = renewed(a_hold(60), leap)
    assert hold.stop_at == 74 * SECOND

    capped = replace(leap, sent_at=40 * SECOND, heard_at=40 * SECOND)
    assert renewed(hold, capped).stop_at == 74 * SECOND


def test_a_slow_grant_does_not_shorten_what_later_heartbeats_give() -> None:
    lease = a_lease(60, expires_at=EPOCH + timedelta(seconds=70))  # granted after 10 of 12 seconds
    hold = first_hold(lease, Granted(not_before=0, heard_at=12 * SECOND))

    hold = renewed(hold, whole(12 * SECOND))
    hold = renewed(hold, whole(32 * SECOND))

    assert hold.stop_at == 86 * SECOND


def test_leases_that_are_soon_due_are_renewed_with_one_that_is() -> None:
    first = renewed(a_hold(60), whole(0))
    soon = renewed(a_hold(number=2), whole(4 * SECOND))
    later = renewed(a_hold(number=3), whole(9 * SECOND))

    assert due([first, soon, later], 20 * SECOND) == [first, soon]
    assert due([first, soon, later], 19 * SECOND) == []


def test_what_is_over_is_not_renewed_and_looked_at_first() -> None:
    over, alive = a_hold(60), renewed(a_hold(600), whole(0, 600))

    assert due([over, alive], 55 * SECOND) == []
    assert next_look([over, alive]) == 0
    assert next_look([]) is None


@given(ttl=ttls, share=st.floats(0, 1))
def test_one_heartbeat_may_take_half_of_the_time_that_is_left(ttl: int, share: float) -> None:
    hold = renewed(a_hold(ttl), whole(0, ttl))
    now = int(hold.stop_at * share)

    assert 0 < patience_of([hold], now) * SECOND <= max((hold.stop_at - now) / 2, 1) * 1.001
