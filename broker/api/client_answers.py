"""What every client of the API shares: how it connects, and which error an answer stands for.

A problem comes back as the branch of the tree of errors that the server raised, with its message.
Everything that is no answer of this API (nobody there, too slow, a proxy's page) is
UnreachableError. No message holds the key, a query or a body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import Final

import httpx2
from pydantic import ValidationError

from broker.api.wire.problem import Problem, ProblemFault
from broker.errors import (
    BadInputError,
    ConflictError,
    Fault,
    InsufficientCapacityError,
    LeaseLostError,
    MediaTypeError,
    MissingPreconditionError,
    NotAllowedError,
    NotFoundError,
    NotSignedInError,
    RefusedError,
    ReusedKeyError,
    StaleError,
    TonnageError,
    UnreachableError,
)

CONNECT_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 20.0
"""How long the API may take: a market comparison over a year of prices is its slowest answer."""

_BY_STATUS: Final[Mapping[int, type[TonnageError]]] = {
    HTTPStatus.BAD_REQUEST: BadInputError,
    HTTPStatus.UNAUTHORIZED: NotSignedInError,
    HTTPStatus.FORBIDDEN: NotAllowedError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.CONFLICT: RefusedError,
    HTTPStatus.PRECONDITION_FAILED: StaleError,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: BadInputError,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: MediaTypeError,
    HTTPStatus.UNPROCESSABLE_ENTITY: BadInputError,
    HTTPStatus.PRECONDITION_REQUIRED: MissingPreconditionError,
}
_BY_CODE: Final[Mapping[str, type[TonnageError]]] = {
    "conflict": ConflictError,
    "insufficient-capacity": InsufficientCapacityError,
    "idempotency-mismatch": ReusedKeyError,
    "lease-lost": LeaseLostError,
}


class SendAgainError(UnreachableError):
    """Nothing is known of the outcome, or nothing was done: the same may be sent again."""

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where an API answers, in words that may be shown, and how it is reached."""

    address: httpx2.URL
    headers: Mapping[str, str]

    @classmethod
    def at(cls, url: str, key: str | None) -> Door:
        """Return the way to an API; raise BadInputError for what is no address."""
        return cls(address=_address(url), headers=_headers(key))

    @property
    def where(self) -> str:
        """Return host and port."""
        host, port = self.address.host, self.address.port
        return f"{host}:{port}" if port else host

    def open(self, transport: httpx2.BaseTransport | None = None) -> httpx2.Client:
        """Return a client of HTTP for this door; close it when done."""
        return httpx2.Client(
            base_url=self.address,
            headers=dict(self.headers),
            timeout=httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            transport=transport,
            trust_env=not self._is_here,
            verify=self._is_sealed,
        )

    def open_async(self, transport: httpx2.AsyncBaseTransport | None = None) -> httpx2.AsyncClient:
        """Return the same for an event loop."""
        return httpx2.AsyncClient(
            base_url=self.address,
            headers=dict(self.headers),
            timeout=httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            transport=transport,
            trust_env=not self._is_here,
            verify=self._is_sealed,
        )

    @property
    def _is_here(self) -> bool:
        """Say whether it is this machine: no proxy stands between us and ourselves."""
        host = self.address.host
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    @property
    def _is_sealed(self) -> bool:
        """Say whether certificates are needed: reading them takes longer than an answer."""
        return self.address.scheme == "https"


def error_of(response: httpx2.Response, *, where: str) -> TonnageError:
    """Return the error that an answer without success stands for."""
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        return _no_problem(response, where=where)
    kind = _BY_CODE.get(problem.code) or _BY_STATUS.get(response.status_code)
    if kind is None:
        return SendAgainError(
            f"the API at {where} could not answer: {problem.title.lower()}; "
            f"{problem.detail} (request {problem.request_id})",
            retry_after_seconds=_retry_after(response),
        )
    if issubclass(kind, BadInputError):
        return kind(problem.detail, tuple(_fault(one) for one in problem.errors))
    return kind(problem.detail)


def unanswered(failure: httpx2.RequestError, *, where: str) -> SendAgainError:
    """Return the error for a request that was not answered."""
    if isinstance(failure, httpx2.TimeoutException):
        return SendAgainError(
            f"the API at {where} did not answer in time; try again, and see its log"
        )
    return SendAgainError(
        f"no API answers at {where} ({type(failure).__name__}); "
        "start it with `tonnage serve`, or set TONNAGE_API_URL to where it is"
    )


def unknown_shape(path: str, *, where: str) -> UnreachableError:
    """Return the error for a success that cannot be read; it does not quote the answer."""
    return UnreachableError(
        f"{where} answered {path} in a shape this version does not know; "
        "see that TONNAGE_API_URL names a Tonnage API of the same version"
    )


def _no_problem(response: httpx2.Response, *, where: str) -> TonnageError:
    message = (
        f"what answers at {where} is not the Tonnage API "
        f"(HTTP {response.status_code} without a problem); check TONNAGE_API_URL"
    )
    # A proxy before it may say that it found nobody behind: the request may have got through.
    if response.status_code in (429, 502, 503, 504):
        return SendAgainError(message, retry_after_seconds=_retry_after(response))
    return UnreachableError(message)


def _retry_after(response: httpx2.Response) -> float | None:
    """Return the seconds that the server asks for; our server never states an instant."""
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) <= 6 else None


def _address(url: str) -> httpx2.URL:
    """Return a URL that can be asked; raise BadInputError, without quoting it, for any other."""
    try:
        address = httpx2.URL(url.strip())
    except httpx2.InvalidURL:
        address = httpx2.URL("")
    if address.scheme not in ("http", "https") or not address.host:
        raise BadInputError(
            "TONNAGE_API_URL is not the address of an API; it reads like http://127.0.0.1:8440"
        )
    return address


def _headers(key: str | None) -> dict[str, str]:
    if key is None:
        return {}
    if not key.isascii() or not key.isprintable():
        raise NotSignedInError("this is not the form of an API key, which begins with tng_")
    return {"Authorization": f"Bearer {key}"}


def _fault(fault: ProblemFault) -> Fault:
    return Fault(line=fault.line, field=fault.field, code=fault.code, message=fault.message)
