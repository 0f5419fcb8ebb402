"""What is measured when the provider that carries most is lost."""

from __future__ import annotations

from dataclasses import replace

from placement_measures import (
    Figures,
    gpus_by_provider,
    least_short,
    needed_by,
    planned,
    start_clock,
    unserved_in,
)
from placement_site import make_snapshot

from broker.placement.checking import check_plan
from broker.placement.plan import Plan
from broker.placement.repairing import repair
from broker.placement.scoring import score
from broker.placement.snapshot import Running, Snapshot


def measure_loss(size: str, seed: int) -> Figures:
    """Lose the provider that carries most, repair at once, and plan anew."""
    snapshot = make_snapshot(size, seed)
    _, plan, _ = planned(snapshot)
    used = gpus_by_provider(snapshot, plan)
    lost = max(used, key=lambda provider: (used[provider], provider))
    left = without_provider(snapshot, plan, lost)
    surviving = [it for it in plan.placements if it.pool in {pool.pool for pool in left.pools}]
    clock = start_clock()
    repaired = repair(snapshot, plan, lost=lost, elapsed=clock)
    repair_seconds = clock()
    _, anew, seconds = planned(left)
    needed = needed_by(left)
    could = 1 - sum(least_short(left)[:-2]) / needed
    served = 1 - unserved_in(score(left, anew.placements)) / needed
    return {
        "lost": lost,
        "GPUs lost": used[lost],
        "share of GPUs": used[lost] / sum(used.values()),
        "served before repair": 1 - unserved_in(score(left, surviving)) / needed,
        "repair, s": repair_seconds,
        "served after repair": 1 - unserved_in(score(left, repaired.placements)) / needed,
        "repair violations": len(check_plan(left, repaired)),
        "re-plan, s": seconds,
        "served after re-plan": served,
        "served, as the LP says": could,
        "not served that could be": max(0.0, could - served),
        "re-plan violations": len(check_plan(left, anew)),
        "moved or started": sum(it.replicas for it in anew.moves if it.target is not None),
    }


def without_provider(snapshot: Snapshot, plan: Plan, lost: str) -> Snapshot:
    """Return the snapshot after a provider is lost, with the rest of the plan running."""
    pools = tuple(pool for pool in snapshot.pools if pool.provider != lost)
    names = {pool.pool for pool in pools}
    return replace(
        snapshot,
        providers=tuple(it for it in snapshot.providers if it.provider != lost),
        pools=pools,
        current=tuple(
            Running(model=it.model, config=it.config, pool=it.pool, replicas=it.replicas)
            for it in plan.placements
            if it.pool in names
        ),
    )
