"""Holding: capacity that a supplier's own books say is ours, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pricing.hardware import Gpu
from pricing.money import Money
from pricing.offer import StockUnit


class HoldingKind(StrEnum):
    """What sort of claim it is."""

    RESERVATION = "reservation"  # machines kept for us, paid whether used or not
    FUTURE_RESERVATION = "future-reservation"
    CAPACITY_BLOCK = "capacity-block"
    COMMITMENT = "commitment"  # a promise to spend; keeps no machine (RI, savings plan, CUD)
    CONTRACT = "contract"  # the supplier's own record of a term contract
    NODE_POOL = "node-pool"


class HoldingState(StrEnum):
    """How the claim stands; the supplier's own word is kept beside it."""

    REQUESTED = "requested"
    SCHEDULED = "scheduled"
    ACTIVE = "active"
    DELAYED = "delayed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @property
    def is_live(self) -> bool:
        """Say whether it is ours now or will be."""
        return self in (
            HoldingState.REQUESTED,
            HoldingState.SCHEDULED,
            HoldingState.ACTIVE,
            HoldingState.DELAYED,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantityChange:
    """A change of quantity that the supplier has announced."""

    at: datetime
    to: int

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("a change of quantity needs the offset of its instant")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A reservation, block or commitment as the supplier's API states it.

    `quantity` and `used` count `unit`; `gpus` is the quantity in GPUs where it can be known. Spend
    commitments (a savings plan) have no quantity: `hourly_commitment` instead. Ends open: None.
    """

    supplier: str
    resource_id: str
    kind: HoldingKind
    name: str | None = None
    region: str | None
    zone: str | None = None
    native_type: str | None  # instance type, platform or size
    gpu: Gpu | None
    gpus_per_unit: int | None
    quantity: int | None
    unit: StockUnit
    used: int | None
    start_at: datetime | None
    end_at: datetime | None
    state: HoldingState
    provider_state: str
    next_change: QuantityChange | None = None
    delivered_at: datetime | None = None
    price_per_gpu_hour: Money | None = None
    upfront_fee: Money | None = None
    hourly_commitment: Money | None = None
    observed_at: datetime
    source: str

    def __post_init__(self) -> None:
        instants = (self.start_at, self.end_at, self.delivered_at, self.observed_at)
        if any(instant is not None and instant.tzinfo is None for instant in instants):
            raise ValueError("a holding's instants need their offset")
        if any(count is not None and count < 0 for count in (self.quantity, self.used)):
            raise ValueError("a quantity is 0 or more")

    @property
    def gpus(self) -> int | None:
        """Return the quantity in GPUs, or None where the size of a unit is unknown."""
        return self._in_gpus(self.quantity)

    @property
    def gpus_used(self) -> int | None:
        """Return the used quantity in GPUs, or None where that is unknown."""
        return self._in_gpus(self.used)

    def _in_gpus(self, count: int | None) -> int | None:
        if count is None:
            return None
        if self.unit is StockUnit.GPU:
            return count
        return None if self.gpus_per_unit is None else count * self.gpus_per_unit
