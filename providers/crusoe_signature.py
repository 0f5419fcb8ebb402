"""How a request to Crusoe is signed: HMAC-SHA256 over path, query, method and time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import httpx2

from providers.errors import ErrorKind, supplier_error

VERSION: Final = "1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature(httpx2.Auth):
    """Signs each request, and each repetition anew: a signature is good for minutes only."""

    access_key: str = field(repr=False)
    secret: bytes = field(repr=False)
    now: Callable[[], datetime]

    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Send the request with its time and signature."""
        stamp = self.now().astimezone(UTC).replace(microsecond=0).isoformat()
        signed = signature(
            self.secret,
            path=request.url.raw_path.split(b"?")[0].decode("ascii"),
            query=request.url.query.decode("ascii"),
            method=request.method,
            stamp=stamp,
        )
        request.headers["X-Crusoe-Timestamp"] = stamp
        request.headers["Authorization"] = f"Bearer {VERSION}:{self.access_key}:{signed}"
        yield request


def signature(secret: bytes, *, path: str, query: str, method: str, stamp: str) -> str:
    """Return the signature of a request: base64url without padding.

    Signed are the path with the API's version, the query sorted, the method and the RFC 3339 time,
    each on a line of its own that ends.
    """
    arguments = "&".join(sorted(query.split("&")))
    text = f"{path}\n{arguments}\n{method}\n{stamp}\n".encode("ascii")
    digest = hmac.new(secret, text, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")


def secret_of(text: str, *, variable: str, supplier: str) -> bytes:
    """Return the key that a base64url text stands for, or raise SupplierError naming its home."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise supplier_error(
            ErrorKind.AUTH,
            f"{variable} is not base64url; copy the secret key again, whole",
            supplier=supplier,
        ) from None
