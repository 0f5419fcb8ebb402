"""Snapshots as JSON values: what `read_snapshot` reads. Prices are decimal text."""

from __future__ import annotations

from datetime import UTC, datetime

from broker.placement.snapshot import Config, Model, Policy, Pool, Running, Snapshot, TreeNode
from pricing.money import plain


def snapshot_document(snapshot: Snapshot) -> dict[str, object]:
    """Return the snapshot as a JSON object; every field is written, defaults too."""
    return {
        "as_of": _instant(snapshot.as_of),
        "tree": [_node(node) for node in snapshot.tree],
        "providers": [
            {"provider": each.provider, "gold": each.is_gold} for each in snapshot.providers
        ],
        "pools": [_pool(pool) for pool in snapshot.pools],
        "models": [_model(model) for model in snapshot.models],
        "demand": [
            {
                "model": row.model,
                "class": row.class_name,
                "node": row.node,
                "tokens_per_second": row.tokens_per_second,
            }
            for row in snapshot.demand
        ],
        "current": [_running(row) for row in snapshot.current],
        "policy": _policy(snapshot.policy),
    }


def _node(node: TreeNode) -> dict[str, object]:
    if node.parent is None:
        return {"node": node.node}
    return {"node": node.node, "parent": node.parent}


def _pool(pool: Pool) -> dict[str, object]:
    document: dict[str, object] = {
        "pool": pool.pool,
        "provider": pool.provider,
        "node": pool.node,
        "region": pool.region,
        "gpu_model": pool.gpu_model,
        "kind": pool.kind.value,
        "capacity_gpus": pool.capacity_gpus,
        "step_gpus": pool.step_gpus,
        "price_per_gpu_hour": plain(pool.price_per_gpu_hour),
        "sunk_price_per_gpu_hour": plain(pool.sunk_price_per_gpu_hour),
        "availability": pool.availability,
    }
    for name, instant in (("starts_at", pool.starts_at), ("ends_at", pool.ends_at)):
        if instant is not None:
            document[name] = _instant(instant)
    return document


def _model(model: Model) -> dict[str, object]:
    return {
        "model": model.model,
        "priority": model.priority,
        "headroom": model.headroom,
        "survival": model.survival,
        "survival_scope": model.survival_scope.value,
        "max_spot_share": model.max_spot_share,
        "min_gold_share": model.min_gold_share,
        "start_cost": plain(model.start_cost),
        "classes": list(model.classes),
        "configs": [_config(config) for config in model.configs],
    }


def _config(config: Config) -> dict[str, object]:
    return {
        "config": config.config,
        "gpu_model": config.gpu_model,
        "gpus": config.gpus,
        "tokens_per_second": dict(config.tokens_per_second),
    }


def _running(row: Running) -> dict[str, object]:
    return {
        "model": row.model,
        "config": row.config,
        "pool": row.pool,
        "replicas": row.replicas,
        "must_stay": row.must_stay,
    }


def _policy(policy: Policy) -> dict[str, object]:
    return {
        "headroom_factor": policy.headroom_factor,
        "opportunity_cost_per_gpu_hour": plain(policy.opportunity_cost_per_gpu_hour),
        "period_hours": policy.period_hours,
    }


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
