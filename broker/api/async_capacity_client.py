"""The client of the capacity API for event loops: as the one for threads, with `async` and `await`.

    async with AsyncCapacityClient(url, key) as api:
        async with api.lease(gpu_models=["B200"], gpu_count=8) as lease:
            await start(nodes, tag=lease.fence)
            await lease.lost.wait()

Leases are renewed by a task of the client's own: a loop that is blocked sends no heartbeats, so
`lease.is_safe()` is to be asked after anything that may have blocked it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from secrets import SystemRandom
from typing import Any, Protocol, TypeAlias, Unpack

import httpx2
from tenacity import AsyncRetrying, retry_if_exception

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
from broker.api.capacity_client import PATIENCE_SECONDS
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

log = logging.getLogger(__name__)

TaskLease: TypeAlias = HeldLease[asyncio.Event]
"""A lease whose `lost` tasks can wait for."""

AsyncRound = Callable[[], Awaitable[float | None]]
"""Sends the heartbeats that are due, and returns the seconds to the next; None: nothing held."""


class AsyncPulse(Protocol):
    """What sends heartbeats in the background."""

    def start(self, round_: AsyncRound) -> None:
        """Begin to send them, or look again at what is due."""

    async def stop(self) -> None:
        """Send no more; one that is under way is ended."""


class TaskPulse:
    """Sends heartbeats from a task of the running loop."""

    def __init__(self) -> None:
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self, round_: AsyncRound) -> None:
        """Begin to send them, or look again at what is due."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(round_), name="tonnage-heartbeats")
        self._wake.set()

    async def stop(self) -> None:
        """Send no more; one that is under way is ended."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, round_: AsyncRound) -> None:
        while True:
            self._wake.clear()
            seconds = await round_()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._wake.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncMeans:
    """What a client needs of the world beside the network."""

    ticks: Ticks = ticks_now
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Jitter = field(default_factory=lambda: SystemRandom().random)
    new_key: Callable[[], str] = new_id
    pulse: Callable[[], AsyncPulse] = TaskPulse
    patience_seconds: float = PATIENCE_SECONDS


class AsyncCapacityClient:
    """One caller of the capacity API; close it when done.

    For one event loop; its tasks may call at the same time.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        holder: str | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        means: AsyncMeans | None = None,
    ) -> None:
        self._door = Door.at(url, key)
        self._holder = holder
        self._means = means or AsyncMeans()
        self._http = self._door.open_async(transport)
        self._heart = self._door.open_async(transport)  # heartbeats never wait for other calls
        self._book = HeartbeatBook()
        self._pulse = self._means.pulse()

    async def __aenter__(self) -> AsyncCapacityClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the heartbeats and give the connections back. Leases still held end with their TTL."""
        await self._pulse.stop()
        await self._http.aclose()
        await self._heart.aclose()

    @asynccontextmanager
    async def lease(
        self,
        *,
        gpu_models: Sequence[str],
        gpu_count: int,
        wait_seconds: float | None = 0.0,
        listener: Listener | None = None,
        **wanted: Unpack[Wanted],
    ) -> AsyncIterator[TaskLease]:
        """Hold GPUs for as long as the block runs; they are given back however it ends.

        `wait_seconds` lets the request wait for capacity, None without end. Raises
        InsufficientCapacityError, telling what would have helped, and at the end LeaseLostError if
        the lease was lost, unless another error is on its way.
        """
        held = await self.hold(
            gpu_models=gpu_models,
            gpu_count=gpu_count,
            wait_seconds=wait_seconds,
            listener=listener,
            **wanted,
        )
        try:
            yield held
        except BaseException as failure:
            await self.give_back(held, leaving_with=failure)
            raise
        await self.give_back(held)

    async def hold(
        self,
        *,
        gpu_models: Sequence[str],
        gpu_count: int,
        wait_seconds: float | None = 0.0,
        listener: Listener | None = None,
        **wanted: Unpack[Wanted],
    ) -> TaskLease:
        """Obtain a lease and keep it alive until it is given back; see `lease`."""
        request = await self._request(gpu_models, gpu_count, wanted)
        got = await self._obtained(request, wait_seconds)
        ticks, jitter = self._means.ticks, self._means.jitter
        granted = Granted(
            not_before=got.not_before,
            heard_at=ticks(),
            duration_seconds=request.duration_seconds,
        )
        held: TaskLease = HeldLease(
            got.lease,
            hold=first_hold(got.lease, granted),
            lost=asyncio.Event(),
            ticks=ticks,
            listener=listener,
        )
        await self._run(confirm(held, ticks=ticks, jitter=jitter))
        self._book.add(held)
        self._pulse.start(self._round)
        return held

    async def give_back(
        self, lease: TaskLease, *, leaving_with: BaseException | None = None
    ) -> None:
        """End the heartbeats of a lease and release it; raise LeaseLostError if it was lost."""
        self._book.drop(lease.id)
        await self._run(give_back(lease, leaving_with=leaving_with))

    async def obtain(
        self,
        *,
        gpu_models: Sequence[str],
        gpu_count: int,
        wait_seconds: float | None = 0.0,
        **wanted: Unpack[Wanted],
    ) -> Lease:
        """Obtain a lease that nobody keeps alive: it ends unless somebody else renews it."""
        request = await self._request(gpu_models, gpu_count, wanted)
        return (await self._obtained(request, wait_seconds)).lease

    async def request(
        self,
        *,
        gpu_models: Sequence[str],
        gpu_count: int,
        key: str | None = None,
        **wanted: Unpack[Wanted],
    ) -> CapacityAnswer:
        """Ask once, and return what became of it: granted or pending. Nothing is kept alive."""
        request = await self._request(gpu_models, gpu_count, wanted)
        return (await self._send(ask_call(request, key=key or self._means.new_key()))).answer

    async def explain(
        self, *, gpu_models: Sequence[str], gpu_count: int, **wanted: Unpack[Wanted]
    ) -> ExplanationOut:
        """Return what would become of a request, and why each other pool fails."""
        request = await self._request(gpu_models, gpu_count, wanted)
        return (await self._send(explain_call(request))).answer

    async def look(self, request_id: str) -> CapacityRequestDetail:
        """Return a request as it stands."""
        return (await self._send(look_call(request_id))).answer

    async def cancel(self, request_id: str) -> CapacityRequestDetail:
        """End a request that waits."""
        return (await self._send(cancel_call(request_id))).answer

    async def leases(
        self, *, holder: str | None = None, states: Sequence[LeaseState] = ()
    ) -> AsyncIterator[LeaseDetail]:
        """Return leases, the newest first, reading on page by page."""
        page_token: str | None = None
        while True:
            call = leases_call(holder=holder, states=states, page_token=page_token)
            page = (await self._send(call)).answer
            for lease in page.items:
                yield lease
            page_token = page.next_page_token
            if page_token is None:
                return

    async def find_lease(self, lease_id: str) -> LeaseDetail:
        """Return a lease as it stands."""
        return (await self._send(lease_call(lease_id))).answer

    async def release(self, lease_id: str, *, fence: int) -> None:
        """Give a lease back by its id; again is as good as once."""
        await self._send(release_call(lease_id, fence=fence))

    async def pools(self) -> PoolList:
        """Return all pools, by id."""
        return (await self._send(pools_call())).answer

    async def pool(self, pool_id: str) -> PoolOut:
        """Return a pool."""
        return (await self._send(pool_call(pool_id))).answer

    async def change_pool(self, pool_id: str, change: PoolChange) -> PoolOut:
        """Change a pool as it stands now; raise StaleError if somebody else is at it."""
        gen = (await self.pool(pool_id)).gen
        return (await self._send(change_pool_call(pool_id, change, gen=gen))).answer

    async def _request(
        self, gpu_models: Sequence[str], gpu_count: int, wanted: Wanted
    ) -> CapacityRequest:
        holder = wanted.get("holder") or self._holder
        if holder is None:
            holder = self._holder = (await self._send(whoami_call())).answer.name
        return capacity_request(gpu_models, gpu_count, holder=holder, wanted=wanted)

    async def _obtained(self, request: CapacityRequest, wait_seconds: float | None) -> Obtained:
        if wait_seconds != 0:
            request = request.model_copy(update={"queue": True})
        script = obtain(
            request,
            key=self._means.new_key(),
            wait_seconds=wait_seconds,
            ticks=self._means.ticks,
        )
        return await self._run(script)

    async def _round(self) -> float | None:
        means = self._means
        try:
            return await self._run(
                beat(self._book, ticks=means.ticks, jitter=means.jitter), self._heart
            )
        except Exception:
            # A fault of ours must not leave holders in the belief that they are safe.
            log.exception("heartbeats have ended")
            self._book.lose_all("the heartbeats of this process have failed; see its log")
            return None

    async def _run(self, script: Script[Result], http: httpx2.AsyncClient | None = None) -> Result:
        try:
            step = next(script)
            while True:
                try:
                    answer = await self._done(step, http or self._http)
                except (TonnageError, asyncio.CancelledError) as failure:
                    step = script.throw(failure)
                else:
                    step = script.send(answer)
        except StopIteration as done:
            result: Result = done.value
            return result

    async def _done(self, step: Step, http: httpx2.AsyncClient) -> Told[Any] | None:
        match step:
            case Wait(seconds=seconds):
                await self._means.sleep(seconds)
                return None
            case Once(call=call, seconds=seconds):
                return await self._sent(call, http, asked_at=self._means.ticks(), seconds=seconds)
            case _:
                return await self._send(step)

    async def _send(self, call: Call[Answer]) -> Told[Answer]:
        asked_at = self._means.ticks()
        persistence = Persistence(
            until=asked_at + int(self._means.patience_seconds * SECOND),
            may_repeat=call.may_repeat,
            ticks=self._means.ticks,
            jitter=self._means.jitter,
        )
        retrying = AsyncRetrying(
            retry=retry_if_exception(persistence.may_send_again),
            wait=persistence.pause_seconds,
            stop=persistence.is_enough,
            sleep=self._means.sleep,
            reraise=True,
        )
        return await retrying(self._sent, call, self._http, asked_at=asked_at)

    async def _sent(
        self,
        call: Call[Answer],
        http: httpx2.AsyncClient,
        *,
        asked_at: int,
        seconds: float | None = None,
    ) -> Told[Answer]:
        request = sent_by(http, call, seconds=seconds)
        try:
            response = await http.send(request)
        except httpx2.RequestError as failure:
            raise unanswered(failure, where=self._door.where) from failure
        return told(response, call, asked_at=asked_at, where=self._door.where)
