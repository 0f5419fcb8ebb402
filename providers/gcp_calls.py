"""Asks Google by its own clients: over REST, one page at a time, with one owner of retries.

The clients' retries are off: they wait by themselves, know nothing of Retry-After and let 429 and
"403 rateLimitExceeded" through. What may be asked again is asked again here, as `providers.http`
does it for everybody else. Answers become JSON pages in the spelling of the REST API.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from providers.access import Access
from providers.errors import (
    AnswerChanged,
    ErrorKind,
    SupplierError,
    kind_of_status,
    supplier_error,
)
from providers.http import ADVICE, ATTEMPTS, LONGEST_PATIENCE, Answered, retry_after
from providers.paging import by_cursor
from providers.shape import Amount, Shape
from providers.supplier import Page, Profile

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
"""The calls of a search are sent as POST, which the read-only scope refuses; roles limit instead"""

LONGEST_CALL: Final = 60.0
"""Seconds for one answer; the clients' own 600 would outlast a poll."""

NO_CREDENTIALS: Final = (
    "application default credentials (gcloud auth application-default login, or "
    "GOOGLE_APPLICATION_CREDENTIALS)"
)

_UNAUTHORIZED: Final = 401
"""Left to the clients, which refresh their token on it and ask once more."""

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_PRODUCT_NAME: Final = Path("/sys/class/dmi/id/product_name")

_KIND_OF: Final = {
    "rateLimitExceeded": ErrorKind.THROTTLED,
    "userRateLimitExceeded": ErrorKind.THROTTLED,
    "RATE_LIMIT_EXCEEDED": ErrorKind.THROTTLED,
    "quotaExceeded": ErrorKind.QUOTA,
    "QUOTA_EXCEEDED": ErrorKind.QUOTA,
    "dailyLimitExceeded": ErrorKind.QUOTA,
    "ZONE_RESOURCE_POOL_EXHAUSTED": ErrorKind.CAPACITY_UNAVAILABLE,
    "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS": ErrorKind.CAPACITY_UNAVAILABLE,
    "REGION_RESOURCE_POOL_EXHAUSTED": ErrorKind.CAPACITY_UNAVAILABLE,
    "STOCKOUT": ErrorKind.CAPACITY_UNAVAILABLE,
    "forbidden": ErrorKind.PERMISSION,
    "accessNotConfigured": ErrorKind.PERMISSION,
    "SERVICE_DISABLED": ErrorKind.PERMISSION,
    "authError": ErrorKind.AUTH,
    "ACCESS_TOKEN_EXPIRED": ErrorKind.AUTH,
    "BILLING_DISABLED": ErrorKind.BILLING,
    "backendError": ErrorKind.TRANSIENT,
}


class GoogleShape(Shape):
    """A part of an answer in the REST API's spelling."""

    model_config = ConfigDict(alias_generator=to_camel)


class Scoped(GoogleShape):
    """A row of a list of all places; `scope` is the place: "zones/us-east4-a"."""

    scope: str = ""


class GoogleMoney(GoogleShape):
    """An amount as whole units and billionths."""

    currency_code: str
    units: Amount = Decimal(0)
    nanos: Amount = Decimal(0)

    @property
    def amount(self) -> Decimal:
        """Return units and billionths as one number, exactly."""
        return self.units + self.nanos.scaleb(-9)


def classify(_status: int, content: Any) -> tuple[ErrorKind | None, str | None]:
    """Decide by the reason: asking too often and not being allowed are both HTTP 403."""
    error = content.get("error") if isinstance(content, dict) else None
    if not isinstance(error, dict):
        return None, None
    listed = [each for name in ("errors", "details") for each in error.get(name) or ()]
    reasons = [each["reason"] for each in listed if isinstance(each, dict) and "reason" in each]
    known = [reason for reason in reasons if reason in _KIND_OF]
    code = next(iter([*known, *reasons, error.get("status")]), None)
    return (_KIND_OF.get(code), code) if isinstance(code, str) else (None, None)


def has_default_credentials(
    environ: Mapping[str, str], *, product_name: Path = _PRODUCT_NAME
) -> bool:
    """Say whether the SDK's own chain would find credentials, without asking the network.

    A probe of the metadata server may hang for long where there is none: a machine of Google's is
    known by its firmware, or by the variable that names the server.
    """
    if environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        return True
    folder = environ.get("CLOUDSDK_CONFIG") or str(Path.home() / ".config" / "gcloud")
    if (Path(folder) / "application_default_credentials.json").is_file():
        return True
    if environ.get("NO_GCE_CHECK", "").lower() == "true":
        return False
    if environ.get("GCE_METADATA_HOST"):
        return True
    try:
        return product_name.read_text(encoding="utf-8").startswith("Google")
    except OSError:
        return False


