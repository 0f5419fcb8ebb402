"""How GPUs are obtained, step by step, without doing any of it: shared by both clients.

A script yields what is to be done next, a call or a wait, and is told the answer or the error. Who
runs it decides whether a thread sleeps or an event loop goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TypeVar

from broker.api.capacity_calls import (
    Answer,
    Call,
    Told,
    ask_call,
    cancel_call,
    lease_call,
    look_call,
)
from broker.api.heartbeat import SECOND
from broker.api.wire.capacity import CapacityRequest, CapacityRequestDetail
from broker.api.wire.leases import Lease
from broker.capacity.request import RequestState
from broker.clock import Ticks
from broker.errors import (
    InsufficientCapacityError,
    LeaseLostError,
    RefusedError,
    TonnageError,
)

FIRST_LOOK_SECONDS: Final = 0.5
LONGEST_LOOK_SECONDS: Final = 5.0
"""A request that waits is looked at after the first, then after twice that, up to the longest."""

LOOKS_PER_TTL: Final = 3
"""A short lease must be found before nobody has confirmed it for too long."""

LAST_WORD_SECONDS: Final = 2.0
"""How long somebody who wants to leave is kept by a call that tidies up."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing is to be done for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Obtained:
    """A lease that was granted no earlier than at a tick of the client's clock."""

    lease: Lease
    not_before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """A call that is sent one time only, and may take so many seconds."""

    call: Call[Any]
    seconds: float


Step = Call[Any] | Once | Wait
Script = Generator[Step, Any, Result]


def ask(call: Call[Answer]) -> Script[Told[Answer]]:
    """Make one call."""
    answered: Told[Answer] = yield call
    return answered


def obtain(
    request: CapacityRequest, *, key: str, wait_seconds: float | None, ticks: Ticks
) -> Script[Obtained]:
    """Ask until GPUs are granted; a request that is still pending after the wait is cancelled.

    `wait_seconds` None waits as long as the request does. Raises InsufficientCapacityError, saying
    what would have helped, and LeaseLostError if the lease of this key has ended already.
    """
    asked = yield from ask(ask_call(request, key=key))
    if asked.answer.lease is not None:
        # Counted from the first sending: an answer that was lost may have granted it then.
        return _live(Obtained(lease=asked.answer.lease, not_before=asked.asked_at))
    queued = _Queued(
        request_id=asked.answer.id,
        until=None if wait_seconds is None else asked.asked_at + int(wait_seconds * SECOND),
        longest=min(LONGEST_LOOK_SECONDS, request.ttl_seconds / LOOKS_PER_TTL),
    )
    try:
        return (yield from _awaited(queued, pending_at=asked.asked_at, ticks=ticks))
    except (KeyboardInterrupt, asyncio.CancelledError):
        # Nobody is there to take the GPUs. If this is not heard, nobody confirms the grant either.
        with suppress(TonnageError):
            yield Once(call=cancel_call(queued.request_id), seconds=LAST_WORD_SECONDS)
        raise


@dataclass(frozen=True, slots=True, kw_only=True)
class _Queued:
    """A request that waits, until when its holder does, and how seldom to look at it."""

    request_id: str
    until: int | None
    longest: float


def _awaited(queued: _Queued, *, pending_at: int, ticks: Ticks) -> Script[Obtained]:
    pause = min(FIRST_LOOK_SECONDS, queued.longest)
    while queued.until is None or ticks() < queued.until:
        left = pause if queued.until is None else (queued.until - ticks()) / SECOND
        yield Wait(seconds=max(0.0, min(pause, left)))
        seen = yield from ask(look_call(queued.request_id))
        if seen.answer.state is not RequestState.PENDING:
            return (yield from _decided(seen.answer, pending_at=pending_at))
        pending_at, pause = seen.asked_at, min(pause * 2, queued.longest)
    return (yield from _given_up(queued, pending_at=pending_at))


def _given_up(queued: _Queued, *, pending_at: int) -> Script[Obtained]:
    try:
        ended = yield from ask(cancel_call(queued.request_id))
    except RefusedError:  # decided this very moment: take what there is
        ended = yield from ask(look_call(queued.request_id))
        return (yield from _decided(ended.answer, pending_at=pending_at))
    _refuse(
        ended.answer, "not granted in the time that you would wait, so the request is cancelled"
    )


def _decided(found: CapacityRequestDetail, *, pending_at: int) -> Script[Obtained]:
    if found.lease_id is not None:
        # Granted after the last look that found it pending was sent.
        lease = yield from ask(lease_call(found.lease_id))
        return _live(Obtained(lease=lease.answer, not_before=pending_at))
    if found.state is RequestState.CANCELLED:
        raise RefusedError("the request was cancelled while it waited; ask again to wait anew")
    _refuse(found, f"not granted ({found.reason or found.state})")


def _refuse(found: CapacityRequestDetail, what: str) -> NoReturn:
    helps = found.detail or "a longer wait, fewer GPUs or fewer conditions"
    raise InsufficientCapacityError(f"{what}; what would have helped: {helps}")


def _live(obtained: Obtained) -> Obtained:
    if not obtained.lease.state.is_live:
        raise LeaseLostError(
            f"lease {obtained.lease.id} was granted and is {obtained.lease.state} already, as "
            "nobody kept it alive; ask again"
        )
    return obtained
