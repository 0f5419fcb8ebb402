"""The calls of the capacity API as values: what is sent, how the answer is read, what is repeated.

Shared by the client for threads and the one for event loops; neither is known here.

    outcome unknown (nobody answered, 5xx), 429   the same call again, with the same key
    4xx                                           final
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final, Generic, TypedDict, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import ValidationError
from tenacity import RetryCallState

from broker.api.client_answers import CONNECT_SECONDS, SendAgainError, error_of, unknown_shape
from broker.api.heartbeat import SECOND, Hold
from broker.api.wire.capacity import CapacityAnswer, CapacityRequest, CapacityRequestDetail
from broker.api.wire.explanation import ExplanationOut
from broker.api.wire.keys import Whoami
from broker.api.wire.leases import (
    HeartbeatBatch,
    LeaseDetail,
    LeaseList,
    NamedHeartbeat,
    RenewalResults,
)
from broker.api.wire.pools import PoolChange, PoolList, PoolOut
from broker.capacity.lease import LeaseState
from broker.clock import Ticks
from broker.errors import BadInputError, Fault
from pricing.money import Money, plain

KEY_HEADER: Final = "Idempotency-Key"
REPLAYED_HEADER: Final = "Idempotent-Replayed"
MOST_PER_PAGE: Final = 500

FIRST_PAUSE_SECONDS: Final = 0.25
LONGEST_PAUSE_SECONDS: Final = 5.0
"""Sending again waits between 0 and a bound that doubles from the first to the longest."""

Answer = TypeVar("Answer")
Jitter = Callable[[], float]
"""Returns a number from 0 to 1, another each time."""


class Wanted(TypedDict, total=False):
    """What may be asked for beside `gpu_models` and `gpu_count`; None or left out: no condition.

    `max_price` caps the effective price of a GPU-hour, `min_reliability` is 0 to 1. `holder` is
    who will use the GPUs; without it that is the name of the key.
    """

    node_size: int | None
    regions: Sequence[str] | None
    residency: str | None
    min_tier: str | None
    min_reliability: Decimal | None
    max_price: Money | None
    duration_seconds: int | None
    ttl_seconds: int | None
    priority: int | None
    preemptible: bool
    gang: bool
    queue: bool
    deadline: datetime | None
    holder: str | None
    labels: Mapping[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[Answer]):
    """One call of the API. `may_repeat` says that a second time does no more than the first."""

    method: str
    path: str
    read: Callable[[bytes], Answer]
    query: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    may_repeat: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Told(Generic[Answer]):
    """An answer. `asked_at` is the tick before the call was sent for the first time."""

    answer: Answer
    asked_at: int
    is_replayed: bool = False


def capacity_request(
    gpu_models: Sequence[str], gpu_count: int, *, holder: str, wanted: Wanted
) -> CapacityRequest:
    """Return the body of a request; raise BadInputError with every fault in it."""
    values = {name: value for name, value in wanted.items() if value is not None}
    if (cap := wanted.get("max_price")) is not None:
        del values["max_price"]
        values |= {"max_price_per_gpu_hour": plain(cap.amount), "currency": str(cap.currency)}
    if (reliability := wanted.get("min_reliability")) is not None:
        values["min_reliability"] = plain(reliability)
    values |= {"gpu_models": list(gpu_models), "gpu_count": gpu_count, "holder": holder}
    try:
        return CapacityRequest.model_validate(values)
    except ValidationError as wrong:
        faults = tuple(
            Fault(
                code=one["type"],
                message=one["msg"],
                field=".".join(str(part) for part in one["loc"]) or None,
            )
            for one in wrong.errors(include_input=False, include_context=False, include_url=False)
        )
        raise BadInputError("this cannot be asked for", faults) from None


def ask_call(request: CapacityRequest, *, key: str) -> Call[CapacityAnswer]:
    """Return the call that asks for GPUs; the key makes it one request however often it is sent."""
    return Call(
        method="POST",
        path="/v1/capacity-requests",
        read=CapacityAnswer.model_validate_json,
        headers={KEY_HEADER: key},
        body=_body(request),
    )


def explain_call(request: CapacityRequest) -> Call[ExplanationOut]:
    """Return the call that asks what would become of a request."""
    return Call(
        method="POST",
        path="/v1/capacity-requests:explain",
        read=ExplanationOut.model_validate_json,
        body=_body(request),
    )


def look_call(request_id: str) -> Call[CapacityRequestDetail]:
    """Return the call that reads a request."""
    return Call(
        method="GET",
        path=f"/v1/capacity-requests/{_segment(request_id)}",
        read=CapacityRequestDetail.model_validate_json,
    )


def cancel_call(request_id: str) -> Call[CapacityRequestDetail]:
    """Return the call that ends a request which waits."""
    return Call(
        method="POST",
        path=f"/v1/capacity-requests/{_segment(request_id)}/cancel",
        read=CapacityRequestDetail.model_validate_json,
    )


def leases_call(
    *, holder: str | None, states: Sequence[LeaseState], page_token: str | None
) -> Call[LeaseList]:
    """Return the call that reads a page of leases."""
    query: dict[str, str | Sequence[str]] = {"page_size": str(MOST_PER_PAGE)}
    if holder is not None:
        query["holder"] = holder
    if states:
        query["state"] = [state.value for state in states]
    if page_token is not None:
        query["page_token"] = page_token
    return Call(method="GET", path="/v1/leases", read=LeaseList.model_validate_json, query=query)


def lease_call(lease_id: str) -> Call[LeaseDetail]:
    """Return the call that reads a lease."""
    return Call(
        method="GET",
        path=f"/v1/leases/{_segment(lease_id)}",
        read=LeaseDetail.model_validate_json,
    )


def renew_call(holds: Sequence[Hold]) -> Call[RenewalResults]:
    """Return the heartbeats of some leases at once."""
    items = [NamedHeartbeat(lease_id=hold.lease_id, fence=hold.fence) for hold in holds]
    return Call(
        method="POST",
        path="/v1/leases:renew",
        read=RenewalResults.model_validate_json,
        body=HeartbeatBatch(items=items).model_dump_json().encode(),
    )


def release_call(lease_id: str, *, fence: int) -> Call[None]:
    """Return the call that gives a lease back."""
    return Call(
        method="DELETE",
        path=f"/v1/leases/{_segment(lease_id)}",
        read=_nothing,
        query={"fence": str(fence)},
    )


def pools_call() -> Call[PoolList]:
    """Return the call that reads all pools."""
    return Call(method="GET", path="/v1/pools", read=PoolList.model_validate_json)


def pool_call(pool_id: str) -> Call[PoolOut]:
    """Return the call that reads a pool."""
    return Call(
        method="GET", path=f"/v1/pools/{_segment(pool_id)}", read=PoolOut.model_validate_json
    )


def change_pool_call(pool_id: str, change: PoolChange, *, gen: int) -> Call[PoolOut]:
    """Return the call that changes a pool as it was read; sent twice, the second finds it stale."""
    return Call(
        method="PATCH",
        path=f"/v1/pools/{_segment(pool_id)}",
        read=PoolOut.model_validate_json,
        headers={"If-Match": f'"{gen}"'},
        body=change.model_dump_json(exclude_unset=True).encode(),
        may_repeat=False,
    )


def whoami_call() -> Call[Whoami]:
    """Return the call that reads who the key belongs to."""
    return Call(method="GET", path="/v1/whoami", read=Whoami.model_validate_json)


def sent_by(
    http: httpx2.Client | httpx2.AsyncClient, call: Call[Answer], *, seconds: float | None
) -> httpx2.Request:
    """Return a call as HTTP; `seconds` to give up after, None for as long as any call may take."""
    headers = dict(call.headers)
    if call.body is not None:
        headers["Content-Type"] = "application/json"
    request = http.build_request(
        call.method, call.path, params=dict(call.query), headers=headers, content=call.body
    )
    if seconds is not None:
        # Connecting and answering together: a quarter and three quarters of the time.
        limits = httpx2.Timeout(seconds * 3 / 4, connect=min(CONNECT_SECONDS, seconds / 4))
        request.extensions = {**request.extensions, "timeout": limits.as_dict()}
    return request


def told(
    response: httpx2.Response, call: Call[Answer], *, asked_at: int, where: str
) -> Told[Answer]:
    """Return what a response tells, or raise the error that it stands for."""
    if not response.is_success:
        raise error_of(response, where=where)
    try:
        answer = call.read(response.content)
    except ValidationError:
        # Not chained: its message quotes the answer, and that may hold contract prices.
        raise unknown_shape(call.path, where=where) from None
    is_replayed = response.headers.get(REPLAYED_HEADER) == "true"
    return Told(answer=answer, asked_at=asked_at, is_replayed=is_replayed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Persistence:
    """How long and how often a call is sent again: with full jitter, until a tick."""

    until: int
    may_repeat: bool
    ticks: Ticks
    jitter: Jitter

    def may_send_again(self, failure: BaseException) -> bool:
        """Say whether the same may be sent again: the outcome is unknown, or nothing was done."""
        return self.may_repeat and isinstance(failure, SendAgainError)

    def pause_seconds(self, state: RetryCallState) -> float:
        """Return how long to wait: as long as the server asks for, or by chance below a bound."""
        bound = FIRST_PAUSE_SECONDS * 2.0 ** min(state.attempt_number - 1, 16)
        pause = min(bound, LONGEST_PAUSE_SECONDS) * self.jitter()
        failure = state.outcome.exception() if state.outcome else None
        asked = failure.retry_after_seconds if isinstance(failure, SendAgainError) else None
        return pause if asked is None else max(asked, pause)

    def is_enough(self, state: RetryCallState) -> bool:
        """Say whether the next attempt would begin too late."""
        return self.ticks() + state.upcoming_sleep * SECOND >= self.until


def _body(request: CapacityRequest) -> bytes:
    return request.model_dump_json(exclude_none=True).encode()


def _nothing(_content: bytes) -> None:
    return None


def _segment(name: str) -> str:
    return quote(name, safe="")
