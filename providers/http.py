"""The one HTTP client of the adapters: read-only, bounded, quiet, and the only owner of retries.

Only declared hosts are asked, redirects to another are refused, an answer is at most 5 MB. What may
be asked again is asked again up to three times, after as long as the supplier wants or with full
jitter, and never past the deadline. There is no way to write here: `get` reads, and `ask` is for
searches that a supplier takes as POST.
"""

from __future__ import annotations

import email.utils
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, Final

import httpx2
from tenacity import RetryCallState, Retrying, retry_if_exception
from tenacity.wait import wait_random_exponential

from providers.access import NO_STATUS, Access
from providers.errors import (
    AnswerChanged,
    ErrorKind,
    SupplierError,
    kind_of_status,
    supplier_error,
)
from providers.supplier import Page, Profile

ATTEMPTS: Final = 4
CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 30.0
LARGEST_BODY: Final = 5_000_000
LONGEST_PATIENCE: Final = timedelta(seconds=60)
"""A supplier that wants more than this is asked at the next poll instead."""

REDIRECTS: Final = 3
_AGES: Final = timedelta(days=12)
"""What a Retry-After of more than six digits is taken for: nobody waits so long."""

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")

Classify = Callable[[int, Any], tuple[ErrorKind | None, str | None]]
"""Says what a refusal means: (kind, the supplier's code). Kind None leaves it to the status."""

Query = Mapping[str, str | int]

