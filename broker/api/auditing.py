"""Puts on the audit log every request of a known caller that could have changed something.

Written after the answer, with its status, so that attempts that were refused are on record too.
If the process dies in between, this entry is lost: changes that must not be missed (keys, pools)
write one of their own in their own transaction. Capacity requests and leases are not repeated
here: what becomes of them is written with them, append-only, as capacity events.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from broker.access.audit import AuditDraft
from broker.api.wiring import READING, Wiring
from broker.flows.keep_audit import record_request

_FAILED: Final = 500


class Auditing:
    """Middleware: writes the entry of a request whose caller was marked by `requires`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, then put it on record."""
        if scope["type"] != "http" or scope["method"] in READING:
            await self._app(scope, receive, send)
            return
        status = _FAILED

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, seen)
        finally:
            draft: AuditDraft | None = getattr(Request(scope).state, "audited", None)
            if draft is not None:
                wiring: Wiring = scope["app"].state.wiring
                draft = replace(draft, status=status)
                await run_in_threadpool(record_request, wiring.database, draft, clock=wiring.clock)
