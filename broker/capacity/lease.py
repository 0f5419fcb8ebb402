"""Lease: GPUs that a holder has, for as long as it says that it lives.

    scheduled ──▶ granted ──first heartbeat──▶ active ──▶ released | expired
                     │ nobody confirms            └─▶ preempting ──▶ preempted | released
                     ▼
                  expired

Live are the first four. A lease that is overdue counts as live until the sweep has ended it: GPUs
are never given twice because a holder is late. All times are the database's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pricing.money import Money


class LeaseState(StrEnum):
    """Where a lease stands."""

    SCHEDULED = "scheduled"  # granted for later
    GRANTED = "granted"
    ACTIVE = "active"
    PREEMPTING = "preempting"  # to be given back within the grace
    RELEASED = "released"
    EXPIRED = "expired"
    PREEMPTED = "preempted"

    @property
    def is_live(self) -> bool:
        """Say whether its GPUs are taken."""
        return self in LIVE


LIVE = frozenset(
    {LeaseState.SCHEDULED, LeaseState.GRANTED, LeaseState.ACTIVE, LeaseState.PREEMPTING}
)

NEXT: dict[LeaseState, frozenset[LeaseState]] = {
    LeaseState.SCHEDULED: frozenset(
        {LeaseState.GRANTED, LeaseState.ACTIVE, LeaseState.RELEASED, LeaseState.EXPIRED}
    ),
    LeaseState.GRANTED: frozenset(
        {LeaseState.ACTIVE, LeaseState.RELEASED, LeaseState.EXPIRED, LeaseState.PREEMPTING}
    ),
    LeaseState.ACTIVE: frozenset({LeaseState.RELEASED, LeaseState.EXPIRED, LeaseState.PREEMPTING}),
    LeaseState.PREEMPTING: frozenset(
        {LeaseState.RELEASED, LeaseState.EXPIRED, LeaseState.PREEMPTED}
    ),
    LeaseState.RELEASED: frozenset(),
    LeaseState.EXPIRED: frozenset(),
    LeaseState.PREEMPTED: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseLine:
    """The part of a lease in one pool, with the prices per GPU-hour at which it was granted."""

    pool_id: str
    supplier: str
    contract_ref: str | None
    region: str | None
    gpu_model: str
    gpu_count: int
    marginal: Money | None
    effective: Money | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A lease as it stands. `fence` is higher than that of any lease granted before it."""

    id: str
    request_id: str
    principal: str
    holder: str
    state: LeaseState
    reason: str | None
    priority: int
    is_preemptible: bool
    gpu_count: int
    fence: int
    ttl_seconds: int
    granted_at: datetime
    starts_at: datetime
    ends_at: datetime | None
    expires_at: datetime
    confirmed_at: datetime | None
    ended_at: datetime | None
    rev: int
    lines: tuple[LeaseLine, ...]

    def may_become(self, state: LeaseState) -> bool:
        """Say whether the lease may move to a state."""
        return state in NEXT[self.state]


def renewed_until(
    now: datetime,
    *,
    ttl: timedelta,
    expires_at: datetime,
    ends_at: datetime | None,
    closes_at: datetime | None,
) -> datetime:
    """Return until when a heartbeat keeps a lease: a TTL from now, never less than before.

    Neither its stated end nor the end of any contract line behind it is passed.
    """
    wanted = max(expires_at, now + ttl)
    limits = [limit for limit in (ends_at, closes_at) if limit is not None]
    return min([wanted, *limits])
