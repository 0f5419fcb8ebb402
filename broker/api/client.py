"""The typed client of the API: the dashboards' only door, and anybody else's who writes Python.

    with Client(url, key) as api:
        print(api.whoami().name)

What goes wrong comes back as the same tree of errors that the server raised, with its message:
NotSignedInError for 401, NotAllowedError for 403, NotFoundError for 404, RefusedError for 409,
BadInputError for 400 and 422. Everything that is no answer of this API (nobody there, too slow, a
proxy's page, a newer server) is UnreachableError. No message holds the key, a query or a body.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from http import HTTPStatus
from ipaddress import ip_address
from types import TracebackType
from typing import Final, Self, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import TypeAdapter, ValidationError

from broker.api.wire.alerts import AlertList
from broker.api.wire.contracts import ContractOut
from broker.api.wire.keys import Whoami
from broker.api.wire.market import GpuModelList, Market
from broker.api.wire.problem import Problem, ProblemFault
from broker.api.wire.renewals import RenewalList
from broker.clock import Clock, utc_now
from broker.errors import (
    BadInputError,
    ConflictError,
    Fault,
    NotAllowedError,
    NotFoundError,
    NotSignedInError,
    RefusedError,
    TonnageError,
    UnreachableError,
)
from broker.renewals.alternatives import Alternative
from broker.renewals.brief import Brief
from broker.renewals.economics import Economics, UnitCosts
from broker.renewals.evidence import Stated
from broker.renewals.market_view import MarketView
from broker.renewals.offer_view import Offered
from broker.renewals.recommendation import Action, Advice
from broker.renewals.renewal_list import RenewalEntry
from broker.settings import Settings
from pricing.money import Currency, Money

# What the client raises and returns, for callers that import nothing else of ours.
__all__ = [
    "Access",
    "Action",
    "Advice",
    "Alternative",
    "BadInputError",
    "Brief",
    "Client",
    "ConflictError",
    "Currency",
    "Economics",
    "MarketView",
    "Money",
    "NotAllowedError",
    "NotFoundError",
    "NotSignedInError",
    "Offered",
    "RefusedError",
    "RenewalEntry",
    "Stated",
    "TonnageError",
    "UnitCosts",
    "UnreachableError",
]

CONNECT_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 20.0
"""How long the API may take: a market comparison over a year of prices is its slowest answer."""

Answer = TypeVar("Answer")
Parameter = str | int | bool | date | None

_ERRORS: Final[dict[int, type[TonnageError]]] = {
    HTTPStatus.BAD_REQUEST: BadInputError,
    HTTPStatus.UNAUTHORIZED: NotSignedInError,
    HTTPStatus.FORBIDDEN: NotAllowedError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.CONFLICT: RefusedError,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: BadInputError,
    HTTPStatus.UNPROCESSABLE_ENTITY: BadInputError,
}
_SOMEBODY_WAS_FIRST: Final = "conflict"
_BRIEF: Final = TypeAdapter(Brief)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where the API is, and the key that opens it, if one is set."""

    url: str
    key: str | None = field(default=None, repr=False)

    @classmethod
    def from_environment(cls) -> Access:
        """Return what TONNAGE_API_URL and TONNAGE_API_KEY say."""
        settings = Settings()
        key = settings.api_key.get_secret_value().strip() if settings.api_key else ""
        return cls(url=settings.api_url, key=key or None)


