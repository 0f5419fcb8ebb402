"""Stays: which pools are there for the whole period, and which replicas may not leave."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from broker.placement.snapshot import Pool, Running, Snapshot

Place = tuple[str, str, str]
"""A model, one of its configurations, and a pool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stays:
    """What runs where, what of it must stay, and what had to be said about it."""

    running: Mapping[Place, int]
    staying: Mapping[Place, int]
    closed_pools: frozenset[str]
    reasons: tuple[str, ...]


def stays_of(snapshot: Snapshot, pools: Sequence[Pool]) -> Stays:
    """Keep what must stay as far as its pool holds it, in the order of names."""
    closed = frozenset(pool.pool for pool in pools if not _is_there_throughout(pool, snapshot))
    reasons = [
        f"pool {name} is not there for the whole period and takes nothing new"
        for name in sorted(closed)
    ]
    running: dict[Place, int] = defaultdict(int)
    asked: dict[Place, int] = defaultdict(int)
    for entry in snapshot.current:
        place = (entry.model, entry.config, entry.pool)
        running[place] += entry.replicas
        asked[place] += entry.must_stay
    staying = _held(asked, snapshot, pools, reasons)
    return Stays(running=running, staying=staying, closed_pools=closed, reasons=tuple(reasons))


def usable_gpus(pool: Pool) -> int:
    """Return the GPUs that can be used: all of a contract, else the whole steps in the capacity."""
    if pool.kind.is_bought:
        return pool.capacity_gpus // pool.step_gpus * pool.step_gpus
    return pool.capacity_gpus


def starts_in(current: Sequence[Running]) -> Mapping[Place, int]:
    """Return the running replicas by place."""
    running: dict[Place, int] = defaultdict(int)
    for entry in current:
        running[entry.model, entry.config, entry.pool] += entry.replicas
    return running


def _is_there_throughout(pool: Pool, snapshot: Snapshot) -> bool:
    end = snapshot.as_of + timedelta(hours=snapshot.policy.period_hours)
    begins_late = pool.starts_at is not None and pool.starts_at > snapshot.as_of
    ends_early = pool.ends_at is not None and pool.ends_at < end
    return not (begins_late or ends_early)


def _held(
    asked: Mapping[Place, int], snapshot: Snapshot, pools: Sequence[Pool], reasons: list[str]
) -> Mapping[Place, int]:
    by_name = {pool.pool: pool for pool in pools}
    configs = {
        (model.model, config.config): config
        for model in snapshot.models
        for config in model.configs
    }
    free = {pool.pool: usable_gpus(pool) for pool in pools}
    held: dict[Place, int] = {}
    for place in sorted(place for place, count in asked.items() if count > 0):
        model, name, pool = place
        config = configs.get((model, name))
        fits = 0
        if config and pool in by_name and config.gpu_model == by_name[pool].gpu_model:
            fits = min(asked[place], free[pool] // config.gpus)
            free[pool] -= fits * config.gpus
        if fits:
            held[place] = fits
        if fits < asked[place]:
            reasons.append(
                f"{asked[place]} replicas of {model} as {name} must stay on {pool}, "
                f"which holds {fits} of them"
            )
    return held
