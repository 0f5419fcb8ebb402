"""Snapshot: everything a placement plan is made from, as it stood at one instant.

Units: capacity in GPUs, work in tokens per second, prices in US dollars per GPU-hour, shares as
fractions of one. Demand at a node of the tree may be served from anywhere under that node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class PoolKind(StrEnum):
    """What stands behind a pool's GPUs."""

    CONTRACT = "contract"  # paid already: using one more GPU costs nothing
    RESERVED = "reserved"  # can be bought now and is firm, such as a capacity block
    ON_DEMAND = "on_demand"
    SPOT = "spot"  # may be taken away at any moment

    @property
    def is_firm(self) -> bool:
        """Whether the supplier has promised not to take a running GPU away."""
        return self is not PoolKind.SPOT

    @property
    def is_bought(self) -> bool:
        """Whether using the pool means buying from it now."""
        return self is not PoolKind.CONTRACT


class SurvivalScope(StrEnum):
    """Inside which node, seen from a demand row's own, a lost provider must be made up for."""

    NODE = "node"
    PARENT = "parent"
    ROOT = "root"


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeNode:
    """A place that demand can be bound to: the world, a continent or residency, an area."""

    node: str
    parent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A supplier that can fail as a whole; `is_gold` by published or measured reliability."""

    provider: str
    is_gold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """GPUs of one model, at one place, under one price.

    `price_per_gpu_hour` is what one more GPU-hour costs; of a contract it is zero, and
    `sunk_price_per_gpu_hour` is what its GPUs cost whether used or not. GPUs are bought in whole
    steps. `availability` is the expected share of time that a GPU here works. A pool that is not
    there for the whole planned period, by `starts_at` and `ends_at`, takes no replicas.
    """

    pool: str
    provider: str
    node: str
    region: str
    gpu_model: str
    kind: PoolKind
    capacity_gpus: int
    step_gpus: int = 1
    price_per_gpu_hour: Decimal = Decimal(0)
    sunk_price_per_gpu_hour: Decimal = Decimal(0)
    availability: float = 1.0
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    @property
    def marginal_price_per_gpu_hour(self) -> Decimal:
        """What one more GPU-hour costs: nothing where it is paid already."""
        return self.price_per_gpu_hour if self.kind.is_bought else Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One way to run a model: GPUs of one replica, and what it serves of each class alone."""

    config: str
    gpu_model: str
    gpus: int
    tokens_per_second: Mapping[str, float]

    @property
    def highest_tokens_per_second(self) -> float:
        """What a replica counts with for survival and shares."""
        return max(self.tokens_per_second.values(), default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A served model: how important it is, and what must hold for it.

    `survival` is the share of demand to be left when any one provider is lost; `priority` goes from
    0 to 1000, higher first; `start_cost` is in dollars per replica beyond those that run already,
    spread over the planned period, so per hour.
    """

    model: str
    priority: int = 500
    headroom: float = 0.0
    survival: float = 0.0
    survival_scope: SurvivalScope = SurvivalScope.PARENT
    max_spot_share: float = 0.0
    min_gold_share: float = 0.0
    start_cost: Decimal = Decimal(0)
    classes: tuple[str, ...] = ("default",)
    configs: tuple[Config, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Tokens per second of one class of a model that come from under a node."""

    model: str
    class_name: str
    node: str
    tokens_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Replicas that run now. Those that `must_stay` hold leases that may not be given back."""

    model: str
    config: str
    pool: str
    replicas: int
    must_stay: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What holds for the plan as a whole.

    `opportunity_cost_per_gpu_hour` is charged for each used GPU: without it paid GPUs tie in their
    thousands and plans flap. `period_hours` is how long the plan is for.
    """

    headroom_factor: float = 1.0
    opportunity_cost_per_gpu_hour: Decimal = Decimal("0.02")
    period_hours: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The input of a plan. Names refer to each other; a read snapshot has no dangling one."""

    as_of: datetime
    tree: tuple[TreeNode, ...]
    providers: tuple[Provider, ...]
    pools: tuple[Pool, ...]
    models: tuple[Model, ...]
    demand: tuple[Demand, ...]
    current: tuple[Running, ...] = ()
    policy: Policy = field(default_factory=Policy)
