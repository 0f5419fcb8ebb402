"""Refuses who knocks too often: each key by its own allowance, strangers by address.

A key counts as known once it signed in here. Whoever is not known shares what their address is
allowed, which is far less: guessing keys is slow, and a crowd of strangers takes nothing from
those who have one. The counts are of this process.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import Final

from fastapi import Request
from fastapi.security.utils import get_authorization_scheme_param
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from broker.access.allowance import Allowances, Draw, Rate
from broker.api.problems import too_many
from broker.api.sign_ins import SignIns
from broker.clock import Ticks
from broker.settings import Settings

STRANGERS_SHARE: Final = 10
"""An address without a known key gets this part of what a key gets: a tenth."""

ALWAYS_ANSWERED: Final = frozenset({"/healthz"})
"""Costs next to nothing, and whoever watches the server must not be locked out."""

_NETWORK_BITS: Final = 64  # of an IPv6 address: the rest is the holder's to choose


class RateLimit:
    """Middleware: past the limit comes 429 with Retry-After, before anything is read or asked."""

    def __init__(
        self, app: ASGIApp, *, sign_ins: SignIns, settings: Settings, ticks: Ticks
    ) -> None:
        self._app = app
        self._sign_ins = sign_ins
        self._ticks = ticks
        self._keys = self._strangers = None
        if settings.rate_limit_per_second:
            rate = Rate(per_second=settings.rate_limit_per_second, burst=settings.rate_limit_burst)
            self._keys = Allowances(rate)
            self._strangers = Allowances(rate.share(STRANGERS_SHARE))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or say when to come again."""
        is_counted = scope["type"] == "http" and scope["path"] not in ALWAYS_ANSWERED
        if not is_counted or self._keys is None or self._strangers is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        principal = self._principal_of(request)
        kept = self._strangers if principal is None else self._keys
        draw = kept.draw(address_of(request) if principal is None else principal, self._ticks())
        headers = _headers(kept.rate, draw, "address" if principal is None else "key")

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers]
            await send(message)

        answer = self._app if draw.is_allowed else too_many(request, draw.wait_seconds)
        await answer(scope, receive, counted)

    def _principal_of(self, request: Request) -> str | None:
        scheme, bearer = get_authorization_scheme_param(request.headers.get("authorization"))
        return self._sign_ins.principal_of(bearer) if scheme.lower() == "bearer" else None


def address_of(request: Request) -> str:
    """Return whose allowance an address uses: its own, or that of its IPv6 network."""
    host = "" if request.client is None else request.client.host
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    shift = address.max_prefixlen - _NETWORK_BITS
    return f"{IPv6Address(int(address) >> shift << shift)}/{_NETWORK_BITS}"


def _headers(rate: Rate, draw: Draw, whose: str) -> list[tuple[bytes, bytes]]:
    """As the draft standard of RateLimit header fields for HTTP writes them."""
    policy = f'"{whose}";q={rate.burst};w={rate.window_seconds}'
    left = f'"{whose}";r={draw.left};t={draw.full_in_seconds}'
    return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode())]
