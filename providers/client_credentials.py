"""OAuth2 client credentials: a token is fetched, used until shortly before it ends, and fetched
once more when the supplier no longer takes it."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from providers.access import Access
from providers.errors import AnswerChanged, SupplierError, kind_of_status, supplier_error
from providers.http import ADVICE, Classify, retry_after
from providers.shape import Shape, read_as

CALL: Final = "token"
SECONDS_BEFORE_END: Final = 60.0
"""A token this close to its end is not used: the clock of the other side may be ahead of ours."""


class _Token(Shape):
    access_token: str
    expires_in: int


@dataclass(slots=True, kw_only=True)
class ClientCredentials(httpx2.Auth):
    """Signs requests in with a token of `url`. What it raises, the owner of retries understands.

    `supplier` and `name` are the supplier's key and name; id, secret and token are never shown.
    """

    supplier: str
    name: str
    url: str
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    access: Access
    classify: Classify
    _token: str | None = field(default=None, init=False, repr=False)
    _ends_at: float = field(default=0.0, init=False)

    def sync_auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Send the request with a token that is still good; on 401 once more with a new one."""
        if self._token is None or self.access.monotonic() >= self._ends_at:
            yield from self._renew(request)
        response = yield self._signed_in(request)
        if response.status_code == 401:
            yield from self._renew(request)
            yield self._signed_in(request)

    def _signed_in(self, request: httpx2.Request) -> httpx2.Request:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def _renew(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        self._token = None
        asked_at = self.access.monotonic()
        response = yield httpx2.Request(
            "POST",
            self.url,
            headers={"Accept": "application/json", "User-Agent": "tonnage"},
            json={
                "grant_type": "client_credentials",
                "client_id": self.client_id,
                "client_secret": self.client_secret,
            },
            extensions=request.extensions,  # the patience that is left
        )
        content = _content(response)
        if response.is_redirect:
            raise AnswerChanged(f"{CALL}: redirected; it was not followed", supplier=self.supplier)
        if not response.is_success:
            raise self._refusal(response, content)
        token = read_as(_Token, content, call=CALL, supplier=self.supplier)
        self._token = token.access_token
        self._ends_at = asked_at + token.expires_in - SECONDS_BEFORE_END

    def _refusal(self, response: httpx2.Response, content: Any) -> SupplierError:
        kind, code = self.classify(response.status_code, content)
        kind = kind or kind_of_status(response.status_code)
        named = f" ({code})" if code else ""
        advice = ADVICE.get(kind, "see the supplier's documentation of this call")
        return supplier_error(
            kind,
            f"{CALL}: {self.name} answered {response.status_code}{named}; {advice}",
            supplier=self.supplier,
            code=code,
            status=response.status_code,
            retry_after=retry_after(response.headers.get("retry-after"), now=self.access.now()),
        )


def _content(response: httpx2.Response) -> Any:
    try:
        return json.loads(response.read())
    except ValueError:
        return None  # plain text or a proxy's page: the status has to do
