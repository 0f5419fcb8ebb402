"""Profiles of models for tests: a document that is whole, to be spoilt in one place."""

from copy import deepcopy
from typing import Any

THROUGHPUT: dict[str, Any] = {
    "class": "chat",
    "tokens_per_second": 4418,
    "basis": "published",
    "source": "performance overview",
    "as_of": "2026-05-04",
    "conditions": "1000 tokens in, 1000 out",
}
CONFIG: dict[str, Any] = {
    "config": "H100-tp2-fp8",
    "gpu_model": "H100",
    "gpus": 2,
    "precision": "fp8",
    "throughput": [THROUGHPUT],
}
MODEL: dict[str, Any] = {
    "model": "chat-70b",
    "priority": 900,
    "headroom": 0.1,
    "survival": "0.6",
    "survival_scope": "root",
    "max_spot_share": 0.1,
    "start_cost": "0.50",
    "classes": ["chat"],
    "memory": {"parameters_billion": 70.6, "kv_bytes_per_token": 327680, "kv_shards": 8},
    "configs": [CONFIG],
}


def a_model(**changes: Any) -> dict[str, Any]:
    """A model's document with some fields changed."""
    return deepcopy(MODEL) | changes


def a_config(**changes: Any) -> dict[str, Any]:
    """A configuration's document with some fields changed."""
    return deepcopy(CONFIG) | changes


def a_throughput(**changes: Any) -> dict[str, Any]:
    """A throughput's document with some fields changed."""
    return THROUGHPUT | changes
