"""The client of the capacity API for threads: asks for GPUs, keeps leases alive, gives them back.

    with Client(url, key) as api, api.lease(gpu_models=["B200"], gpu_count=8) as lease:
        start(nodes, tag=lease.fence)
        while lease.is_safe() and more_to_do():
            ...

Every request has one Idempotency-Key, which is the same however often it has to be sent. Leases are
renewed by a thread of the client's own, all of them in one call.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from secrets import SystemRandom
from threading import Event, Thread
from time import sleep
from typing import Any, Final, Protocol, TypeAlias, Unpack

import httpx2
from tenacity import Retrying, retry_if_exception

from broker.api.capacity_calls import (
    Answer,
    Call,
    Jitter,
    Persistence,
    Told,
    Wanted,
    ask_call,
    cancel_call,
    capacity_request,
    change_pool_call,
    explain_call,
    lease_call,
    leases_call,
    look_call,
    pool_call,
    pools_call,
    release_call,
    sent_by,
    told,
    whoami_call,
)
from broker.api.capacity_script import Obtained, Once, Result, Script, Step, Wait, obtain
from broker.api.client_answers import Door, unanswered
from broker.api.heartbeat import SECOND, Granted, first_hold
from broker.api.held_lease import HeldLease, Listener
from broker.api.lease_keeping import HeartbeatBook, beat, confirm, give_back
from broker.api.wire.capacity import CapacityAnswer, CapacityRequest, CapacityRequestDetail
from broker.api.wire.explanation import ExplanationOut
from broker.api.wire.leases import Lease, LeaseDetail
from broker.api.wire.pools import PoolChange, PoolList, PoolOut
from broker.capacity.lease import LeaseState
from broker.clock import Ticks, ticks_now
from broker.errors import TonnageError
from broker.identity import new_id

PATIENCE_SECONDS: Final = 30.0
"""How long a call is sent again whose outcome is unknown."""

log = logging.getLogger(__name__)

ThreadLease: TypeAlias = HeldLease[Event]
"""A lease whose `lost` threads can wait for."""

Round = Callable[[], float | None]
"""Sends the heartbeats that are due, and returns the seconds to the next; None: nothing held."""


class Pulse(Protocol):
    """What sends heartbeats in the background."""

    def start(self, round_: Round) -> None:
        """Begin to send them, or look again at what is due."""

    def stop(self) -> None:
        """Send no more; one that is under way is waited for."""


class ThreadPulse:
    """Sends heartbeats from a thread that does not keep the process alive."""

    def __init__(self) -> None:
        self._wake = Event()
        self._is_over = False
        self._thread: Thread | None = None

    def start(self, round_: Round) -> None:
        """Begin to send them, or look again at what is due."""
        if self._thread is None:
            self._thread = Thread(
                target=self._run, args=(round_,), name="tonnage-heartbeats", daemon=True
            )
            self._thread.start()
        self._wake.set()

    def stop(self) -> None:
        """Send no more; one that is under way is waited for."""
        self._is_over = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, round_: Round) -> None:
        while not self._is_over:
            self._wake.clear()
            seconds = round_()
            self._wake.wait(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a client needs of the world beside the network."""

    ticks: Ticks = ticks_now
    sleep: Callable[[float], None] = sleep
    jitter: Jitter = field(default_factory=lambda: SystemRandom().random)
    new_key: Callable[[], str] = new_id
    pulse: Callable[[], Pulse] = ThreadPulse
    patience_seconds: float = PATIENCE_SECONDS


