"""Gives every request an id, every answer its headers, every crash an answer; logs, counts, times."""

from __future__ import annotations

import logging
import time
from typing import Final

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from broker.api.problems import METHODS, internal
from broker.identity import new_id
from broker.metrics import Meters

REQUEST_ID: Final = "X-Request-Id"
UNKNOWN_ROUTE: Final = "unknown"
OTHER_METHOD: Final = "other"

_ID: Final = REQUEST_ID.lower().encode()
_UNLESS_SAID: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))

log = logging.getLogger(__name__)


class Answers:
    """Middleware, the outermost of ours: nothing that a route raises gets past it.

    The id is always our own: one that a caller chose would reach the log unread. Answers hold
    contract prices, so no cache may keep them.
    """

    def __init__(self, app: ASGIApp, *, meters: Meters) -> None:
        self._app = app
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and see to it that it is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request, began, status = Request(scope), time.perf_counter(), 0
        request_id = request.state.request_id = new_id()

        async def answered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _complete(message, request_id)
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                # Here and not after the application, which may still have tasks to do.
                self._note(request, status, time.perf_counter() - began)

        try:
            await self._app(scope, receive, answered)
        except Exception:
            if status:
                raise  # half an answer is out: only breaking the connection tells the caller
            log.exception("request failed", extra={"request_id": request_id})
            await internal(request)(scope, receive, answered)

    def _note(self, request: Request, status: int, seconds: float) -> None:
        if log.isEnabledFor(logging.INFO):
            log.info("request answered", extra=_line(request, status, seconds))
        method = request.method if request.method in METHODS else OTHER_METHOD
        self._meters.request(method, _route_of(request), status, seconds)


def _complete(message: Message, request_id: str) -> None:
    headers = [one for one in message.get("headers", ()) if one[0].lower() != _ID]
    names = {name.lower() for name, _ in headers}
    headers.append((_ID, request_id.encode()))
    headers += [one for one in _UNLESS_SAID if one[0] not in names]
    message["headers"] = headers


def _line(request: Request, status: int, seconds: float) -> dict[str, object]:
    return {
        "request_id": request.state.request_id,
        "key_id": getattr(request.state, "key_id", None),
        "method": request.method,
        "path": request.scope["path"],
        "status": status,
        "milliseconds": round(seconds * 1000, 1),
    }


def _route_of(request: Request) -> str:
    """Return the path as its route declares it: what callers make up must not become a label."""
    return getattr(request.scope.get("route"), "path", UNKNOWN_ROUTE)
