"""Turns everything that goes wrong into one shape: problem+json (RFC 9457).

Refusals carry their own message. A failure nobody expected carries none: its message may quote
what caused it, so the caller gets the request id and the log gets the place.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from broker import errors
from broker.api.wire.problem import MEDIA_TYPE, Problem, ProblemFault
from broker.store.grants import BusyError

RETRY_AFTER_SECONDS: Final = 2
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
V1_STATUSES: Final = (400, 401, 403, 404, 409, 413, 422, 429, 500, 503)
"""What any route under /v1 may answer besides its success."""

_LONGEST_FIELD: Final = 100

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kind:
    """How one branch of the tree of errors is answered."""

    status: int
    code: str
    title: str
    retry_after_seconds: int | None = None  # None: as for any other of this status


_KINDS: Final[dict[type[BaseException], Kind]] = {
    errors.BadInputError: Kind(400, "bad-input", "The input cannot be read"),
    errors.MissingPreconditionError: Kind(428, "precondition-required", "If-Match is missing"),
    errors.MediaTypeError: Kind(415, "media-type", "The body is of another kind"),
    errors.NotSignedInError: Kind(401, "not-signed-in", "No valid API key or token"),
    errors.NotAllowedError: Kind(403, "not-allowed", "The key or token lacks the right"),
    errors.NotFoundError: Kind(404, "not-found", "No such thing"),
    errors.ConflictError: Kind(409, "conflict", "Somebody else was first"),
    errors.StaleError: Kind(412, "stale", "It has changed since it was read"),
    errors.InsufficientCapacityError: Kind(
        409, "insufficient-capacity", "No pool serves this request now"
    ),
    errors.ReusedKeyError: Kind(422, "idempotency-mismatch", "The key belongs to another request"),
    errors.LeaseLostError: Kind(409, "lease-lost", "The lease is not held any more"),
    errors.BrokenLedgerError: Kind(409, "broken-ledger", "The books do not verify"),
    errors.RefusedError: Kind(409, "refused", "The books do not allow it"),
    BusyError: Kind(503, "busy", "More is waiting than may wait", retry_after_seconds=1),
    errors.UnreachableError: Kind(503, "unreachable", "Something outside did not answer"),
}
_INTERNAL: Final = Kind(500, "internal", "Something failed that should not")
_INVALID: Final = Kind(422, "invalid", "The request does not have the expected shape")
_TOO_MANY: Final = Kind(429, "too-many-requests", "More requests than are allowed")
_BUSY: Final = Kind(503, "database-unavailable", "The database is busy or away")
_UNSTORABLE: Final = Kind(400, "bad-input", "The input cannot be read")
_HEADERS: Final = {
    401: {"WWW-Authenticate": "Bearer"},
    503: {"Retry-After": str(RETRY_AFTER_SECONDS)},
}
_HTTP_CODES: Final = {404: "not-found", 405: "method-not-allowed", 413: "body-too-large"}


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of problem answers with these statuses."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in statuses
    }


def problem(
    request: Request, kind: Kind, detail: str, faults: Sequence[ProblemFault] = ()
) -> Response:
    """Return the answer for a problem of this kind."""
    body = Problem(
        type=f"urn:tonnage:problem:{kind.code}",
        title=kind.title,
        status=kind.status,
        detail=detail,
        code=kind.code,
        errors=list(faults),
        request_id=request.state.request_id,
    )
    # Escaped to ASCII: a quoted field name may hold half a surrogate pair, which UTF-8 cannot.
    answer = Response(
        json.dumps(body.model_dump(mode="python", exclude_none=True)),
        kind.status,
        headers=_HEADERS.get(kind.status),
        media_type=MEDIA_TYPE,
    )
    if kind.retry_after_seconds is not None:
        answer.headers["Retry-After"] = str(kind.retry_after_seconds)
    return answer


def internal(request: Request) -> Response:
    """Return the answer for a failure nobody expected; it gives nothing away."""
    return problem(
        request, _INTERNAL, "the server's log tells more under this request id; try again later"
    )


def too_many(request: Request, wait_seconds: int) -> Response:
    """Return the answer for a request beyond what its key or address is allowed."""
    answer = problem(
        request,
        _TOO_MANY,
        "nothing was done; try again after the time in Retry-After, and send many things at once "
        "where a route takes them",
    )
    answer.headers["Retry-After"] = str(wait_seconds)
    return answer


def kind_of(failure: Exception) -> Kind:
    """Return how a failure of our tree is answered; its bare root is a bug and raised again."""
    kind = next((_KINDS[one] for one in type(failure).__mro__ if one in _KINDS), None)
    if kind is None:
        raise failure
    return kind


async def _refused(request: Request, failure: Exception) -> Response:
    kind = kind_of(failure)
    faults = failure.faults if isinstance(failure, errors.BadInputError) else ()
    return problem(request, kind, str(failure), [_fault(one) for one in faults])


async def _invalid(request: Request, failure: Exception) -> Response:
    found = failure.errors() if isinstance(failure, RequestValidationError) else []
    faults = [
        ProblemFault(
            field=".".join(str(part) for part in one["loc"])[:_LONGEST_FIELD],
            code=one["type"],
            message=one["msg"],
        )
        for one in found
    ]
    return problem(request, _INVALID, "see errors for every fault found", faults)


async def _http(request: Request, failure: Exception) -> Response:
    if not isinstance(failure, HTTPException):
        raise failure
    status = HTTPStatus(failure.status_code)
    kind = Kind(status, _HTTP_CODES.get(status, f"http-{status.value}"), status.phrase)
    answer = problem(request, kind, _detail_of(request, failure))
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        answer.headers["Allow"] = ", ".join(allowed_methods(request))
    elif failure.headers:
        answer.headers.update(failure.headers)
    return answer


async def _database(request: Request, failure: Exception) -> Response:
    log.warning(
        "the database did not serve a request",
        extra={"because": type(failure).__name__, "request_id": request.state.request_id},
    )
    return problem(
        request,
        _BUSY,
        "try again after the time in Retry-After; look first, if this was to write something",
    )


async def _unstorable(request: Request, _failure: Exception) -> Response:
    return problem(
        request,
        _UNSTORABLE,
        "a value is out of range or holds a character that cannot be stored, such as NUL",
    )


HANDLERS: Final[dict[int | type[Exception], Callable[[Request, Any], Any]]] = {
    errors.TonnageError: _refused,
    RequestValidationError: _invalid,
    HTTPException: _http,
    OperationalError: _database,
    InterfaceError: _database,
    PoolTimeoutError: _database,
    DataError: _unstorable,
}


def allowed_methods(request: Request) -> list[str]:
    """Return every method that the path answers; the router itself names the first route's only."""
    routes: list[BaseRoute] = request.app.routes
    return [
        method
        for method in METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes
        )
    ]


def _detail_of(request: Request, failure: HTTPException) -> str:
    if failure.status_code == HTTPStatus.NOT_FOUND:
        return "no such path; the paths are in /openapi.json"
    if failure.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"{request.method} is not for this path; the header Allow names what is"
    return str(failure.detail)


def _fault(fault: errors.Fault) -> ProblemFault:
    return ProblemFault(line=fault.line, field=fault.field, code=fault.code, message=fault.message)
