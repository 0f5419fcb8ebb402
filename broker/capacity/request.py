"""CapacityRequest: what a holder asks for. It never changes; what becomes of it is told beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pricing.money import Money

LONGEST_TTL_SECONDS = 86_400
SHORTEST_TTL_SECONDS = 1
HIGHEST_PRIORITY = 1000
MOST_GPUS = 100_000


class RequestState(StrEnum):
    """Where a request stands. Once granted, its lease says the rest."""

    PENDING = "pending"
    GRANTED = "granted"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


class Refusal(StrEnum):
    """Why a request was not granted; a closed list, for programs."""

    NO_CAPACITY = "no-capacity"  # fits in principle, not now
    IMPOSSIBLE = "impossible"  # no pool could ever serve it
    PRICE_CAP = "price-cap"
    OVER_QUOTA = "over-quota"
    DEADLINE = "deadline"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacitySpec:
    """What is asked for. `gpu_models` in order of preference; None or empty: any will do.

    `gpu_count` GPUs in whole nodes of `node_size`. `min_reliability_ppm` is parts per million.
    `max_price` caps the effective price per GPU-hour. `duration_seconds` None: until released.
    With `gang` all of it or nothing; without, as many whole nodes as there are, at least one.
    """

    gpu_models: tuple[str, ...]
    gpu_count: int
    node_size: int | None = None
    regions: frozenset[str] = frozenset()
    residency: str | None = None
    min_tier: str | None = None
    min_reliability_ppm: int | None = None
    max_price: Money | None = None
    duration_seconds: int | None = None
    starts_at: datetime | None = None
    ttl_seconds: int = 60
    priority: int = 500
    is_preemptible: bool = False
    is_gang: bool = True
    may_queue: bool = False
    deadline: datetime | None = None
    holder: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.gpu_models:
            raise ValueError("name at least one GPU model")
        if not 1 <= self.gpu_count <= MOST_GPUS:
            raise ValueError(f"a request is for 1 to {MOST_GPUS} GPUs")
        if self.node_size is not None and (self.node_size < 1 or self.gpu_count % self.node_size):
            raise ValueError("the number of GPUs is a multiple of the node size")
        if not 0 <= self.priority <= HIGHEST_PRIORITY:
            raise ValueError(f"a priority is 0 to {HIGHEST_PRIORITY}")
        if not SHORTEST_TTL_SECONDS <= self.ttl_seconds <= LONGEST_TTL_SECONDS:
            raise ValueError("a lease is renewed every second to every day")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A number of GPUs in one pool."""

    pool_id: str
    gpu_count: int


Candidate = tuple[Line, ...]
"""One way to serve a request: lines over one or more pools, by pool id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """Why a pool cannot serve a request, and what would have helped."""

    pool_id: str
    reason: str  # a code: "region", "tier", "price", "cordoned", "closes-too-early", "no-free-gpus"
    helps: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The ways to serve a request, the best first, and why each other pool fails."""

    candidates: tuple[Candidate, ...]
    failing: tuple[Failing, ...]
    refusal: Refusal | None  # None when there is a candidate
    helps: str = ""  # of the refusal, in words
