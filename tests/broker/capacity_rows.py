"""Rows of pools and leases, for tests of what is measured and checked on them."""

from datetime import datetime, timedelta
from typing import Any

from broker.identity import new_id
from broker.store.engine import Database
from broker.store.job_runs import database_now
from broker.store.tables import CapacityRequestRow, LeaseLineRow, LeaseRow, PoolRow, SweepRow
from tests.builders import NOON

HOUR = timedelta(hours=1)


def a_pool(pool_id: str = "pool-1", **changes: Any) -> PoolRow:
    """64 B200 of Harbor Compute, all of them free."""
    counts = {"undelivered": 0, "available": 64, "held": 0, "leased": 0, "down": 0, "returned": 0}
    counts |= {name: changes.pop(name) for name in [*changes] if name in counts}
    defaults: dict[str, Any] = {
        "id": pool_id,
        "source": f"line/{pool_id}",
        "kind": "contract",
        "supplier": "harbor-compute",
        "gpu_model": "B200",
        "node_size": 8,
        "contracted": sum(counts.values()),
        "kept_back": 0,
        "claimed": 0,
        "gen": 1,
        "is_cordoned": False,
        "is_draining": False,
        "confirm_seconds": 60,
        "grace_seconds": 5,
        "changed_at": NOON,
    }
    return PoolRow(**{**defaults, **counts, **changes})


def put_pools(database: Database, *pools: PoolRow) -> None:
    """Put pools into the tables."""
    with database.writing() as session:
        session.add_all(pools)


def put_lease(
    database: Database,
    gpu_count: int,
    *,
    pool_id: str = "pool-1",
    state: str = "active",
    expires_in: timedelta = HOUR,
) -> None:
    """Put a lease into the tables, whatever the accounts of its pool say."""
    is_live = state in ("scheduled", "granted", "active", "preempting")
    request_id, lease_id = new_id(), new_id()
    with database.writing() as session:
        now = database_now(session)
        session.add(_request(request_id, lease_id, gpu_count, at=now))
        session.flush()
        session.add(
            LeaseRow(
                id=lease_id,
                request_id=request_id,
                principal="scheduler",
                holder="chat",
                state=state,
                is_live=is_live,
                priority=500,
                is_preemptible=False,
                gpu_count=gpu_count,
                fence=int(now.timestamp() * 1_000_000),
                ttl_seconds=60,
                granted_at=now,
                starts_at=now,
                expires_at=now + expires_in,
                confirmed_at=None if state in ("granted", "scheduled") else now,
                rev=1,
            )
        )
        session.flush()
        session.add(LeaseLineRow(lease_id=lease_id, pool_id=pool_id, gpu_count=gpu_count))


def put_sweep(database: Database, *, ago: timedelta) -> None:
    """Note that leases were swept so long ago, by the clock of the database."""
    with database.writing() as session:
        at = database_now(session) - ago
        session.merge(SweepRow(name="lease", swept_at=at))


def _request(request_id: str, lease_id: str, gpu_count: int, *, at: datetime) -> CapacityRequestRow:
    return CapacityRequestRow(
        id=request_id,
        principal="scheduler",
        idempotency_key=request_id,
        fingerprint="f",
        spec="{}",
        holder="chat",
        gpu_count=gpu_count,
        priority=500,
        state="granted",
        lease_id=lease_id,
        created_at=at,
        rev=1,
    )
