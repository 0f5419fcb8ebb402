"""A small site and a plan for it whose every figure can be followed with a pencil."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from broker.placement.plan import (
    CostPerHour,
    Move,
    Placement,
    Plan,
    PlanStatus,
    Purchase,
    Serving,
    SurvivalShortfall,
    Unserved,
)
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
    TreeNode,
)

AS_OF = datetime(2026, 11, 21, tzinfo=UTC)
OWNED, OFFERED, SPOT, LATER = "a/owned", "b/offered", "c/spot", "c/later"
CONFIG, BIG = "H100-tp4", "B200-tp1"

SNAPSHOT = Snapshot(
    as_of=AS_OF,
    tree=(
        TreeNode(node="world"),
        TreeNode(node="eu", parent="world"),
        TreeNode(node="us", parent="world"),
    ),
    providers=(
        Provider(provider="a", is_gold=True),
        Provider(provider="b"),
        Provider(provider="c"),
    ),
    pools=(
        Pool(
            pool=OWNED,
            provider="a",
            node="eu",
            region="eu-1",
            gpu_model="H100",
            kind=PoolKind.CONTRACT,
            capacity_gpus=16,
            sunk_price_per_gpu_hour=Decimal("2.00"),
        ),
        Pool(
            pool=OFFERED,
            provider="b",
            node="eu",
            region="eu-2",
            gpu_model="H100",
            kind=PoolKind.ON_DEMAND,
            capacity_gpus=16,
            step_gpus=8,
            price_per_gpu_hour=Decimal("3.00"),
        ),
        Pool(
            pool=SPOT,
            provider="c",
            node="us",
            region="us-1",
            gpu_model="H100",
            kind=PoolKind.SPOT,
            capacity_gpus=12,
            step_gpus=4,
            price_per_gpu_hour=Decimal("1.00"),
            availability=0.5,
        ),
        Pool(
            pool=LATER,
            provider="c",
            node="us",
            region="us-1",
            gpu_model="H100",
            kind=PoolKind.CONTRACT,
            capacity_gpus=64,
            starts_at=AS_OF + timedelta(days=1),
        ),
    ),
    models=(
        Model(
            model="chat",
            priority=900,
            survival=0.5,
            max_spot_share=0.25,
            min_gold_share=0.5,
            start_cost=Decimal("0.50"),
            configs=(
                Config(
                    config=CONFIG,
                    gpu_model="H100",
                    gpus=4,
                    tokens_per_second={"default": 1000.0},
                ),
                Config(config=BIG, gpu_model="B200", gpus=1, tokens_per_second={"default": 700.0}),
            ),
        ),
        Model(model="batch", priority=100, headroom=0.1, survival=0.5),
    ),
    demand=(
        Demand(model="chat", class_name="default", node="eu", tokens_per_second=3000),
        Demand(model="chat", class_name="default", node="world", tokens_per_second=3000),
        Demand(model="batch", class_name="default", node="world", tokens_per_second=500),
    ),
    current=(Running(model="chat", config=CONFIG, pool=OWNED, replicas=3, must_stay=1),),
    policy=Policy(period_hours=1.0),
)

PLAN = Plan(
    status=PlanStatus.SHORT,
    digest="of no matter here",
    placements=(
        Placement(model="chat", config=CONFIG, pool=OWNED, replicas=4),
        Placement(model="chat", config=CONFIG, pool=OFFERED, replicas=2),
        Placement(model="chat", config=CONFIG, pool=SPOT, replicas=2),
    ),
    purchases=(
        Purchase(pool=OFFERED, gpus=8, price_per_gpu_hour=Decimal("3.00")),
        Purchase(pool=SPOT, gpus=8, price_per_gpu_hour=Decimal("1.00")),
    ),
    serving=(
        Serving(
            model="chat",
            class_name="default",
            node="eu",
            config=CONFIG,
            pool=OWNED,
            tokens_per_second=3000,
        ),
        Serving(
            model="chat",
            class_name="default",
            node="world",
            config=CONFIG,
            pool=OWNED,
            tokens_per_second=1000,
        ),
        Serving(
            model="chat",
            class_name="default",
            node="world",
            config=CONFIG,
            pool=OFFERED,
            tokens_per_second=1500,
        ),
        Serving(
            model="chat",
            class_name="default",
            node="world",
            config=CONFIG,
            pool=SPOT,
            tokens_per_second=500,
        ),
    ),
    unserved=(Unserved(model="batch", class_name="default", node="world", tokens_per_second=550),),
    survival_shortfall=tuple(
        SurvivalShortfall(model="batch", scope="world", provider=name, tokens_per_second=250)
        for name in ("a", "b", "c")
    ),
    gold_shortfall=(),
    cost_per_hour=CostPerHour(
        new=Decimal("32.00"),
        sunk=Decimal("32.00"),
        starts=Decimal("2.50"),
        opportunity=Decimal("0.64"),
    ),
    bound_per_hour=30.0,
    gap_variable=5.14 / 30.0,
    gap_managed=5.14 / 62.0,
    moves=(
        Move(
            model="chat",
            source=None,
            target=f"{CONFIG} on {OWNED}",
            replicas=1,
            saves_per_hour=Decimal(0),
        ),
        Move(
            model="chat",
            source=None,
            target=f"{CONFIG} on {OFFERED}",
            replicas=2,
            saves_per_hour=Decimal(0),
        ),
        Move(
            model="chat",
            source=None,
            target=f"{CONFIG} on {SPOT}",
            replicas=2,
            saves_per_hour=Decimal(0),
        ),
    ),
)
