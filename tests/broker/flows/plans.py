"""Snapshots, and a planner of a few lines, for tests of flows and ways in."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from broker.placement.plan import CostPerHour, Placement, Plan, PlanStatus
from broker.placement.snapshot import Snapshot

SAMPLES = Path(__file__).parents[3] / "fixtures/planner"
SMALLEST = SAMPLES / "nano-1.snapshot.json"


def a_snapshot_document() -> dict[str, Any]:
    """A snapshot that is met at 16 $ an hour: eight GPUs at 2 $, and one replica on them."""
    return {
        "as_of": "2026-11-21T00:00:00Z",
        "tree": [{"node": "world"}],
        "providers": [{"provider": "p1"}],
        "pools": [
            {
                "pool": "p1/H100",
                "provider": "p1",
                "node": "world",
                "region": "us-e-1",
                "gpu_model": "H100",
                "kind": "on_demand",
                "capacity_gpus": 16,
                "step_gpus": 8,
                "price_per_gpu_hour": "2.00",
            },
            {
                "pool": "p1/H100/owned",
                "provider": "p1",
                "node": "world",
                "region": "us-e-1",
                "gpu_model": "B200",
                "kind": "contract",
                "capacity_gpus": 8,
                "sunk_price_per_gpu_hour": "3.17",
            },
        ],
        "models": [
            {
                "model": "m1",
                "configs": [
                    {
                        "config": "H100-tp8",
                        "gpu_model": "H100",
                        "gpus": 8,
                        "tokens_per_second": {"default": 1000},
                    }
                ],
            }
        ],
        "demand": [{"model": "m1", "node": "world", "tokens_per_second": 900}],
    }


def too_much() -> dict[str, Any]:
    """The same, asking for more than there is."""
    document = a_snapshot_document()
    document["demand"][0]["tokens_per_second"] = 9000
    return document


def two_providers() -> dict[str, Any]:
    """The same, with a second provider that is dearer: the loss of the first can be made up for."""
    document = a_snapshot_document()
    document["providers"].append({"provider": "p2"})
    document["pools"].append(
        document["pools"][0] | {"pool": "p2/H100", "provider": "p2", "price_per_gpu_hour": "3.00"}
    )
    return document


class FakePlanner:
    """Places as many replicas as `replicas` of the first configuration on the first pool."""

    def __init__(self, *, replicas: int = 1) -> None:
        self.replicas = replicas
        self.asked: list[Snapshot] = []
        self.budgets: list[float] = []

    def __call__(
        self,
        snapshot: Snapshot,
        *,
        budget_seconds: float,
        elapsed: Callable[[], float],
        on_better: Callable[[Plan], None] | None,
    ) -> Plan:
        """Return the plan, and tell of it."""
        self.asked.append(snapshot)
        self.budgets.append(budget_seconds)
        config = snapshot.models[0].configs[0]
        plan = Plan(
            status=PlanStatus.FEASIBLE,
            digest=f"{self.replicas:064}",
            placements=(
                Placement(
                    model=snapshot.models[0].model,
                    config=config.config,
                    pool=snapshot.pools[0].pool,
                    replicas=self.replicas,
                ),
            ),
            purchases=(),
            serving=(),
            unserved=(),
            survival_shortfall=(),
            gold_shortfall=(),
            cost_per_hour=CostPerHour(
                new=Decimal(16), sunk=Decimal("25.36"), starts=Decimal(0), opportunity=Decimal(0)
            ),
            bound_per_hour=16.0,
            gap_variable=0.0,
            gap_managed=0.0,
            reasons=("it is the only one",),
        )
        if on_better is not None:
            on_better(plan)
        return plan


def written(document: dict[str, Any], path: Path) -> str:
    """Write a document into a file and return its name."""
    path.write_text(json.dumps(document))
    return str(path)
