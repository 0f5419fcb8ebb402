"""Plan: what runs where, what must be bought for it, and how good that is.

Shortfalls are in tokens per second, money in US dollars per hour. Amounts of money are exact: whole
GPUs times exact prices. Only the bound is a number that a solver proved, rounded down.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum


class PlanStatus(StrEnum):
    """How good a plan is known to be."""

    OPTIMAL = "optimal"  # nothing short that could be met, and no cheaper plan exists
    FEASIBLE = "feasible"  # everything met; a cheaper plan may exist, within the gap
    SHORT = "short"  # some demand, survival or gold share is not met


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Replicas of a model in one configuration on one pool."""

    model: str
    config: str
    pool: str
    replicas: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """GPUs to buy from a pool, in whole steps."""

    pool: str
    gpus: int
    price_per_gpu_hour: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Which replicas serve how much of a demand row."""

    model: str
    class_name: str
    node: str
    config: str
    pool: str
    tokens_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Unserved:
    """Demand, headroom included, that no replica serves."""

    model: str
    class_name: str
    node: str
    tokens_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalShortfall:
    """What would lack in a scope, of the promised share, if the provider were lost."""

    model: str
    scope: str
    provider: str
    tokens_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldShortfall:
    """What lacks of a model's share on firm pools of gold providers."""

    model: str
    tokens_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPerHour:
    """Dollars per hour: purchases, contracts paid anyway, starts, and the opportunity of GPUs."""

    new: Decimal
    sunk: Decimal
    starts: Decimal
    opportunity: Decimal

    @property
    def money(self) -> Decimal:
        """What the plan minimises: all that is still to be decided."""
        return self.new + self.starts + self.opportunity


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowPrice:
    """What one more GPU of a pool would save per hour, before its own price."""

    pool: str
    value_per_gpu_hour: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Replicas that leave one place for another (either may be None: a start or a stop).

    Places are "CONFIG on POOL"; `saves_per_hour` is what the move is worth against staying.
    """

    model: str
    source: str | None
    target: str | None
    replicas: int
    saves_per_hour: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """Where the time went. Left out of the hash."""

    build: float
    bound: float
    first_plan: float
    total: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The answer. `digest` covers what is to be done, so equal plans have equal digests."""

    status: PlanStatus
    digest: str
    placements: tuple[Placement, ...]
    purchases: tuple[Purchase, ...]
    serving: tuple[Serving, ...]
    unserved: tuple[Unserved, ...]
    survival_shortfall: tuple[SurvivalShortfall, ...]
    gold_shortfall: tuple[GoldShortfall, ...]
    cost_per_hour: CostPerHour
    bound_per_hour: float
    gap_variable: float | None
    gap_managed: float | None
    shadow_prices: tuple[ShadowPrice, ...] = ()
    moves: tuple[Move, ...] = ()
    reasons: tuple[str, ...] = ()
    seconds: Seconds = field(
        default_factory=lambda: Seconds(build=0, bound=0, first_plan=0, total=0)
    )
