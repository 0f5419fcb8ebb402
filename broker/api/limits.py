"""Refuses bodies that are too large, counting what arrives and not what was announced."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SMALL_BODY_BYTES: Final = 64 * 1024
BATCH_BODY_BYTES: Final = 1024 * 1024
BATCHES: Final = (":batch", ":renew")
"""Paths that end so take many things at once."""
LARGE_BODY_BYTES: Final = 20 * 1024 * 1024
LARGE_PATHS: Final = ("/v1/plans",)
"""Paths that take whole snapshots."""
LARGE_KINDS: Final = ("text/csv", "multipart/form-data", "application/octet-stream")


class BodyLimit:
    """Middleware: files may be large, everything else is small; past the limit comes 413.

    The refusal is raised where the route reads its body, so that it is answered like any other.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a body that cannot be read past the limit."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        kind, announced = _said_of_body(scope["headers"])
        limit, arrived = limit_of(kind, path=scope["path"]), 0

        async def counted() -> Message:
            nonlocal arrived
            if announced.isdecimal() and int(announced) > limit:
                raise _too_large(limit)
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > limit:
                raise _too_large(limit)
            return message

        await self._app(scope, counted, send)


def _said_of_body(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, str]:
    kind = announced = ""
    for name, value in headers:
        if name == b"content-type":
            kind = kind or value.decode("latin-1")
        elif name == b"content-length":
            announced = announced or value.decode("latin-1")
    return kind, announced


def limit_of(content_type: str, *, path: str = "") -> int:
    """Return how many bytes a body of this content type may have on a path."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind in LARGE_KINDS or path in LARGE_PATHS:
        return LARGE_BODY_BYTES
    return BATCH_BODY_BYTES if path.endswith(BATCHES) else SMALL_BODY_BYTES


def _too_large(limit: int) -> HTTPException:
    return HTTPException(
        413,
        f"a body of this kind may have {limit} bytes; files go as one of {', '.join(LARGE_KINDS)}",
    )