class Client:
    """One caller of the API. Not for several threads at once; close it when done."""

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        transport: httpx2.BaseTransport | None = None,
        clock: Clock = utc_now,
    ) -> None:
        address = _address(url)
        self._where = f"{address.host}:{address.port}" if address.port else address.host
        self._clock = clock
        self._http = httpx2.Client(
            base_url=address,
            headers=_headers(key),
            timeout=httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            transport=transport,
            trust_env=not _is_here(address.host),  # no proxy stands between us and ourselves
            verify=address.scheme == "https",  # reading certificates takes longer than an answer
        )
        self.answered_at: datetime | None = None
        """When the last good answer came, in UTC."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def whoami(self) -> Whoami:
        """Return who the key belongs to and what it may do."""
        return self._get("/v1/whoami", Whoami.model_validate_json)

    def gpu_models(self) -> GpuModelList:
        """Return the GPU models that are known by name, with whose prices are on record."""
        return self._get("/v1/gpu-models", GpuModelList.model_validate_json)

    def market(
        self, gpu_model: str, *, as_of: date | None = None, window_days: int | None = None
    ) -> Market:
        """Return what providers list for a GPU model as of a day, and how it moved before it."""
        return self._get(
            f"/v1/market/{_segment(gpu_model)}",
            Market.model_validate_json,
            as_of=as_of,
            window_days=window_days,
        )

    def contract(self, name: str, *, as_of: date | None = None) -> ContractOut:
        """Return a contract by its id, its reference, or "supplier:reference"."""
        return self._get(
            f"/v1/contracts/{_segment(name)}", ContractOut.model_validate_json, as_of=as_of
        )

    def renewals(self, *, as_of: date | None = None) -> RenewalList:
        """Return every line in force with an end, the most urgent first."""
        return self._get("/v1/renewals", RenewalList.model_validate_json, as_of=as_of)

    def brief(self, line_id: str, *, as_of: date | None = None) -> Brief:
        """Return the page for the call about one line."""
        return self._get(
            f"/v1/renewals/{_segment(line_id)}/brief", _BRIEF.validate_json, as_of=as_of
        )

    def alerts(self, *, state: str | None = None, severity: str | None = None) -> AlertList:
        """Return alerts, the newest first."""
        return self._get(
            "/v1/alerts", AlertList.model_validate_json, state=state, severity=severity
        )

    def _get(self, path: str, read: Callable[[bytes], Answer], **parameters: Parameter) -> Answer:
        response = self._asked(path, parameters)
        if response.status_code != HTTPStatus.OK:
            raise self._error(response)
        try:
            answer = read(response.content)
        except ValidationError:
            # Not chained: its message quotes the answer, and that holds contract prices.
            raise UnreachableError(
                f"{self._where} answered {path} in a shape this version does not know; "
                "see that TONNAGE_API_URL names a Tonnage API of the same version"
            ) from None
        self.answered_at = self._clock()
        return answer

    def _asked(self, path: str, parameters: Mapping[str, Parameter]) -> httpx2.Response:
        try:
            return self._http.get(path, params=_query(parameters))
        except httpx2.TimeoutException as late:
            raise UnreachableError(
                f"the API at {self._where} did not answer in time; try again, and see its log"
            ) from late
        except httpx2.RequestError as failure:
            raise UnreachableError(
                f"no API answers at {self._where} ({type(failure).__name__}); "
                "start it with `tonnage serve`, or set TONNAGE_API_URL to where it is"
            ) from failure

    def _error(self, response: httpx2.Response) -> TonnageError:
        try:
            problem = Problem.model_validate_json(response.content)
        except ValidationError:
            return UnreachableError(
                f"what answers at {self._where} is not the Tonnage API "
                f"(HTTP {response.status_code} without a problem); check TONNAGE_API_URL"
            )
        kind = _ERRORS.get(response.status_code)
        if problem.code == _SOMEBODY_WAS_FIRST:
            kind = ConflictError
        if kind is BadInputError:
            return BadInputError(problem.detail, tuple(_fault(one) for one in problem.errors))
        if kind is None:
            return UnreachableError(
                f"the API at {self._where} could not answer: {problem.title.lower()}; "
                f"{problem.detail} (request {problem.request_id})"
            )
        return kind(problem.detail)


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


def _segment(name: str) -> str:
    return quote(name, safe="")


def _headers(key: str | None) -> dict[str, str]:
    if key is None:
        return {}
    if not key.isascii() or not key.isprintable():
        raise NotSignedInError("this is not the form of an API key, which begins with tng_")
    return {"Authorization": f"Bearer {key}"}


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _query(parameters: Mapping[str, Parameter]) -> dict[str, str]:
    return {name: _text(value) for name, value in parameters.items() if value is not None}


def _text(value: Parameter) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)


def _fault(fault: ProblemFault) -> Fault:
    return Fault(line=fault.line, field=fault.field, code=fault.code, message=fault.message)
