"""The demo's capacity: pools from the ledger, a lease, and a request that is more than there is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from broker.capacity.request import CapacitySpec
from broker.clock import Clock, ticks_now
from broker.flows.list_offers import list_offers
from broker.flows.manage_pools import list_pools
from broker.flows.offer_query import offer_filter
from broker.flows.pool_snapshot import PoolSnapshots
from broker.flows.request_capacity import Ask, Decision, Desk, request_capacity
from broker.flows.set_on_demand import set_on_demand
from broker.flows.sync_pools import sync_pools
from broker.store.engine import Database
from broker.store.grants import grants_of
from broker.store.pools import StoredPool

PRINCIPAL = "demo"
ON_DEMAND_LIMIT = 64
ASKED = (
    CapacitySpec(
        gpu_models=("B200",),
        gpu_count=512,
        node_size=8,
        priority=800,
        ttl_seconds=3600,
        holder="serving/chat-large",
    ),
    CapacitySpec(
        gpu_models=("B200", "H200"),
        gpu_count=8192,
        node_size=8,
        priority=500,
        ttl_seconds=3600,
        holder="training/spring",
    ),
)
"""What the demo's scheduler asks for: something that fits, and something that does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoCapacity:
    """What there is, and what became of what was asked."""

    pools: tuple[StoredPool, ...]
    decisions: tuple[tuple[CapacitySpec, Decision], ...]


def lease_demo(database: Database, *, clock: Clock, tell: Callable[[str], None]) -> DemoCapacity:
    """Make the pools, ask for capacity as a scheduler would, and return what became of it."""
    report = sync_pools(database, on=clock().date(), clock=clock)
    wanted = offer_filter(gpu="B200", count=8, obtainable=True, suppliers=("lambda",))
    for listed in list_offers(database, wanted, clock=clock).offers[:1]:
        set_on_demand(database, listed.offer.id, ON_DEMAND_LIMIT, actor=PRINCIPAL, clock=clock)
    decisions = asyncio.run(_asked(database, clock))
    tell(
        f"pools: {len(report.opened)} of contract lines, one on demand up to {ON_DEMAND_LIMIT} GPUs"
    )
    return DemoCapacity(
        pools=tuple(list_pools(database)), decisions=tuple(zip(ASKED, decisions, strict=True))
    )


async def _asked(database: Database, clock: Clock) -> list[Decision]:
    grants = grants_of(database, clock=clock)
    desk = Desk(
        database=database,
        grants=grants,
        snapshots=PoolSnapshots(database, ticks=ticks_now),
        clock=clock,
    )
    await grants.start()
    try:
        asks = [
            Ask(spec=spec, idempotency_key=f"demo-{number}", principal=PRINCIPAL)
            for number, spec in enumerate(ASKED)
        ]
        return await request_capacity(desk, asks)
    finally:
        await grants.stop()
