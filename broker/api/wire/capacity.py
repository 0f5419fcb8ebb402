"""Capacity requests as they cross the network. Amounts and fractions are decimal strings.

Requests are read strictly and whole: a field that is not known is refused, so that a condition
that was misspelt is never granted without.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Final, Literal, Self, cast

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from broker.api.wire.leases import MOST_AT_ONCE, Lease, Ttl
from broker.capacity.request import HIGHEST_PRIORITY, MOST_GPUS, CapacitySpec, RequestState
from broker.store.capacity_requests import StoredRequest
from pricing.money import USD, Currency, Money, plain

LONGEST_KEY: Final = 255
KEY_PATTERN: Final = r"^[!-~]([ -~]*[!-~])?$"
LONGEST_DURATION_SECONDS: Final = 10 * 366 * 86_400
_MILLION: Final = 1_000_000
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _in_range(instant: datetime) -> datetime:
    """Refuse instants that leave the range of databases once their offset is taken off."""
    if not _FIRST <= instant <= _LAST:
        raise ValueError("an instant lies between the years 2000 and 2200")
    return instant.astimezone(UTC)


Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[!-~]([ -~]*[!-~])?$")]
Instant = Annotated[AwareDatetime, AfterValidator(_in_range)]
Key = Annotated[
    str,
    Field(
        min_length=1,
        max_length=LONGEST_KEY,
        pattern=KEY_PATTERN,
        description="of your choosing, one for each request; send the same one again to retry",
    ),
]
Price = Annotated[str, Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,6})?$", description="plain digits")]
Fraction = Annotated[str, Field(pattern=r"^(0(\.[0-9]{1,6})?|1(\.0{1,6})?)$", description="0 to 1")]
Tier = Literal["platinum", "gold", "silver", "bronze"]
LabelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$")]
LabelText = Annotated[str, Field(max_length=255)]


class CapacityRequest(BaseModel):
    """What is asked for. Every condition must hold; what is left out is no condition."""

    model_config = ConfigDict(extra="forbid")

    gpu_models: Annotated[
        list[Name], Field(min_length=1, max_length=20, description="in order of preference")
    ]
    gpu_count: Annotated[int, Field(ge=1, le=MOST_GPUS)]
    node_size: Annotated[
        int | None, Field(ge=1, le=MOST_GPUS, description="whole nodes of so many GPUs")
    ] = None
    regions: Annotated[list[Name], Field(max_length=100, description="any of these")] = []
    residency: Annotated[
        str | None, Field(pattern=r"^[A-Za-z]{2}$", description="ISO 3166 country")
    ] = None
    min_tier: Tier | None = None
    min_reliability: Fraction | None = None
    max_price_per_gpu_hour: Annotated[
        Price | None, Field(description="caps the effective price")
    ] = None
    currency: Annotated[str | None, Field(pattern=r"^[A-Z]{3}$", description="default: USD")] = None
    duration_seconds: Annotated[
        int | None, Field(ge=1, le=LONGEST_DURATION_SECONDS, description="null: until released")
    ] = None
    starts_at: Annotated[Instant | None, Field(description="null, or past: now")] = None
    ttl_seconds: Ttl = 60
    priority: Annotated[int, Field(ge=0, le=HIGHEST_PRIORITY, description="higher first")] = 500
    preemptible: Annotated[
        bool, Field(description="may be asked back for a request of higher priority")
    ] = False
    gang: Annotated[bool, Field(description="all of it or nothing")] = True
    queue: Annotated[bool, Field(description="wait where there is no capacity now")] = False
    deadline: Annotated[Instant | None, Field(description="wait no longer")] = None
    holder: Annotated[Name, Field(description="who will use the GPUs; quotas go by it")]
    labels: Annotated[dict[LabelName, LabelText], Field(max_length=32)] = {}

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.node_size is not None and self.gpu_count % self.node_size:
            raise ValueError("gpu_count is a multiple of node_size")
        if self.currency is not None and self.max_price_per_gpu_hour is None:
            raise ValueError("a currency is that of max_price_per_gpu_hour, which is missing")
        if self.deadline is not None and not self.queue:
            raise ValueError("a deadline is for a request that may wait; set queue to true")
        return self

    def spec(self) -> CapacitySpec:
        """Return what is asked for."""
        cap, reliability = self.max_price_per_gpu_hour, self.min_reliability
        return CapacitySpec(
            gpu_models=tuple(self.gpu_models),
            gpu_count=self.gpu_count,
            node_size=self.node_size,
            regions=frozenset(self.regions),
            residency=self.residency,
            min_tier=self.min_tier,
            min_reliability_ppm=None
            if reliability is None
            else int(Decimal(reliability) * _MILLION),
            max_price=None if cap is None else Money(Decimal(cap), Currency(self.currency or USD)),
            duration_seconds=self.duration_seconds,
            starts_at=self.starts_at,
            ttl_seconds=self.ttl_seconds,
            priority=self.priority,
            is_preemptible=self.preemptible,
            is_gang=self.gang,
            may_queue=self.queue,
            deadline=self.deadline,
            holder=self.holder,
            labels=self.labels,
        )

    @classmethod
    def of(cls, spec: CapacitySpec) -> CapacityRequest:
        """Return a request as it was sent; it is not checked a second time."""
        ppm, cap = spec.min_reliability_ppm, spec.max_price
        return cls.model_construct(
            gpu_models=list(spec.gpu_models),
            gpu_count=spec.gpu_count,
            node_size=spec.node_size,
            regions=sorted(spec.regions),
            residency=spec.residency,
            min_tier=cast(Tier | None, spec.min_tier),
            min_reliability=None if ppm is None else plain(Decimal(ppm) / _MILLION),
            max_price_per_gpu_hour=None if cap is None else plain(cap.amount),
            currency=None if cap is None else cap.currency,
            duration_seconds=spec.duration_seconds,
            starts_at=spec.starts_at,
            ttl_seconds=spec.ttl_seconds,
            priority=spec.priority,
            preemptible=spec.is_preemptible,
            gang=spec.is_gang,
            queue=spec.may_queue,
            deadline=spec.deadline,
            holder=spec.holder,
            labels=dict(spec.labels),
        )


class KeyedCapacityRequest(CapacityRequest):
    """A request among others, with the key that the header holds for one alone."""

    idempotency_key: Key


class CapacityBatch(BaseModel):
    """Several requests at once; each stands for itself."""

    model_config = ConfigDict(extra="forbid")

    items: Annotated[list[KeyedCapacityRequest], Field(min_length=1, max_length=MOST_AT_ONCE)]


class CapacityAnswer(BaseModel):
    """What became of a request: granted with its lease, or pending."""

    id: str
    state: RequestState
    reason: str | None = Field(description="why it is pending; a code")
    detail: str | None = Field(description="what would have helped")
    lease: Lease | None


class BatchResult(BaseModel):
    """What became of one request of a batch, with the status it would have had alone."""

    idempotency_key: str
    status: int
    is_replayed: bool
    answer: CapacityAnswer | None
    code: str | None = Field(description="of the problem, if it is one")
    detail: str | None = Field(description="what would have helped")


class BatchResults(BaseModel):
    """A result for each request, in the same order."""

    items: list[BatchResult]


class CapacityRequestDetail(BaseModel):
    """A request and what became of it."""

    id: str
    state: RequestState
    reason: str | None
    detail: str | None
    position: int | None = Field(description="of a pending one: 1 is served next")
    lease_id: str | None
    created_at: datetime
    decided_at: datetime | None
    request: CapacityRequest

    @classmethod
    def of(cls, stored: StoredRequest, *, position: int | None = None) -> CapacityRequestDetail:
        """Return a request on record."""
        return cls(
            id=stored.id,
            state=stored.state,
            reason=stored.reason,
            detail=stored.detail,
            position=position,
            lease_id=stored.lease_id,
            created_at=stored.created_at,
            decided_at=stored.decided_at,
            request=CapacityRequest.of(stored.spec),
        )


class CapacityRequestList(BaseModel):
    """A page of requests, the newest first."""

    items: list[CapacityRequestDetail]
    next_page_token: str | None = Field(description="give it as page_token to read on")
