"""Leases as they cross the network. Prices are decimal strings with their currency beside them.

What a contract costs is told only to whoever may read contracts; to others those prices are null.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from broker.capacity.lease import LeaseState
from broker.capacity.request import LONGEST_TTL_SECONDS, SHORTEST_TTL_SECONDS
from broker.store.leases import GrantedLease, GrantedLine, StoredLease
from pricing.money import Money, plain

HIGHEST_FENCE = 2**63 - 1
MOST_AT_ONCE = 256

LeaseId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[0-9a-z-]+$")]
Fence = Annotated[int, Field(ge=1, le=HIGHEST_FENCE, description="as the lease was granted with")]
Ttl = Annotated[int, Field(ge=SHORTEST_TTL_SECONDS, le=LONGEST_TTL_SECONDS)]


class LeaseLine(BaseModel):
    """The part of a lease in one pool, with the prices per GPU-hour at which it was granted."""

    pool_id: str
    supplier: str
    contract_ref: str | None
    region: str | None
    gpu_model: str
    gpu_count: int
    marginal_price_per_gpu_hour: str | None = Field(description="of one more used GPU-hour")
    effective_price_per_gpu_hour: str | None = Field(description="with what was paid in advance")
    currency: str | None

    @classmethod
    def of(cls, granted: GrantedLine, *, with_prices: bool) -> LeaseLine:
        """Return a line; a contract's prices only `with_prices`."""
        line = granted.line
        shown = with_prices or not granted.is_contract
        known = line.effective or line.marginal
        return cls(
            pool_id=line.pool_id,
            supplier=line.supplier,
            contract_ref=line.contract_ref,
            region=line.region,
            gpu_model=line.gpu_model,
            gpu_count=line.gpu_count,
            marginal_price_per_gpu_hour=_amount(line.marginal) if shown else None,
            effective_price_per_gpu_hour=_amount(line.effective) if shown else None,
            currency=known.currency if shown and known else None,
        )


class Lease(BaseModel):
    """GPUs that a holder has for as long as it says in time that it lives."""

    id: str
    request_id: str
    state: LeaseState
    lines: list[LeaseLine]
    fence: int = Field(description="higher than that of any lease granted before")
    ttl_seconds: int
    expires_at: datetime = Field(description="by the clock of the database; renew well before")

    @classmethod
    def of(cls, granted: GrantedLease, *, with_prices: bool) -> Lease:
        """Return a lease as it was granted."""
        return cls(
            id=granted.id,
            request_id=granted.request_id,
            state=granted.state,
            lines=[LeaseLine.of(line, with_prices=with_prices) for line in granted.lines],
            fence=granted.fence,
            ttl_seconds=granted.ttl_seconds,
            expires_at=granted.expires_at,
        )


class LeaseDetail(Lease):
    """A lease with its history."""

    holder: str
    reason: str | None = Field(description="why it ended")
    gpu_count: int
    priority: int
    preemptible: bool
    granted_at: datetime
    starts_at: datetime
    ends_at: datetime | None = Field(description="of a stated duration, or of a preemption's grace")
    confirmed_at: datetime | None = Field(description="of its first heartbeat")
    ended_at: datetime | None

    @classmethod
    def stored(cls, stored: StoredLease, *, with_prices: bool) -> LeaseDetail:
        """Return a lease as it stands."""
        lease = stored.lease
        plain_lease = Lease.of(stored.granted, with_prices=with_prices)
        return cls(
            **dict(plain_lease),
            holder=lease.holder,
            reason=lease.reason,
            gpu_count=lease.gpu_count,
            priority=lease.priority,
            preemptible=lease.is_preemptible,
            granted_at=lease.granted_at,
            starts_at=lease.starts_at,
            ends_at=lease.ends_at,
            confirmed_at=lease.confirmed_at,
            ended_at=lease.ended_at,
        )


class LeaseList(BaseModel):
    """A page of leases, the newest first."""

    items: list[LeaseDetail]
    next_page_token: str | None = Field(description="give it as page_token to read on")


class Heartbeat(BaseModel):
    """A holder says that it lives; the first time confirms the grant."""

    model_config = ConfigDict(extra="forbid")

    fence: Fence
    ttl_seconds: Annotated[Ttl | None, Field(description="null: as before")] = None


class NamedHeartbeat(Heartbeat):
    """A heartbeat among others."""

    lease_id: LeaseId


class HeartbeatBatch(BaseModel):
    """The heartbeats of a node or a scheduler, at once."""

    model_config = ConfigDict(extra="forbid")

    items: Annotated[list[NamedHeartbeat], Field(min_length=1, max_length=MOST_AT_ONCE)]


class Renewed(BaseModel):
    """Until when a lease lives now."""

    lease_id: str
    state: LeaseState
    expires_at: datetime


class RenewalResult(BaseModel):
    """What one heartbeat of a batch did; a lease that is lost has no `expires_at`."""

    lease_id: str
    is_lost: bool = Field(description="stop using the GPUs: the lease is not yours any more")
    state: LeaseState | None
    expires_at: datetime | None


class RenewalResults(BaseModel):
    """A result for each heartbeat, in the same order."""

    items: list[RenewalResult]


def _amount(price: Money | None) -> str | None:
    return None if price is None else plain(price.amount)
