"""Capacity requests: ask, ask for many, ask what would become of it, look, cancel.

Asking is the hot path: nothing here waits for the database but for the commit itself.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response

from broker.access.scope import Scope
from broker.api.express import Express, without_query
from broker.api.idempotency import KEY_PARAMETER, REPLAYED_HEADER, key_of, marked
from broker.api.json_body import JSON, described_body, json_body, read_json
from broker.api.preconditions import ETAG, IfMatch, etag
from broker.api.problems import described, kind_of
from broker.api.wire.capacity import (
    BatchResult,
    BatchResults,
    CapacityAnswer,
    CapacityBatch,
    CapacityRequest,
    CapacityRequestDetail,
    CapacityRequestList,
)
from broker.api.wire.explanation import ExplanationOut
from broker.api.wire.leases import Lease
from broker.api.wiring import Caller, Wiring, WiringDep, reads_of, requires
from broker.capacity.request import RequestState
from broker.flows.read_leases import cancel_capacity, request_page, show_request
from broker.flows.request_capacity import Ask, Decision, explain_capacity, request_capacity
from broker.store.capacity_requests import RequestFilter

MOST_PER_PAGE: Final = 500
USUAL_PER_PAGE: Final = 100

router = APIRouter(prefix="/v1", tags=["capacity"])

Reader = Annotated[Caller, requires(Scope.CAPACITY_READ)]
Writer = Annotated[Caller, requires(Scope.CAPACITY_WRITE)]
OneRequest = Annotated[CapacityRequest, json_body(CapacityRequest)]
ManyRequests = Annotated[CapacityBatch, json_body(CapacityBatch)]
RequestId = Annotated[str, Path(max_length=64, description="the id of a capacity request")]

_LOCATION: Final = {
    "Location": {"description": "the lease, or the request", "schema": {"type": "string"}}
}
_STATUS_OF: Final = {
    RequestState.GRANTED: HTTPStatus.CREATED,
    RequestState.PENDING: HTTPStatus.ACCEPTED,
}


@router.post(
    "/capacity-requests",
    status_code=201,
    response_model=CapacityAnswer,
    responses={
        201: {"description": "Granted", "headers": {**_LOCATION, **REPLAYED_HEADER}},
        202: {
            "description": "Pending",
            "model": CapacityAnswer,
            "headers": {**_LOCATION, **REPLAYED_HEADER},
        },
        **described(415),
    },
    openapi_extra={**described_body(CapacityRequest), **KEY_PARAMETER},
)
async def ask(request: Request, wiring: WiringDep, caller: Writer, body: OneRequest) -> Response:
    """Ask for GPUs: granted at once, or pending if it may wait; a refusal says what would help."""
    asked = Ask(spec=body.spec(), idempotency_key=key_of(request), principal=caller.principal)
    (decision,) = await request_capacity(wiring.desk, [asked])
    if decision.refusal is not None:
        raise decision.refusal
    answer = _answer(decision, caller)
    place = f"leases/{answer.lease.id}" if answer.lease else f"capacity-requests/{answer.id}"
    return Response(
        answer.model_dump_json(),
        _STATUS_OF[answer.state],
        headers={"Location": f"/v1/{place}", **marked(decision.is_replayed)},
        media_type=JSON,
    )


@router.post(
    "/capacity-requests:batch",
    response_model=BatchResults,
    responses=described(415),
    openapi_extra=described_body(CapacityBatch),
)
async def ask_for_many(wiring: WiringDep, caller: Writer, body: ManyRequests) -> Response:
    """Ask for GPUs several times at once: a result each, with the status it would have had alone."""
    asks = [
        Ask(spec=item.spec(), idempotency_key=item.idempotency_key, principal=caller.principal)
        for item in body.items
    ]
    decisions = await request_capacity(wiring.desk, asks)
    results = [
        _result(ask.idempotency_key, decision, caller)
        for ask, decision in zip(asks, decisions, strict=True)
    ]
    return Response(BatchResults(items=results).model_dump_json(), media_type=JSON)


@router.post(
    "/capacity-requests:explain",
    response_model=ExplanationOut,
    responses=described(415),
    openapi_extra=described_body(CapacityRequest),
)
async def explain(wiring: WiringDep, caller: Reader, body: OneRequest) -> ExplanationOut:
    """Say what would become of a request: the ways to serve it, and why each other pool fails."""
    found = await explain_capacity(wiring.desk, body.spec())
    return ExplanationOut.of(found, with_prices=Scope.CONTRACTS_READ in caller.scopes)


@router.get("/capacity-requests")
def requests(
    wiring: WiringDep,
    caller: Reader,
    state: RequestState | None = None,
    holder: Annotated[str | None, Query(max_length=100)] = None,
    page_size: Annotated[int, Query(ge=1, le=MOST_PER_PAGE)] = USUAL_PER_PAGE,
    page_token: Annotated[str | None, Query(max_length=200)] = None,
) -> CapacityRequestList:
    """List capacity requests, the newest first; a holder of leases sees their own."""
    wanted = RequestFilter(principal=reads_of(caller), holder=holder, state=state)
    page = request_page(wiring.database, wanted, page_size=page_size, page_token=page_token)
    return CapacityRequestList(
        items=[CapacityRequestDetail.of(each) for each in page.requests],
        next_page_token=page.next_page_token,
    )


@router.get("/capacity-requests/{request_id}", responses={200: {"headers": ETAG}})
def one(
    wiring: WiringDep, caller: Reader, request_id: RequestId, response: Response
) -> CapacityRequestDetail:
    """Return a capacity request and what became of it; of a pending one its place in the queue."""
    found = show_request(wiring.database, request_id, principal=reads_of(caller))
    response.headers.update(etag(found.request.rev))
    return CapacityRequestDetail.of(found.request, position=found.position)


@router.post(
    "/capacity-requests/{request_id}/cancel",
    responses={200: {"headers": ETAG}, **described(412)},
)
def cancel(
    wiring: WiringDep,
    caller: Writer,
    request_id: RequestId,
    if_match: IfMatch,
    response: Response,
) -> CapacityRequestDetail:
    """End a request that waits; twice is as good as once. A granted one has a lease to release."""
    found = cancel_capacity(
        wiring.database,
        request_id,
        principal=caller.reach,
        if_rev=if_match,
        clock=wiring.clock,
    )
    response.headers.update(etag(found.rev))
    return CapacityRequestDetail.of(found)


def _answer(decision: Decision, caller: Caller) -> CapacityAnswer:
    lease = decision.lease
    with_prices = Scope.CONTRACTS_READ in caller.scopes
    return CapacityAnswer(
        id=decision.request_id,
        state=decision.state or RequestState.REJECTED,
        reason=decision.reason,
        detail=decision.detail,
        lease=None if lease is None else Lease.of(lease, with_prices=with_prices),
    )


def _result(key: str, decision: Decision, caller: Caller) -> BatchResult:
    refusal: Any = decision.refusal
    kind = None if refusal is None else kind_of(refusal)
    answer = _answer(decision, caller) if refusal is None else None
    return BatchResult(
        idempotency_key=key,
        status=kind.status if kind else _STATUS_OF[decision.state or RequestState.GRANTED],
        is_replayed=decision.is_replayed,
        answer=answer,
        code=kind.code if kind else None,
        detail=str(refusal) if kind else None,
    )


async def _ask_plainly(request: Request, wiring: Wiring, caller: Caller) -> Response:
    return await ask(request, wiring, caller, await read_json(request, CapacityRequest))


EXPRESS: Final = (Express(endpoint=ask, answer=_ask_plainly, is_plain=without_query),)
