"""Pool: GPUs of one model at one place under one contract line, as its accounts stand.

    contracted = undelivered + available + held + leased + down + returned

The counter-account, the supplier's, is minus that sum, so all accounts of a pool add up to zero. A
transfer moves GPUs from one account to another; none of them is ever below zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from pricing.money import Money


class PoolKind(StrEnum):
    """Where a pool's GPUs come from."""

    CONTRACT = "contract"
    ON_DEMAND = "on-demand"


class Account(StrEnum):
    """Where the GPUs of a pool stand."""

    SUPPLIER = "supplier"
    UNDELIVERED = "undelivered"
    AVAILABLE = "available"
    HELD = "held"  # granted, not confirmed yet
    LEASED = "leased"
    DOWN = "down"
    RETURNED = "returned"


TIERS = ("platinum", "gold", "silver", "bronze")
"""Ratings from the best to the least that still counts as one; anything else is below them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A pool as a planner sees it: a snapshot, verified again when the grant is written.

    Prices are per GPU-hour: `marginal` is what one more used GPU-hour costs, `effective` what it
    costs with what was paid in advance. `usd_…` are the same in US dollars, for comparing; None
    where no price or no exchange rate is known. `booked` is what future leases will take at most.
    """

    id: str
    kind: PoolKind
    supplier: str
    contract_id: str | None
    contract_ref: str | None
    line_no: int | None
    gpu_model: str
    form_factor: str | None
    region: str | None
    residency: str | None
    tier: str | None
    reliability_ppm: int | None
    node_size: int
    contracted: int
    available: int
    kept_back: int
    claimed: int
    gen: int
    is_cordoned: bool
    is_draining: bool
    opens_at: datetime | None
    closes_at: datetime | None
    marginal: Money | None
    effective: Money | None
    usd_marginal: Decimal | None
    usd_effective: Decimal | None
    booked: int = 0

    @property
    def free(self) -> int:
        """Return the GPUs that a new lease could have now."""
        return max(0, self.available - self.kept_back - self.claimed - self.booked)
