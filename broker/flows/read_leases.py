"""Reads leases and capacity requests, page by page, and ends a request that waits."""

from __future__ import annotations

from dataclasses import dataclass

from broker.capacity.request import RequestState
from broker.clock import Clock
from broker.errors import RefusedError, StaleError
from broker.store.capacity_events import lock_events
from broker.store.capacity_requests import (
    RequestFilter,
    StoredRequest,
    cancel_request,
    find_request,
    position_of,
    requests_before,
)
from broker.store.engine import Database
from broker.store.leases import LeaseFilter, StoredLease, find_lease, leases_before
from broker.store.paging import id_in, token_after


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasePage:
    """Leases, the newest first, and how to read on."""

    leases: list[StoredLease]
    next_page_token: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPage:
    """Requests, the newest first, and how to read on."""

    requests: list[StoredRequest]
    next_page_token: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedRequest:
    """A request and its place among those that wait."""

    request: StoredRequest
    position: int | None


def lease_page(
    database: Database, wanted: LeaseFilter, *, page_size: int, page_token: str | None
) -> LeasePage:
    """Return a page of leases; raise BadInputError for a token that is none."""
    before = None if page_token is None else id_in(page_token)
    with database.reading() as session:
        found = leases_before(session, wanted, before=before, limit=page_size + 1)
    page = found[:page_size]
    more = token_after(page[-1].lease.id) if len(found) > page_size else None
    return LeasePage(leases=page, next_page_token=more)


def show_lease(database: Database, lease_id: str, *, principal: str | None) -> StoredLease:
    """Return a lease, or raise NotFoundError; `principal` is whose it must be, None: anybody's."""
    with database.reading() as session:
        return find_lease(session, lease_id, principal=principal)


def request_page(
    database: Database, wanted: RequestFilter, *, page_size: int, page_token: str | None
) -> RequestPage:
    """Return a page of requests; raise BadInputError for a token that is none."""
    before = None if page_token is None else id_in(page_token)
    with database.reading() as session:
        found = requests_before(session, wanted, before=before, limit=page_size + 1)
    page = found[:page_size]
    more = token_after(page[-1].id) if len(found) > page_size else None
    return RequestPage(requests=page, next_page_token=more)


def show_request(database: Database, request_id: str, *, principal: str | None) -> PlacedRequest:
    """Return a request, or raise NotFoundError."""
    with database.reading() as session:
        found = find_request(session, request_id, principal=principal)
        return PlacedRequest(request=found, position=position_of(session, request_id))


def cancel_capacity(
    database: Database,
    request_id: str,
    *,
    principal: str | None,
    if_rev: int | None,
    clock: Clock,
) -> StoredRequest:
    """End a request that waits, and return it; cancelling twice changes nothing.

    Raises StaleError when it is no longer of revision `if_rev`, and RefusedError when it was
    granted or refused meanwhile.
    """
    with database.writing() as session:
        lock_events(session)
        found = find_request(session, request_id, principal=principal)
        if if_rev is not None and found.rev != if_rev:
            raise StaleError(
                f"the request has changed since it was read (revision {found.rev}, not {if_rev}); "
                "read it again"
            )
        if found.state is RequestState.CANCELLED:
            return found
        _refuse_unless_pending(found)
        if not cancel_request(session, found, at=clock()):
            raise StaleError("the request was decided this very moment; read it again")
        session.flush()
        session.expire_all()
        return find_request(session, request_id, principal=principal)


def _refuse_unless_pending(found: StoredRequest) -> None:
    if found.state is RequestState.GRANTED:
        raise RefusedError(f"the request was granted; release its lease instead: {found.lease_id}")
    if found.state is not RequestState.PENDING:
        raise RefusedError(f"the request is {found.state} already; there is nothing to cancel")
