"""What runs now, out of an earlier plan: what of it the snapshot still has a place for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from broker.placement.snapshot import Running, Snapshot


def with_current(
    snapshot: Snapshot, running: Iterable[Running]
) -> tuple[Snapshot, tuple[str, ...]]:
    """Return the snapshot with these replicas running, and a note on each that has no place in it.

    Replicas that the snapshot itself says must stay go on being so, as far as they run.
    """
    gpu_models = {pool.pool: pool.gpu_model for pool in snapshot.pools}
    wanted = {
        (model.model, config.config): config.gpu_model
        for model in snapshot.models
        for config in model.configs
    }
    staying = {(row.model, row.config, row.pool): row.must_stay for row in snapshot.current}
    kept: dict[tuple[str, str, str], Running] = {}
    notes = []
    for row in running:
        place, gpu_model = (row.model, row.config, row.pool), gpu_models.get(row.pool)
        if gpu_model is None or wanted.get((row.model, row.config)) != gpu_model:
            notes.append(
                f"{row.replicas} replicas of {row.model} ran as {row.config} on {row.pool}, "
                "for which this snapshot has no place"
            )
            continue
        replicas = row.replicas + (kept[place].replicas if place in kept else 0)
        must_stay = min(max(row.must_stay, staying.get(place, 0)), replicas)
        kept[place] = replace(row, replicas=replicas, must_stay=must_stay)
    return replace(snapshot, current=tuple(kept.values())), tuple(notes)
