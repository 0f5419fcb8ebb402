"""Keeping leases alive and giving them back, as scripts that both clients run."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from threading import Lock
from typing import Any

from broker.api.capacity_calls import Jitter, Told, release_call, renew_call
from broker.api.capacity_script import LAST_WORD_SECONDS, Once, Script, ask
from broker.api.client_answers import SendAgainError
from broker.api.heartbeat import SECOND, Hold, due, missed, next_look, patience_of
from broker.api.held_lease import HeldLease
from broker.api.wire.leases import MOST_AT_ONCE, RenewalResults
from broker.clock import Ticks
from broker.errors import LeaseLostError, TonnageError, UnreachableError

NO_HEARTBEAT = "no heartbeat got through in time, or the time agreed on is over"

log = logging.getLogger(__name__)


class HeartbeatBook:
    """The leases that one client keeps alive; several threads may write in it."""

    def __init__(self, *held: HeldLease[Any]) -> None:
        self._lock = Lock()
        self._held = {lease.id: lease for lease in held}

    def add(self, lease: HeldLease[Any]) -> None:
        """Keep a lease alive from now on."""
        with self._lock:
            self._held[lease.id] = lease

    def drop(self, lease_id: str) -> None:
        """Keep a lease alive no more; one that is not in the book is fine."""
        with self._lock:
            self._held.pop(lease_id, None)

    def leases(self) -> list[HeldLease[Any]]:
        """Return the leases in the book."""
        with self._lock:
            return list(self._held.values())

    def holds(self) -> list[Hold]:
        """Return what is known of each."""
        return [lease.hold for lease in self.leases()]

    def heard(
        self, sent: Sequence[Hold], results: RenewalResults, *, sent_at: int, heard_at: int
    ) -> None:
        """Note the answer to heartbeats; a lease that was dropped meanwhile is left alone."""
        by_id = {result.lease_id: result for result in results.items}
        for lease in self._those_of(sent):
            result = by_id.get(lease.id)
            if result is None:
                lease.hold = missed(
                    lease.hold, at=sent_at, jitter=1.0, trouble="the answer leaves the lease out"
                )
            else:
                lease.heard(result, sent_at=sent_at, heard_at=heard_at)
            if lease.lost.is_set():
                self.drop(lease.id)

    def went_astray(
        self, sent: Sequence[Hold], failure: TonnageError, *, at: int, jitter: Jitter
    ) -> None:
        """Note that nothing is known of what became of heartbeats."""
        retry_after = failure.retry_after_seconds if isinstance(failure, SendAgainError) else None
        for lease in self._those_of(sent):
            lease.hold = missed(
                lease.hold,
                at=at,
                jitter=jitter(),
                trouble=str(failure),
                retry_after_seconds=retry_after,
            )

    def stop_those_over(self, now: int) -> None:
        """Let go of the leases whose GPUs must not be used any more."""
        for lease in self.leases():
            if not lease.hold.is_safe(now):
                self.drop(lease.id)
                lease.lose(NO_HEARTBEAT)

    def lose_all(self, because: str) -> None:
        """Let go of every lease."""
        for lease in self.leases():
            self.drop(lease.id)
            lease.lose(because)

    def _those_of(self, sent: Sequence[Hold]) -> list[HeldLease[Any]]:
        with self._lock:
            return [self._held[hold.lease_id] for hold in sent if hold.lease_id in self._held]


def beat(book: HeartbeatBook, *, ticks: Ticks, jitter: Jitter) -> Script[float | None]:
    """Send the heartbeats that are due; return the seconds to the next, None if there is none."""
    waiting = due(book.holds(), ticks())
    while waiting:
        sent, waiting = waiting[:MOST_AT_ONCE], waiting[MOST_AT_ONCE:]
        sent_at = ticks()
        try:
            answered: Told[RenewalResults] = yield Once(
                call=renew_call(sent), seconds=patience_of(sent, sent_at)
            )
        except TonnageError as failure:
            book.went_astray(sent, failure, at=ticks(), jitter=jitter)
        else:
            book.heard(sent, answered.answer, sent_at=sent_at, heard_at=ticks())
    now = ticks()
    book.stop_those_over(now)
    look_at = next_look(book.holds())
    return None if look_at is None else max(0, look_at - now) / SECOND


def confirm(lease: HeldLease[Any], *, ticks: Ticks, jitter: Jitter) -> Script[None]:
    """Send the first heartbeat of a lease, which confirms it; raise LeaseLostError if it is gone.

    If that is not answered it is still ours for its TTL, and the next heartbeat tries again.
    """
    yield from beat(HeartbeatBook(lease), ticks=ticks, jitter=jitter)
    if lease.lost.is_set():
        with suppress(TonnageError):  # if it came too late to be used, others may have it at once
            yield Once(call=release_call(lease.id, fence=lease.fence), seconds=LAST_WORD_SECONDS)
        raise lease.loss_error()


def give_back(lease: HeldLease[Any], *, leaving_with: BaseException | None) -> Script[None]:
    """Release a lease whose heartbeats have ended.

    Raises LeaseLostError if it was lost before. When its holder leaves with an error, that error is
    the one that counts: what goes wrong here is noted on it. A release that is not heard is no
    error, as the lease then ends with its TTL.
    """
    if not lease.is_safe():
        lease.lose(NO_HEARTBEAT)
    release = release_call(lease.id, fence=lease.fence)
    try:
        if leaving_with is None:
            yield from ask(release)
        else:
            yield Once(call=release, seconds=LAST_WORD_SECONDS)
    except LeaseLostError:
        lease.lose("the server ended it before it was given back")
    except UnreachableError as failure:
        log.warning(
            "a lease ends with its time to live, as its release was not answered",
            extra={"lease_id": lease.id, "because": str(failure)},
        )
    except TonnageError as failure:
        if leaving_with is None:
            raise
        leaving_with.add_note(f"lease {lease.id} was not given back: {failure}")
    if lease.lost.is_set():
        if leaving_with is None:
            raise lease.loss_error()
        leaving_with.add_note(str(lease.loss_error()))
