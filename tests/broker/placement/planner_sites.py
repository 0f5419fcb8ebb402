"""Sites to plan for: small ones that can be followed by hand, and random towns."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

from broker.placement.plan import Plan
from broker.placement.planning import make_plan
from broker.placement.snapshot import (
    Config,
    Demand,
    Model,
    Policy,
    Pool,
    PoolKind,
    Provider,
    Running,
    Snapshot,
    SurvivalScope,
    TreeNode,
)

T = TypeVar("T")

AS_OF = datetime(2026, 11, 21, tzinfo=UTC)
TREE = (
    TreeNode(node="world"),
    TreeNode(node="eu", parent="world"),
    TreeNode(node="us", parent="world"),
)


def a_pool(
    name: str,
    *,
    provider: str = "p",
    node: str = "world",
    kind: PoolKind = PoolKind.ON_DEMAND,
    price: str = "0",
    capacity_gpus: int = 64,
    step_gpus: int = 1,
) -> Pool:
    """Sixty-four H100 anywhere, on demand, one by one."""
    return Pool(
        pool=name, provider=provider, node=node, region=f"{node}-1", gpu_model="H100", kind=kind,
        capacity_gpus=capacity_gpus, step_gpus=step_gpus, price_per_gpu_hour=Decimal(price),
    )  # fmt: skip


def a_model(name: str = "m", *, priority: int = 500, start_cost: str = "0.10") -> Model:
    """A model that serves 10,000 tokens per second with four H100."""
    config = Config(
        config="H100-tp4", gpu_model="H100", gpus=4, tokens_per_second={"default": 10_000.0}
    )
    return Model(model=name, priority=priority, start_cost=Decimal(start_cost), configs=(config,))


def a_snapshot(
    *,
    pools: Sequence[Pool],
    models: Sequence[Model],
    demand: float = 10_000,
    node: str = "world",
    current: Sequence[Running] = (),
    gold: Sequence[str] = (),
) -> Snapshot:
    """The pools, with the same demand for each model at one node."""
    names = sorted({pool.provider for pool in pools} | {"p"})
    return Snapshot(
        as_of=AS_OF,
        tree=TREE,
        providers=tuple(Provider(provider=name, is_gold=name in gold) for name in names),
        pools=tuple(pools),
        models=tuple(models),
        demand=tuple(
            Demand(model=model.model, class_name="default", node=node, tokens_per_second=demand)
            for model in models
        ),
        current=tuple(current),
        policy=Policy(opportunity_cost_per_gpu_hour=Decimal("0.01")),
    )


def a_town(seed: int) -> Snapshot:
    """Three providers, eight pools and three models, drawn from the seed."""
    draw = random.Random(seed)
    pools = [
        replace(
            a_pool(
                f"pool {number}", provider=draw.choice("abc"), node=draw.choice(("eu", "us")),
                kind=draw.choice(tuple(PoolKind)), price=str(draw.randint(100, 900) / Decimal(100)),
                capacity_gpus=draw.randint(4, 40), step_gpus=draw.choice((1, 4, 8)),
            ),
            availability=draw.choice((0.99, 0.95)),
        )
        for number in range(8)
    ]  # fmt: skip
    models = [
        replace(
            a_model(f"m{number}", priority=draw.choice((100, 900))),
            headroom=0.1,
            survival=draw.choice((0.0, 0.5, 0.8)),
            survival_scope=draw.choice(tuple(SurvivalScope)),
            max_spot_share=draw.choice((0.0, 0.3)),
            min_gold_share=draw.choice((0.0, 0.4)),
        )
        for number in range(3)
    ]
    town = a_snapshot(pools=pools, models=models, gold=("a",))
    names = tuple(Provider(provider=name, is_gold=name == "a") for name in "abcp")
    demand = tuple(
        Demand(
            model=model.model, class_name="default", node=node,
            tokens_per_second=float(draw.randint(5, 60) * 1000),
        )
        for model in models
        for node in draw.sample(("eu", "us", "world"), 2)
    )  # fmt: skip
    return replace(town, providers=names, demand=demand)


def shuffled(snapshot: Snapshot, draw: random.Random) -> Snapshot:
    """The same snapshot with every list in another order."""

    models = tuple(replace(model, configs=_mixed(draw, model.configs)) for model in snapshot.models)
    return replace(
        snapshot, tree=_mixed(draw, snapshot.tree), providers=_mixed(draw, snapshot.providers),
        pools=_mixed(draw, snapshot.pools), models=_mixed(draw, models), demand=_mixed(draw, snapshot.demand),
        current=_mixed(draw, snapshot.current),
    )  # fmt: skip


def _mixed(draw: random.Random, entries: Sequence[T]) -> tuple[T, ...]:
    return tuple(draw.sample(list(entries), len(entries)))


def planned(snapshot: Snapshot) -> Plan:
    """The plan, by a clock that stands still."""
    return make_plan(snapshot, elapsed=lambda: 0.0)


def replicas_in(plan: Plan) -> dict[str, int]:
    """How many replicas the plan runs in each pool."""
    found: dict[str, int] = defaultdict(int)
    for run in plan.placements:
        found[run.pool] += run.replicas
    return dict(found)