class _RefusedError(Exception):
    """An answer that is a refusal, before the client has looked at it."""

    def __init__(self, response: Any) -> None:
        super().__init__(response.status_code)
        self.response = response


@dataclass(slots=True, kw_only=True)
class GoogleCalls:
    """Google's clients for one reading. Use as a context: it closes them."""

    profile: Profile
    access: Access
    _open: ExitStack = field(default_factory=ExitStack, init=False, repr=False)
    _credentials: Any = field(default=None, init=False, repr=False)
    _endpoint: str | None = field(default=None, init=False)
    _next_at: float = field(default=0.0, init=False)

    def __enter__(self) -> GoogleCalls:
        """Find the credentials, or raise SupplierError saying what is wrong with them."""
        self._endpoint = test_endpoint(self.profile, self.access)
        self._credentials = self._guarded(self._found_credentials, call="credentials")
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def client(self, kind: Any) -> Any:
        """Return a client of a kind, whose answers are looked at before it reads them."""
        options = {"api_endpoint": self._endpoint} if self._endpoint else None
        made = kind(credentials=self._credentials, client_options=options, transport="rest")
        self._open.callback(made.transport.close)
        # What the clients do not let callers set: they follow redirects, and break on a refusal
        # whose body is of another form than Google's own.
        made.transport._session.hooks["response"].append(self._look_first)
        return made

    def listed(
        self,
        call: str,
        method: Callable[..., Any],
        request: Mapping[str, Any],
        *,
        trim: Callable[[Any], Any] = lambda content: content,
    ) -> Iterator[Page]:
        """Yield the pages of a list to its end; `trim` drops what nobody will read."""

        def ask(cursor: str | None) -> Answered:
            question = {**request, "page_token": cursor} if cursor else dict(request)
            # The first page comes with the pager; its own paging is never used: it has one
            # time-out for all pages and loses what each page says about unreachable places.
            first: Any = next(iter(self._ask(method, question, call=call).pages))
            content = _as_json(first)
            page = self._page(call, trim(content), location=None)
            return Answered(page=page, content=content, headers={})

        return by_cursor(
            ask,
            lambda answered: answered.content.get("nextPageToken"),
            supplier=self.profile.key,
        )

    def asked(
        self, call: str, method: Callable[..., Any], request: Mapping[str, Any], *, location: str
    ) -> Iterable[Page]:
        """Return the one page of a question about a region."""
        answer = self._ask(method, dict(request), call=call, location=location)
        yield self._page(call, _as_json(answer), location=location)

    def _page(self, call: str, content: Any, *, location: str | None) -> Page:
        return Page(
            call=call,
            location=location,
            url=self._endpoint or self.profile.url,
            body=json.dumps(content, separators=(",", ":")).encode(),
            fetched_at=self.access.now(),
        )

    def _ask(
        self,
        method: Callable[..., Any],
        request: dict[str, Any],
        *,
        call: str,
        location: str | None = None,
    ) -> Any:
        retrying = Retrying(
            retry=retry_if_exception(self._may_try_again),
            stop=stop_after_attempt(ATTEMPTS),
            wait=_patience,
            sleep=self.access.sleep,
            reraise=True,
        )
        return retrying(self._once, method, request, call=call, location=location)

    def _once(
        self,
        method: Callable[..., Any],
        request: dict[str, Any],
        *,
        call: str,
        location: str | None,
    ) -> Any:
        pause = self._next_at - self.access.monotonic()
        if pause > 0:
            self.access.sleep(pause)
        self._next_at = self.access.monotonic() + self.profile.least_interval.total_seconds()
        asked = partial(method, request=request, retry=None, timeout=self._seconds(call))
        return self._guarded(asked, call=call, location=location)

    def _may_try_again(self, error: BaseException) -> bool:
        if not isinstance(error, SupplierError) or not error.kind.is_retryable:
            return False
        wanted = error.retry_after or timedelta(0)
        left = self.access.seconds_left()
        return wanted <= LONGEST_PATIENCE and (left is None or wanted.total_seconds() < left)

    def _seconds(self, call: str) -> float:
        left = self.access.seconds_left()
        if left is not None and left <= 0:
            raise supplier_error(
                ErrorKind.TRANSIENT,
                f"{call}: out of time; the next poll tries again",
                supplier=self.profile.key,
                code="deadline",
                retry_after=LONGEST_PATIENCE * 2,  # so that nobody tries at once
            )
        return LONGEST_CALL if left is None else min(LONGEST_CALL, left)

    def _guarded(self, asked: Callable[[], Any], *, call: str, location: str | None = None) -> Any:
        """Return what a call returns; what it raises becomes one of our kinds."""
        from google.api_core.exceptions import GoogleAPICallError
        from google.auth.exceptions import GoogleAuthError
        from google.protobuf.json_format import ParseError

        try:
            return asked()
        except SupplierError:
            raise
        except _RefusedError as refused:
            raise self._refusal(refused.response, call=call, location=location) from None
        except GoogleAPICallError as refused:  # a 401 after the token was refreshed
            raise self._refusal(refused.response, call=call, location=location) from None
        except GoogleAuthError as refused:
            raise self._no_entry(refused, call=call) from None
        except (ParseError, AttributeError, TypeError):
            raise AnswerChanged(
                f"{call}: an answer that {self.profile.name}'s own client cannot read",
                supplier=self.profile.key,
                location=location,
            ) from None
        except OSError as failure:  # whatever the HTTP library raises
            raise supplier_error(
                ErrorKind.TRANSIENT,
                f"{call}: {self.profile.name} did not answer ({type(failure).__name__})",
                supplier=self.profile.key,
                location=location,
            ) from None

    def _refusal(self, response: Any, *, call: str, location: str | None) -> SupplierError:
        try:
            content = response.json()
        except ValueError:
            content = None  # plain text or a proxy's page: the status has to do
        status = int(response.status_code)
        kind, code = classify(status, content)
        kind = kind or kind_of_status(status)
        named = f" ({code})" if code else ""
        advice = ADVICE.get(kind, "see the supplier's documentation of this call")
        return supplier_error(
            kind,
            f"{call}: {self.profile.name} answered {status}{named}; {advice}",
            supplier=self.profile.key,
            code=code,
            status=status,
            location=location,
            retry_after=retry_after(response.headers.get("retry-after"), now=self.access.now()),
        )

    def _no_entry(self, refused: Any, *, call: str) -> SupplierError:
        """Google's sign-in fails outside the API's own errors: a 401, a bad key, no network."""
        from google.auth.exceptions import TransportError

        unreachable = isinstance(refused, TransportError) or refused.retryable
        kind = ErrorKind.TRANSIENT if unreachable else ErrorKind.AUTH
        return supplier_error(
            kind,
            f"{call}: signing in to {self.profile.name} failed "
            f"({type(refused).__name__}); {ADVICE[kind]}",
            supplier=self.profile.key,
            code=type(refused).__name__,
        )

    def _look_first(self, response: Any, *_: Any, **__: Any) -> None:
        if response.is_redirect:
            response.close()
            raise AnswerChanged(
                f"{self.profile.name} sends us elsewhere; it was not asked there",
                supplier=self.profile.key,
            )
        if response.status_code >= 400 and response.status_code != _UNAUTHORIZED:
            raise _RefusedError(response)

    def _found_credentials(self) -> Any:
        import google.auth
        from google.auth.credentials import AnonymousCredentials
        from google.auth.transport.requests import Request

        anonymous: Any = AnonymousCredentials  # untyped, as all of google.auth is in parts
        if self._endpoint:
            return anonymous()
        found: Any = google.auth.default(scopes=[SCOPE])[0]
        if not found.valid:
            # Once, before the first call, so that a bad key is said once and quickly.
            found.refresh(partial(Request(), timeout=min(30.0, self._seconds("credentials"))))
        return found


def test_endpoint(profile: Profile, access: Access) -> str | None:
    """Return where a test's server listens, or None. Only there nobody has to sign in."""
    name = f"TONNAGE_{profile.key.upper()}_URL"
    url = access.value(name)
    if url is None:
        return None
    if urlsplit(url).hostname not in _LOOPBACK:
        raise supplier_error(
            ErrorKind.INVALID_REQUEST,
            f"{name} is for a test server on this machine; unset it to ask {profile.name}",
            supplier=profile.key,
        )
    return url


def missing_credentials(profile: Profile, access: Access) -> tuple[str, ...]:
    """Return what has to be set up before Google can be asked; never asks the network."""
    if access.value(f"TONNAGE_{profile.key.upper()}_URL"):
        return ()
    return () if has_default_credentials(os.environ) else (NO_CREDENTIALS,)


def _as_json(message: Any) -> Any:
    return type(message).to_dict(
        message,
        use_integers_for_enums=False,
        preserving_proto_field_name=False,
        always_print_fields_with_no_presence=False,
    )


def _patience(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, SupplierError) and error.retry_after is not None:
        return error.retry_after.total_seconds()
    return wait_random_exponential(multiplier=0.5, max=10)(state)
