"""Sites so small that every placement on them can be tried, drawn by hypothesis."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from hypothesis import strategies as st

from broker.placement.plan import Plan
from broker.placement.planning import make_plan
from broker.placement.scoring import Score, score
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
)
from tests.broker.placement.known_plan import AS_OF, SNAPSHOT

PROVIDERS = ("a", "b", "c")
NODES = ("world", "eu", "us")
TOKENS_APART = 0.05


def planned(snapshot: Snapshot, *, budget_seconds: float = 20.0) -> Plan:
    """Return the plan, made while the clock stands still; a small budget is little work."""
    return make_plan(snapshot, budget_seconds=budget_seconds, elapsed=lambda: 0.0)


def value_of(snapshot: Snapshot, plan: Plan) -> Score:
    """Return what the plan is worth, counted by the oracle."""
    return score(snapshot, plan.placements)


def are_as_good(one: Score, other: Score) -> bool:
    """Say whether two scores are the same at every stage."""
    return len(one.stages) == len(other.stages) and all(
        abs(mine - yours) <= TOKENS_APART + 1e-6 * abs(yours)
        for mine, yours in zip(one.stages, other.stages, strict=True)
    )


def is_no_worse(one: Score, other: Score) -> bool:
    """Say whether the first score is the better one, or the same."""
    for mine, yours in zip(one.stages, other.stages, strict=True):
        if abs(mine - yours) > TOKENS_APART + 1e-6 * abs(yours):
            return mine < yours
    return True


@st.composite
def sites(draw: st.DrawFn) -> Snapshot:
    """Draw a site of a few machines and two models, with every rule that a site may have."""
    models = tuple(draw(_models(name)) for name in ("m1", "m2"))
    pools = tuple(draw(_pools(f"pool-{number}")) for number in range(draw(st.integers(1, 3))))
    return Snapshot(
        as_of=AS_OF,
        tree=SNAPSHOT.tree,
        providers=tuple(Provider(provider=name, is_gold=name == "a") for name in PROVIDERS),
        pools=pools,
        models=models,
        demand=tuple(row for model in models for row in draw(_demand(model))),
        current=draw(_running(models, pools)),
        policy=Policy(
            headroom_factor=draw(st.sampled_from((1.0, 1.2))),
            opportunity_cost_per_gpu_hour=Decimal("0.02"),
        ),
    )


@st.composite
def _pools(draw: st.DrawFn, name: str) -> Pool:
    kind = draw(st.sampled_from(PoolKind))
    is_paid = kind is PoolKind.CONTRACT
    return Pool(
        pool=name,
        provider=draw(st.sampled_from(PROVIDERS)),
        node=draw(st.sampled_from(NODES)),
        region="r",
        gpu_model=draw(st.sampled_from(("H100", "B200"))),
        kind=kind,
        capacity_gpus=draw(st.integers(1, 5)),
        step_gpus=1 if is_paid else draw(st.sampled_from((1, 2, 4))),
        price_per_gpu_hour=Decimal(0 if is_paid else draw(st.integers(50, 700))) / 100,
        sunk_price_per_gpu_hour=Decimal(2 if is_paid else 0),
        availability=draw(st.sampled_from((1.0, 0.95, 0.8))),
        ends_at=draw(st.sampled_from((None, None, None, AS_OF + timedelta(minutes=20)))),
    )


@st.composite
def _models(draw: st.DrawFn, name: str) -> Model:
    classes = draw(st.sampled_from((("chat",), ("chat", "long"))))
    speeds = st.integers(100, 2000).map(float)
    return Model(
        model=name,
        priority=draw(st.sampled_from((100, 900))),
        headroom=draw(st.sampled_from((0.0, 0.1))),
        survival=draw(st.sampled_from((0.0, 0.4, 0.8))),
        survival_scope=draw(st.sampled_from(SurvivalScope)),
        max_spot_share=draw(st.sampled_from((0.0, 0.3, 1.0))),
        min_gold_share=draw(st.sampled_from((0.0, 0.5))),
        start_cost=Decimal(draw(st.integers(0, 200))) / 100,
        classes=classes,
        configs=tuple(
            Config(
                config=f"{gpu_model}-tp{gpus}",
                gpu_model=gpu_model,
                gpus=gpus,
                tokens_per_second={it: draw(speeds) for it in classes},
            )
            for gpu_model, gpus in (("H100", draw(st.sampled_from((1, 2)))), ("B200", 2))
        ),
    )


@st.composite
def _demand(draw: st.DrawFn, model: Model) -> tuple[Demand, ...]:
    nodes = draw(st.lists(st.sampled_from(NODES), min_size=1, max_size=2, unique=True))
    return tuple(
        Demand(
            model=model.model,
            class_name=name,
            node=node,
            tokens_per_second=float(draw(st.integers(1, 3000))),
        )
        for node in nodes
        for name in model.classes
    )


@st.composite
def _running(
    draw: st.DrawFn, models: tuple[Model, ...], pools: tuple[Pool, ...]
) -> tuple[Running, ...]:
    pool, model = draw(st.sampled_from(pools)), draw(st.sampled_from(models))
    fitting = [it for it in model.configs if it.gpu_model == pool.gpu_model]
    if not fitting or pool.capacity_gpus < fitting[0].gpus or not draw(st.booleans()):
        return ()
    replicas = draw(st.integers(1, pool.capacity_gpus // fitting[0].gpus))
    may_be_leased = pool.kind is PoolKind.CONTRACT and draw(st.booleans())
    return (
        Running(
            model=model.model,
            config=fitting[0].config,
            pool=pool.pool,
            replicas=replicas,
            must_stay=replicas if may_be_leased else 0,
        ),
    )
