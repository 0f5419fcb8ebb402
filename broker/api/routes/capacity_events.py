"""Capacity events: a page at a time, or as they happen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from broker.access.scope import Scope
from broker.api.wire.events import HIGHEST_SEQ, CapacityEventList, CapacityEventOut, server_sent
from broker.api.wiring import Caller, WiringDep, is_still_welcome, reads_of, requires
from broker.clock import ticks_now
from broker.errors import BadInputError
from broker.flows.read_capacity_events import (
    MOST_EVENTS,
    Follow,
    capacity_events,
    follow_events,
)

STREAM: Final = "text/event-stream"
USUAL_EVENTS: Final = 100

router = APIRouter(prefix="/v1", tags=["capacity"])

Reader = Annotated[Caller, requires(Scope.CAPACITY_READ)]


@router.get(
    "/events",
    response_model=CapacityEventList,
    responses={200: {"content": {STREAM: {"schema": {"type": "string"}}}}},
)
async def events(
    request: Request,
    wiring: WiringDep,
    caller: Reader,
    after: Annotated[
        int | None, Query(ge=0, le=HIGHEST_SEQ, description="of the last event you have had")
    ] = None,
    limit: Annotated[
        int | None,
        Query(ge=1, le=MOST_EVENTS, description="a stream without one goes on and on"),
    ] = None,
    accept: Annotated[str, Header(max_length=1000)] = "",
    last_event_id: Annotated[
        str | None, Header(max_length=100, description="of a stream that broke; goes before after")
    ] = None,
) -> Response:
    """Tell what happened, in order and without gaps; as a stream where text/event-stream is asked.

    A holder of leases is told of their own.
    """
    behind = _number(last_event_id) if last_event_id else after or 0
    principal = reads_of(caller)
    if STREAM not in accept.lower():
        found = await run_in_threadpool(
            capacity_events,
            wiring.database,
            after=behind,
            principal=principal,
            limit=limit or USUAL_EVENTS,
        )
        told = CapacityEventList(
            items=[CapacityEventOut.of(event) for event in found],
            next=found[-1].seq if found else behind,
        )
        return Response(told.model_dump_json(), media_type="application/json")

    async def is_welcome() -> bool:
        return await is_still_welcome(request)

    async def lines() -> AsyncIterator[str]:
        wanted = Follow(after=behind, principal=principal, most=limit)
        async for event in follow_events(
            wiring.database, wanted, ticks=ticks_now, is_welcome=is_welcome
        ):
            yield server_sent(event)

    return StreamingResponse(
        lines(), media_type=STREAM, headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
    )


def _number(last_event_id: str) -> int:
    text = last_event_id.strip()
    if not (text.isascii() and text.isdigit()) or int(text) > HIGHEST_SEQ:
        raise BadInputError("Last-Event-ID is the number of an event, as the stream told it")
    return int(text)
