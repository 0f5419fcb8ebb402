"""The typed client of the API: the dashboards' only door, and anybody else's who writes Python.

    with Client(url, key) as api:
        print(api.whoami().name)
        with api.lease(gpu_models=["B200"], gpu_count=8) as lease:
            print(lease.fence)

What goes wrong comes back as the same tree of errors that the server raised, with its message:
NotSignedInError for 401, NotAllowedError for 403, NotFoundError for 404, RefusedError for 409,
BadInputError for 400 and 422. Everything that is no answer of this API (nobody there, too slow, a
proxy's page, a newer server) is UnreachableError. No message holds the key, a query or a body.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self, TypeVar, Unpack
from urllib.parse import quote

import httpx2
from pydantic import TypeAdapter, ValidationError

from broker.api.async_capacity_client import AsyncCapacityClient, TaskLease
from broker.api.capacity_calls import Wanted
from broker.api.capacity_client import CapacityClient, Means, ThreadLease
from broker.api.client_answers import Door, error_of, unanswered, unknown_shape
from broker.api.held_lease import LeaseEvent, LeaseEventKind, Listener
from broker.api.plan_client import PlanClient
from broker.api.wire.alerts import AlertList
from broker.api.wire.contracts import ContractOut
from broker.api.wire.keys import Whoami
from broker.api.wire.market import GpuModelList, Market
from broker.api.wire.renewals import RenewalList
from broker.clock import Clock, utc_now
from broker.errors import (
    BadInputError,
    ConflictError,
    InsufficientCapacityError,
    LeaseLostError,
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
from broker.renewals.negotiation_view import NegotiationView
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
    "AsyncCapacityClient",
    "BadInputError",
    "Brief",
    "CapacityClient",
    "Client",
    "ConflictError",
    "Currency",
    "Economics",
    "InsufficientCapacityError",
    "LeaseEvent",
    "LeaseEventKind",
    "LeaseLostError",
    "MarketView",
    "Money",
    "NegotiationView",
    "NotAllowedError",
    "NotFoundError",
    "NotSignedInError",
    "Offered",
    "PlanClient",
    "RefusedError",
    "RenewalEntry",
    "Stated",
    "TaskLease",
    "ThreadLease",
    "TonnageError",
    "UnitCosts",
    "UnreachableError",
]

Answer = TypeVar("Answer")
Parameter = str | int | bool | date | None

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
        means: Means | None = None,
    ) -> None:
        self._door = Door.at(url, key)
        self._clock = clock
        self._http = self._door.open(transport)
        self.capacity = CapacityClient(url, key, transport=transport, means=means)
        """Pools, capacity requests and leases."""
        self.plans = PlanClient(self._door, self._http)
        """Placement plans: made, read, explained, and made anew after a change."""
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
        """Give the connections back, and keep no lease alive any more."""
        self.capacity.close()
        self._http.close()

    def lease(
        self,
        *,
        gpu_models: Sequence[str],
        gpu_count: int,
        wait_seconds: float | None = 0.0,
        listener: Listener | None = None,
        **wanted: Unpack[Wanted],
    ) -> AbstractContextManager[ThreadLease]:
        """Hold GPUs for as long as a block runs; see CapacityClient.lease."""
        return self.capacity.lease(
            gpu_models=gpu_models,
            gpu_count=gpu_count,
            wait_seconds=wait_seconds,
            listener=listener,
            **wanted,
        )

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
            raise error_of(response, where=self._door.where)
        try:
            answer = read(response.content)
        except ValidationError:
            # Not chained: its message quotes the answer, and that holds contract prices.
            raise unknown_shape(path, where=self._door.where) from None
        self.answered_at = self._clock()
        return answer

    def _asked(self, path: str, parameters: Mapping[str, Parameter]) -> httpx2.Response:
        try:
            return self._http.get(path, params=_query(parameters))
        except httpx2.RequestError as failure:
            raise unanswered(failure, where=self._door.where) from failure


def _segment(name: str) -> str:
    return quote(name, safe="")


def _query(parameters: Mapping[str, Parameter]) -> dict[str, str]:
    return {name: _text(value) for name, value in parameters.items() if value is not None}


def _text(value: Parameter) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)
