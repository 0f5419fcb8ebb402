"""Leases of one pool or several."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from broker.capacity.lease import Lease, LeaseLine, LeaseState
from pricing.money import Money
from tests.broker.capacity.pool_builders import NOON


def a_line(pool_id: str, gpu_count: int) -> LeaseLine:
    """GPUs of one pool."""
    return LeaseLine(
        pool_id=pool_id,
        supplier="harbor-compute",
        contract_ref=None,
        region="us-central",
        gpu_model="B200",
        gpu_count=gpu_count,
        marginal=None,
        effective=Money(Decimal("2.63")),
    )


def a_lease(lease_id: str = "l1", *, age_minutes: int = 60, **changes: Any) -> Lease:
    """8 B200 of pool p1 that batch has had for an hour and would give back."""
    gpus = changes.pop("lines", {"p1": 8})
    granted_at = NOON - timedelta(minutes=age_minutes)
    defaults: dict[str, Any] = {
        "id": lease_id,
        "request_id": f"r-{lease_id}",
        "principal": "k1",
        "holder": "batch",
        "state": LeaseState.ACTIVE,
        "reason": None,
        "priority": 100,
        "is_preemptible": True,
        "gpu_count": sum(gpus.values()),
        "fence": 1,
        "ttl_seconds": 60,
        "granted_at": granted_at,
        "starts_at": granted_at,
        "ends_at": None,
        "expires_at": NOON + timedelta(minutes=1),
        "confirmed_at": granted_at,
        "ended_at": None,
        "rev": 1,
        "lines": tuple(a_line(pool_id, count) for pool_id, count in gpus.items()),
    }
    return Lease(**{**defaults, **changes})
