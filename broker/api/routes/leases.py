"""Leases: look, keep alive, give back. A holder's are their own; who administers, anybody's."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response, status
from starlette.types import Scope as Connection

from broker.access.scope import Scope
from broker.api.express import LONGEST_ID, Express, without_query
from broker.api.json_body import JSON, described_body, json_body, read_json
from broker.api.preconditions import ETAG, etag
from broker.api.problems import described
from broker.api.wire.leases import (
    HIGHEST_FENCE,
    Heartbeat,
    HeartbeatBatch,
    LeaseDetail,
    LeaseList,
    RenewalResult,
    RenewalResults,
    Renewed,
)
from broker.api.wiring import Caller, Wiring, WiringDep, reads_of, requires
from broker.capacity.lease import LeaseState
from broker.flows.keep_leases import release_lease, renew_lease
from broker.flows.read_leases import lease_page, show_lease
from broker.store.grants import Beat, Return
from broker.store.leases import LeaseFilter

MOST_PER_PAGE: Final = 500
USUAL_PER_PAGE: Final = 100

router = APIRouter(prefix="/v1", tags=["leases"])

Reader = Annotated[Caller, requires(Scope.CAPACITY_READ)]
Writer = Annotated[Caller, requires(Scope.CAPACITY_WRITE)]
LeaseId = Annotated[str, Path(max_length=LONGEST_ID, description="the id of a lease")]
OneBeat = Annotated[Heartbeat, json_body(Heartbeat)]
ManyBeats = Annotated[HeartbeatBatch, json_body(HeartbeatBatch)]


@router.get("/leases")
def leases(
    wiring: WiringDep,
    caller: Reader,
    holder: Annotated[str | None, Query(max_length=100)] = None,
    state: Annotated[list[LeaseState] | None, Query(max_length=10)] = None,
    pool: Annotated[str | None, Query(max_length=64, description="the id of a pool")] = None,
    page_size: Annotated[int, Query(ge=1, le=MOST_PER_PAGE)] = USUAL_PER_PAGE,
    page_token: Annotated[str | None, Query(max_length=200)] = None,
) -> LeaseList:
    """List leases, the newest first; a holder of leases sees their own."""
    wanted = LeaseFilter(
        principal=reads_of(caller), holder=holder, states=state or (), pool_id=pool
    )
    page = lease_page(wiring.database, wanted, page_size=page_size, page_token=page_token)
    with_prices = Scope.CONTRACTS_READ in caller.scopes
    return LeaseList(
        items=[LeaseDetail.stored(each, with_prices=with_prices) for each in page.leases],
        next_page_token=page.next_page_token,
    )


@router.get("/leases/{lease_id}", responses={200: {"headers": ETAG}})
def one(wiring: WiringDep, caller: Reader, lease_id: LeaseId, response: Response) -> LeaseDetail:
    """Return a lease as it stands."""
    found = show_lease(wiring.database, lease_id, principal=reads_of(caller))
    response.headers.update(etag(found.lease.rev))
    return LeaseDetail.stored(found, with_prices=Scope.CONTRACTS_READ in caller.scopes)


@router.post(
    "/leases/{lease_id}/renew",
    response_model=Renewed,
    responses=described(415),
    openapi_extra=described_body(Heartbeat),
)
async def renew(wiring: WiringDep, caller: Writer, lease_id: LeaseId, body: OneBeat) -> Response:
    """Keep a lease alive for another TTL; the first time confirms it. 409 if it is lost."""
    kept = await renew_lease(wiring.desk.grants, _beat(lease_id, body, caller))
    renewed = Renewed(lease_id=lease_id, state=kept.state, expires_at=kept.expires_at)
    return Response(renewed.model_dump_json(), media_type=JSON)


@router.post(
    "/leases:renew",
    response_model=RenewalResults,
    responses=described(415),
    openapi_extra=described_body(HeartbeatBatch),
)
async def renew_many(wiring: WiringDep, caller: Writer, body: ManyBeats) -> Response:
    """Keep many leases alive at once: a result each, also for those that are lost."""
    beats = [_beat(item.lease_id, item, caller) for item in body.items]
    found = await wiring.desk.grants.renew_many(beats)
    results = RenewalResults(
        items=[
            RenewalResult(
                lease_id=beat.lease_id,
                is_lost=renewal.expires_at is None,
                state=renewal.state,
                expires_at=renewal.expires_at,
            )
            for beat, renewal in zip(beats, found, strict=True)
        ]
    )
    return Response(results.model_dump_json(), media_type=JSON)


@router.delete("/leases/{lease_id}", status_code=status.HTTP_204_NO_CONTENT)
async def release(
    wiring: WiringDep,
    caller: Writer,
    lease_id: LeaseId,
    fence: Annotated[int, Query(ge=1, le=HIGHEST_FENCE, description="of the lease")],
) -> None:
    """Give a lease back; again is as good as once. 409 if it ended otherwise."""
    back = Return(lease_id=lease_id, fence=fence, principal=caller.reach)
    await release_lease(wiring.desk.grants, back)


async def _renew_plainly(request: Request, wiring: Wiring, caller: Caller) -> Response:
    body = await read_json(request, Heartbeat)
    return await renew(wiring, caller, request.path_params["lease_id"], body)


async def _renew_many_plainly(request: Request, wiring: Wiring, caller: Caller) -> Response:
    return await renew_many(wiring, caller, await read_json(request, HeartbeatBatch))


async def _release_plainly(request: Request, wiring: Wiring, caller: Caller) -> Response:
    fence = int(request.scope["query_string"].removeprefix(_FENCE_IS))
    await release(wiring, caller, request.path_params["lease_id"], fence)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


def _is_one_fence(connection: Connection) -> bool:
    return _ONE_FENCE.fullmatch(connection["query_string"]) is not None


_FENCE_IS: Final = b"fence="
_ONE_FENCE: Final = re.compile(_FENCE_IS + rb"[1-9][0-9]{0,17}")  # all of these are below 2**63

EXPRESS: Final = (
    Express(endpoint=renew, answer=_renew_plainly, is_plain=without_query),
    Express(endpoint=renew_many, answer=_renew_many_plainly, is_plain=without_query),
    Express(endpoint=release, answer=_release_plainly, is_plain=_is_one_fence),
)


def _beat(lease_id: str, body: Heartbeat, caller: Caller) -> Beat:
    return Beat(
        lease_id=lease_id,
        fence=body.fence,
        ttl_seconds=body.ttl_seconds,
        principal=caller.reach,
    )
