"""Placement plans as they cross the network: prices as strings, rates and gaps as numbers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from broker.placement.plan import PlanStatus
from broker.store.plans import PlanEntry, PlanKind, StoredPlan

Rate = Annotated[float, Field(description="tokens per second")]
Dollars = Annotated[str, Field(description="US dollars per hour, plain digits")]


class PlanRequest(BaseModel):
    """What to plan: a snapshot, or the books as they stand. Described in docs/placement.md."""

    model_config = ConfigDict(extra="forbid")

    snapshot: Annotated[
        dict[str, Any] | None, Field(description="all that a plan is made from; or live")
    ] = None
    live: Annotated[bool, Field(description="plan from ledger, offers, demand, leases")] = False
    budget_seconds: Annotated[float | None, Field(description="default: as is set")] = None
    current_plan: Annotated[
        str | None, Field(description="id of the plan whose placements run now")
    ] = None


class PlacementOut(BaseModel):
    """Replicas of a model in one configuration on one pool."""

    model: str
    config: str
    pool: str
    replicas: int


class PurchaseOut(BaseModel):
    """GPUs to buy."""

    pool: str
    gpus: int
    price_per_gpu_hour: str | None = Field(description="null: not for this key")


class ServingOut(BaseModel):
    """Which replicas serve how much of a demand row."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    model: str
    class_name: Annotated[str, Field(alias="class")]
    node: str
    config: str
    pool: str
    tokens_per_second: Rate


class UnservedOut(BaseModel):
    """Demand that no replica serves."""

    model: str
    class_name: Annotated[str, Field(alias="class")]
    node: str
    tokens_per_second: Rate


class SurvivalShortfallOut(BaseModel):
    """What would lack inside a node if a provider were lost."""

    model: str
    scope: str
    provider: str
    tokens_per_second: Rate


class GoldShortfallOut(BaseModel):
    """What lacks of a share on gold providers."""

    model: str
    tokens_per_second: Rate


class CostOut(BaseModel):
    """Dollars per hour; null where this key may not see the prices behind it."""

    new: Dollars | None
    sunk: Dollars | None = Field(description="contracts, paid anyway")
    starts: Dollars
    opportunity: Dollars


class ShadowPriceOut(BaseModel):
    """What one more GPU of a pool would save per hour, before its own price."""

    pool: str
    value_per_gpu_hour: float


class MoveOut(BaseModel):
    """Replicas that leave one place for another; null: a start or a stop."""

    model: str
    source: Annotated[str | None, Field(alias="from")]
    target: Annotated[str | None, Field(alias="to")]
    replicas: int
    saves_per_hour: str


class SecondsOut(BaseModel):
    """Where the time went."""

    build: float
    bound: float
    first_plan: float
    total: float


class PlanHead(BaseModel):
    """Which plan it is, and how it came about."""

    id: str
    created_at: datetime
    as_of: datetime = Field(description="of the snapshot")
    actor: str
    kind: PlanKind
    status: PlanStatus
    hash: str = Field(description="of what is to be done: equal plans have equal ones")
    parent_id: str | None = Field(description="the plan that ran when this one was made")


class PlanEntryOut(PlanHead):
    """A plan in a list."""

    @classmethod
    def of(cls, entry: PlanEntry) -> PlanEntryOut:
        """Return a plan in a list."""
        return cls.model_validate(_head(entry))


class PlanOut(PlanHead):
    """A plan on record, with all that it says."""

    placements: list[PlacementOut]
    purchases: list[PurchaseOut]
    serving: list[ServingOut]
    unserved: list[UnservedOut]
    survival_shortfall: list[SurvivalShortfallOut]
    gold_shortfall: list[GoldShortfallOut]
    cost_per_hour: CostOut
    bound_per_hour: float | None = Field(description="no plan costs less; null as `new` is")
    gap_variable: float | None
    gap_managed: float | None
    shadow_prices: list[ShadowPriceOut]
    moves: list[MoveOut]
    reasons: list[str]
    seconds: SecondsOut

    @classmethod
    def of(
        cls,
        stored: StoredPlan,
        *,
        with_contracts: bool = True,
        hidden_suppliers: Collection[str] = (),
    ) -> PlanOut:
        """Return a plan; what contracts cost only `with_contracts`.

        Prices of `hidden_suppliers`, and sums that would give them away, are left out.
        """
        plan = _head(stored.entry) | stored.plan
        if not with_contracts:
            plan = _without_contracts(plan)
        hidden = {
            pool["pool"]
            for pool in stored.snapshot["pools"]
            if pool["provider"] in hidden_suppliers
        }
        if any(each["pool"] in hidden for each in plan["purchases"]):
            plan = _without_offers(plan, hidden)
        return cls.model_validate(plan)


class PlanList(BaseModel):
    """Plans on record, the newest first."""

    items: list[PlanEntryOut]
    next_page_token: str | None = None

    @classmethod
    def of(cls, entries: Sequence[PlanEntry], next_page_token: str | None = None) -> PlanList:
        """Return a page of plans."""
        items = [PlanEntryOut.of(entry) for entry in entries]
        return cls(items=items, next_page_token=next_page_token)


def _head(entry: PlanEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "created_at": entry.created_at,
        "as_of": entry.as_of,
        "actor": entry.actor,
        "kind": entry.kind,
        "status": entry.status,
        "hash": entry.digest,
        "parent_id": entry.parent_id,
    }


def _without_contracts(plan: dict[str, Any]) -> dict[str, Any]:
    """Leave out what contracts cost, and the gap that it can be worked out from."""
    cost = plan["cost_per_hour"] | {"sunk": None}
    return plan | {"cost_per_hour": cost, "gap_managed": None}


def _without_offers(plan: dict[str, Any], hidden: Collection[str]) -> dict[str, Any]:
    """Leave out the prices of pools, and the sums and values that they can be worked out from."""
    purchases = [
        each | {"price_per_gpu_hour": None} if each["pool"] in hidden else each
        for each in plan["purchases"]
    ]
    return plan | {
        "purchases": purchases,
        "cost_per_hour": plan["cost_per_hour"] | {"new": None},
        "bound_per_hour": None,
        "gap_variable": None,
        "gap_managed": None,
        "shadow_prices": [each for each in plan["shadow_prices"] if each["pool"] not in hidden],
    }