class CapacityClient:
    """One caller of the capacity API; close it when done.

    Its calls are for one thread; the leases that it holds may be looked at from any.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        holder: str | None = None,
        transport: httpx2.BaseTransport | None = None,
        means: Means | None = None,
    ) -> None:
        self._door = Door.at(url, key)
        self._holder = holder
        self._means = means or Means()
        self._http = self._door.open(transport)
        self._heart = self._door.open(transport)  # heartbeats never wait for other calls
        self._book = HeartbeatBook()
        self._pulse = self._means.pulse()

    def __enter__(self) -> CapacityClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the heartbeats and give the connections back. Leases still held end with their TTL."""
        self._pulse.stop()
        self._http.close()
        self._heart.close()

    @contextmanager
    def lease(
        self,
        *,
        gpu_models: Sequence[str],
        gpu_count: int,
        wait_seconds: float | None = 0.0,
        listener: Listener | None = None,
        **wanted: Unpack[Wanted],
    ) -> Iterator[ThreadLease]:
        """Hold GPUs for as long as the block runs; they are given back however it ends.

        `wait_seconds` lets the request wait for capacity, None without end. Raises
        InsufficientCapacityError, telling what would have helped, and at the end LeaseLostError if
        the lease was lost, unless another error is on its way.
        """
        held = self.hold(
            gpu_models=gpu_models,
            gpu_count=gpu_count,
            wait_seconds=wait_seconds,
            listener=listener,
            **wanted,
        )
        try:
            yield held
        except BaseException as failure:
            self.give_back(held, leaving_with=failure)
            raise
        self.give_back(held)

    def hold(
        self,
        *,
        gpu_models: Sequence[str],
        gpu_count: int,
        wait_seconds: float | None = 0.0,
        listener: Listener | None = None,
        **wanted: Unpack[Wanted],
    ) -> ThreadLease:
        """Obtain a lease and keep it alive until it is given back; see `lease`."""
        request = self._request(gpu_models, gpu_count, wanted)
        got = self._obtained(request, wait_seconds)
        ticks, jitter = self._means.ticks, self._means.jitter
        granted = Granted(
            not_before=got.not_before,
            heard_at=ticks(),
            duration_seconds=request.duration_seconds,
        )
        held: ThreadLease = HeldLease(
            got.lease,
            hold=first_hold(got.lease, granted),
            lost=Event(),
            ticks=ticks,
            listener=listener,
        )
        self._run(confirm(held, ticks=ticks, jitter=jitter))
        self._book.add(held)
        self._pulse.start(self._round)
        return held

    def give_back(self, lease: ThreadLease, *, leaving_with: BaseException | None = None) -> None:
        """End the heartbeats of a lease and release it; raise LeaseLostError if it was lost."""
        self._book.drop(lease.id)
        self._run(give_back(lease, leaving_with=leaving_with))

    def obtain(
        self,
        *,
        gpu_models: Sequence[str],
        gpu_count: int,
        wait_seconds: float | None = 0.0,
        **wanted: Unpack[Wanted],
    ) -> Lease:
        """Obtain a lease that nobody keeps alive: it ends unless somebody else renews it."""
        request = self._request(gpu_models, gpu_count, wanted)
        return (self._obtained(request, wait_seconds)).lease

    def request(
        self,
        *,
        gpu_models: Sequence[str],
        gpu_count: int,
        key: str | None = None,
        **wanted: Unpack[Wanted],
    ) -> CapacityAnswer:
        """Ask once, and return what became of it: granted or pending. Nothing is kept alive."""
        request = self._request(gpu_models, gpu_count, wanted)
        return self._send(ask_call(request, key=key or self._means.new_key())).answer

    def explain(
        self, *, gpu_models: Sequence[str], gpu_count: int, **wanted: Unpack[Wanted]
    ) -> ExplanationOut:
        """Return what would become of a request, and why each other pool fails."""
        request = self._request(gpu_models, gpu_count, wanted)
        return self._send(explain_call(request)).answer

    def look(self, request_id: str) -> CapacityRequestDetail:
        """Return a request as it stands."""
        return self._send(look_call(request_id)).answer

    def cancel(self, request_id: str) -> CapacityRequestDetail:
        """End a request that waits."""
        return self._send(cancel_call(request_id)).answer

    def leases(
        self, *, holder: str | None = None, states: Sequence[LeaseState] = ()
    ) -> Iterator[LeaseDetail]:
        """Return leases, the newest first, reading on page by page."""
        page_token: str | None = None
        while True:
            call = leases_call(holder=holder, states=states, page_token=page_token)
            page = self._send(call).answer
            yield from page.items
            page_token = page.next_page_token
            if page_token is None:
                return

    def find_lease(self, lease_id: str) -> LeaseDetail:
        """Return a lease as it stands."""
        return self._send(lease_call(lease_id)).answer

    def release(self, lease_id: str, *, fence: int) -> None:
        """Give a lease back by its id; again is as good as once."""
        self._send(release_call(lease_id, fence=fence))

    def pools(self) -> PoolList:
        """Return all pools, by id."""
        return self._send(pools_call()).answer

    def pool(self, pool_id: str) -> PoolOut:
        """Return a pool."""
        return self._send(pool_call(pool_id)).answer

    def change_pool(self, pool_id: str, change: PoolChange) -> PoolOut:
        """Change a pool as it stands now; raise StaleError if somebody else is at it."""
        gen = self.pool(pool_id).gen
        return self._send(change_pool_call(pool_id, change, gen=gen)).answer

    def _request(
        self, gpu_models: Sequence[str], gpu_count: int, wanted: Wanted
    ) -> CapacityRequest:
        holder = wanted.get("holder") or self._holder
        if holder is None:
            holder = self._holder = self._send(whoami_call()).answer.name
        return capacity_request(gpu_models, gpu_count, holder=holder, wanted=wanted)

    def _obtained(self, request: CapacityRequest, wait_seconds: float | None) -> Obtained:
        if wait_seconds != 0:
            request = request.model_copy(update={"queue": True})
        script = obtain(
            request,
            key=self._means.new_key(),
            wait_seconds=wait_seconds,
            ticks=self._means.ticks,
        )
        return self._run(script)

    def _round(self) -> float | None:
        means = self._means
        try:
            return self._run(beat(self._book, ticks=means.ticks, jitter=means.jitter), self._heart)
        except Exception:
            # A fault of ours must not leave holders in the belief that they are safe.
            log.exception("heartbeats have ended")
            self._book.lose_all("the heartbeats of this process have failed; see its log")
            return None

    def _run(self, script: Script[Result], http: httpx2.Client | None = None) -> Result:
        try:
            step = next(script)
            while True:
                try:
                    answer = self._done(step, http or self._http)
                except (TonnageError, KeyboardInterrupt) as failure:
                    step = script.throw(failure)
                else:
                    step = script.send(answer)
        except StopIteration as done:
            result: Result = done.value
            return result

    def _done(self, step: Step, http: httpx2.Client) -> Told[Any] | None:
        match step:
            case Wait(seconds=seconds):
                self._means.sleep(seconds)
                return None
            case Once(call=call, seconds=seconds):
                return self._sent(call, http, asked_at=self._means.ticks(), seconds=seconds)
            case _:
                return self._send(step)

    def _send(self, call: Call[Answer]) -> Told[Answer]:
        asked_at = self._means.ticks()
        persistence = Persistence(
            until=asked_at + int(self._means.patience_seconds * SECOND),
            may_repeat=call.may_repeat,
            ticks=self._means.ticks,
            jitter=self._means.jitter,
        )
        retrying = Retrying(
            retry=retry_if_exception(persistence.may_send_again),
            wait=persistence.pause_seconds,
            stop=persistence.is_enough,
            sleep=self._means.sleep,
            reraise=True,
        )
        return retrying(self._sent, call, self._http, asked_at=asked_at)

    def _sent(
        self,
        call: Call[Answer],
        http: httpx2.Client,
        *,
        asked_at: int,
        seconds: float | None = None,
    ) -> Told[Answer]:
        request = sent_by(http, call, seconds=seconds)
        try:
            response = http.send(request)
        except httpx2.RequestError as failure:
            raise unanswered(failure, where=self._door.where) from failure
        return told(response, call, asked_at=asked_at, where=self._door.where)
