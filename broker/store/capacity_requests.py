"""Capacity requests as people and programs read them, and the end of one that waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, or_, select, update

from broker.capacity.request import CapacitySpec, Refusal, RequestState
from broker.capacity.spec_json import spec_from_json
from broker.errors import NotFoundError
from broker.store.capacity_events import append_event
from broker.store.tables import CapacityRequestRow


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRequest:
    """A request and what became of it."""

    id: str
    principal: str
    spec: CapacitySpec
    state: RequestState
    reason: str | None
    detail: str | None
    lease_id: str | None
    created_at: datetime
    decided_at: datetime | None
    rev: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFilter:
    """Which requests are wanted; None: any. `principal` is whose they must be."""

    principal: str | None = None
    holder: str | None = None
    state: RequestState | None = None


def requests_before(
    session: Session, wanted: RequestFilter, *, before: str | None, limit: int
) -> list[StoredRequest]:
    """Return up to `limit` requests, the newest first, from before a request on."""
    query = select(CapacityRequestRow).order_by(col(CapacityRequestRow.id).desc()).limit(limit)
    if wanted.principal is not None:
        query = query.where(CapacityRequestRow.principal == wanted.principal)
    if wanted.holder is not None:
        query = query.where(CapacityRequestRow.holder == wanted.holder)
    if wanted.state is not None:
        query = query.where(CapacityRequestRow.state == wanted.state.value)
    if before is not None:
        query = query.where(col(CapacityRequestRow.id) < before)
    return [_stored(row) for row in session.exec(query)]


def find_request(session: Session, request_id: str, *, principal: str | None) -> StoredRequest:
    """Return a request, or raise NotFoundError; also for one that is not the principal's."""
    row = session.get(CapacityRequestRow, request_id)
    if row is None or principal not in (None, row.principal):
        raise NotFoundError(
            f"there is no capacity request {request_id[:64]} of yours; "
            "see: GET /v1/capacity-requests"
        )
    return _stored(row)


def position_of(session: Session, request_id: str) -> int | None:
    """Return the place of a request among those that wait, 1 being next; None if it does not."""
    row = session.get(CapacityRequestRow, request_id)
    if row is None or row.state != RequestState.PENDING:
        return None
    earlier = (col(CapacityRequestRow.priority) == row.priority) & (
        col(CapacityRequestRow.created_at) < row.created_at
    )
    before = select(func.count()).where(
        CapacityRequestRow.state == RequestState.PENDING.value,
        or_(col(CapacityRequestRow.priority) > row.priority, earlier),
    )
    return 1 + session.exec(before).one()


def cancel_request(session: Session, request: StoredRequest, *, at: datetime) -> bool:
    """End a request that waits, if it is still as it was read; say whether it was."""
    done = session.exec(
        update(CapacityRequestRow)
        .where(
            col(CapacityRequestRow.id) == request.id,
            col(CapacityRequestRow.state) == RequestState.PENDING.value,
            col(CapacityRequestRow.rev) == request.rev,
        )
        .values(
            state=RequestState.CANCELLED.value,
            reason=Refusal.CANCELLED.value,
            decided_at=at,
            rev=request.rev + 1,
        )
    )
    if done.rowcount != 1:
        return False
    append_event(
        session,
        "request.cancelled",
        request.id,
        holder=request.spec.holder,
        principal=request.principal,
        at=at,
        data={"gpu_count": request.spec.gpu_count},
    )
    return True


def _stored(row: CapacityRequestRow) -> StoredRequest:
    return StoredRequest(
        id=row.id,
        principal=row.principal,
        spec=spec_from_json(row.spec),
        state=RequestState(row.state),
        reason=row.reason,
        detail=row.detail,
        lease_id=row.lease_id,
        created_at=row.created_at,
        decided_at=row.decided_at,
        rev=row.rev,
    )