ADVICE: Final[Mapping[ErrorKind, str]] = {
    ErrorKind.AUTH: "check the credential",
    ErrorKind.PERMISSION: "the credential lacks a permission; see: tonnage providers policy",
    ErrorKind.REGION_NOT_ENABLED: "enable the region for the account, or leave it out",
    ErrorKind.THROTTLED: "it asks for patience; the next poll tries again",
    ErrorKind.TRANSIENT: "the next poll tries again",
    ErrorKind.BILLING: "the account lacks funds or a plan",
    ErrorKind.QUOTA: "ask the supplier for a higher limit",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer: the page that is kept, its content, and the headers that paging may need."""

    page: Page
    content: Any
    headers: Mapping[str, str]


def no_codes(_status: int, _content: Any) -> tuple[None, None]:
    """Leave it to the HTTP status: the supplier gives no code that says more."""
    return None, None


@dataclass(slots=True, kw_only=True)
class Web:
    """Asks one supplier. `headers` and `auth` carry the credential and are never shown.

    `auth` is for credentials that change by request: a signature, or a token that is fetched and
    refreshed once on 401.
    """

    profile: Profile
    access: Access
    classify: Classify = no_codes
    url: str | None = None  # another address than the profile's
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    auth: httpx2.Auth | None = field(default=None, repr=False)
    _client: httpx2.Client = field(init=False, repr=False)
    _base: httpx2.URL = field(init=False)
    _next_at: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        """Open the client; `close` it, or use this as a context."""
        self._base = httpx2.URL(self.url or self.access.url(self.profile.key, self.profile.url))
        self._require_declared(self._base, self._base)
        self._client = httpx2.Client(
            headers={"Accept": "application/json", "User-Agent": "tonnage", **self.headers},
            auth=self.auth,
            follow_redirects=False,
            transport=self.access.transport,
            trust_env=True,
        )

    def __enter__(self) -> Web:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(
        self, path: str, *, call: str, location: str | None = None, query: Query | None = None
    ) -> Answered:
        """Return the JSON answer to a GET; `path` may be an address, of a declared host."""
        return self._reading("GET", path, call=call, location=location, query=query, body=None)

    def ask(
        self,
        path: str,
        *,
        call: str,
        body: Any,
        location: str | None = None,
        query: Query | None = None,
    ) -> Answered:
        """Return the JSON answer to a search that is sent as POST and changes nothing."""
        return self._reading("POST", path, call=call, location=location, query=query, body=body)

    def _reading(
        self,
        method: str,
        path: str,
        *,
        call: str,
        location: str | None,
        query: Query | None,
        body: Any,
    ) -> Answered:
        retrying = Retrying(
            retry=retry_if_exception(self._may_try_again),
            stop=self._is_enough,
            wait=_patience,
            sleep=self.access.sleep,
            reraise=True,
        )
        target = self._target(path, query)
        return retrying(self._once, method, target, call=call, location=location, body=body)

    def _may_try_again(self, error: BaseException) -> bool:
        if not isinstance(error, SupplierError) or not error.kind.is_retryable:
            return False
        return (error.retry_after or timedelta(0)) <= LONGEST_PATIENCE

    def _is_enough(self, state: RetryCallState) -> bool:
        """Say whether that was the last attempt, or the next would begin after the deadline."""
        left = self.access.seconds_left()
        is_late = left is not None and state.upcoming_sleep >= left
        return is_late or state.attempt_number >= ATTEMPTS

    def _target(self, path: str, query: Query | None) -> httpx2.URL:
        if path.startswith(("http://", "https://")):
            target = self._joined(self._base, path)
            self._require_declared(target, self._base)
        else:
            target = self._base.copy_with(path=self._base.path.rstrip("/") + path)
        return target.copy_merge_params(dict(query)) if query else target

    def _joined(self, target: httpx2.URL, address: str) -> httpx2.URL:
        try:
            return target.join(address)
        except httpx2.InvalidURL:
            raise AnswerChanged(
                "a link of the answer is no address; it was not asked", supplier=self.profile.key
            ) from None

    def _once(
        self,
        method: str,
        target: httpx2.URL,
        *,
        call: str,
        location: str | None,
        body: Any,
    ) -> Answered:
        for _ in range(REDIRECTS):
            response, content = self._exchange(
                method, target, call=call, location=location, body=body
            )
            if not response.is_redirect:
                break
            target = self._joined(target, response.headers.get("location", ""))
            self._require_declared(target, self._base)
        else:
            raise AnswerChanged(f"{call}: redirected in circles", supplier=self.profile.key)
        page = Page(
            call=call,
            location=location,
            url=str(target.copy_with(query=None)),
            body=content,
            fetched_at=self.access.now(),
        )
        if response.is_success:
            return Answered(page=page, content=self._json(page, response), headers=response.headers)
        raise self._refusal(response, page)

    def _exchange(
        self, method: str, target: httpx2.URL, *, call: str, location: str | None, body: Any
    ) -> tuple[httpx2.Response, bytes]:
        self._wait_for_turn(call)
        request = self._client.build_request(
            method, target, json=body, timeout=self._patience_for_one(call)
        )
        try:
            response = self._client.send(request, stream=True)
            try:
                content = self._body(response, call=call)
            finally:
                response.close()
        except httpx2.HTTPError as failure:
            self.access.heard(NO_STATUS)
            raise supplier_error(
                ErrorKind.TRANSIENT,
                f"{call}: {self.profile.name} did not answer ({type(failure).__name__})",
                supplier=self.profile.key,
                location=location,
            ) from None
        self.access.heard(str(response.status_code))
        return response, content

    def _body(self, response: httpx2.Response, *, call: str) -> bytes:
        chunks, size = [], 0
        for chunk in response.iter_bytes():
            size += len(chunk)
            if size > LARGEST_BODY:
                raise AnswerChanged(
                    f"{call}: an answer of more than {LARGEST_BODY:,} bytes",
                    supplier=self.profile.key,
                )
            self._patience_for_one(call)  # a body that drips does not outlast the deadline
            chunks.append(chunk)
        return b"".join(chunks)

    def _wait_for_turn(self, call: str) -> None:
        pause = self._next_at - self.access.monotonic()
        if pause > 0:
            left = self.access.seconds_left()
            if left is not None and pause >= left:
                raise self._out_of_time(call)
            self.access.sleep(pause)
        self._next_at = self.access.monotonic() + self.profile.least_interval.total_seconds()

    def _patience_for_one(self, call: str) -> httpx2.Timeout:
        left = self.access.seconds_left()
        if left is not None and left <= 0:
            raise self._out_of_time(call)
        most = READ_SECONDS if left is None else min(READ_SECONDS, left)
        return httpx2.Timeout(most, connect=min(CONNECT_SECONDS, most))

    def _out_of_time(self, call: str) -> SupplierError:
        return supplier_error(
            ErrorKind.TRANSIENT,
            f"{call}: out of time; the next poll tries again",
            supplier=self.profile.key,
            code="deadline",
            retry_after=LONGEST_PATIENCE * 2,  # so that nobody tries at once
        )

    def _json(self, page: Page, response: httpx2.Response) -> Any:
        try:
            return page.json(self.profile.key)
        except AnswerChanged:
            said = response.headers.get("content-type", "no content type").split(";")[0]
            raise AnswerChanged(
                f"{page.call}: expected JSON, got {len(page.body)} bytes of {said}",
                supplier=self.profile.key,
                location=page.location,
            ) from None

    def _refusal(self, response: httpx2.Response, page: Page) -> SupplierError:
        try:
            content = page.json(self.profile.key)
        except AnswerChanged:
            content = None  # plain text or a proxy's page: the status has to do
        kind, code = self.classify(response.status_code, content)
        kind = kind or kind_of_status(response.status_code)
        named = f" ({code})" if code else ""
        advice = ADVICE.get(kind, "see the supplier's documentation of this call")
        return supplier_error(
            kind,
            f"{page.call}: {self.profile.name} answered {response.status_code}{named}; {advice}",
            supplier=self.profile.key,
            code=code,
            status=response.status_code,
            location=page.location,
            request_id=response.headers.get("x-request-id"),
            retry_after=retry_after(response.headers.get("retry-after"), now=self.access.now()),
        )

    def _require_declared(self, target: httpx2.URL, base: httpx2.URL) -> None:
        """Refuse to ask a host that the profile does not declare, or without TLS."""
        ours = target.host == base.host and target.port == base.port
        if ours and target.host in LOOPBACK:
            return
        declared = any(fnmatchcase(target.host, pattern) for pattern in self.profile.hosts)
        if not (declared and target.scheme == "https"):
            raise AnswerChanged(
                f"{target.host} is not a declared host of {self.profile.name}, or not over TLS; "
                "it was not asked",
                supplier=self.profile.key,
            )


def retry_after(text: str | None, *, now: datetime) -> timedelta | None:
    """Return how long a Retry-After header asks for: seconds or a date; None without one."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return timedelta(seconds=int(text)) if len(text.strip()) <= 6 else _AGES
    try:
        until = email.utils.parsedate_to_datetime(text)
        return max(until.replace(tzinfo=until.tzinfo or UTC) - now, timedelta(0))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None  # unreadable: our own backoff will do


def _patience(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, SupplierError) and error.retry_after is not None:
        return error.retry_after.total_seconds()
    return wait_random_exponential(multiplier=0.5, max=10)(state)
