"""Snapshots and plans for property tests: small ones, with every name referring to something."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from broker.placement.plan import (
    CostPerHour,
    GoldShortfall,
    Move,
    Placement,
    Plan,
    PlanStatus,
    Purchase,
    Seconds,
    Serving,
    ShadowPrice,
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
    SurvivalScope,
    TreeNode,
)

AS_OF = datetime(2026, 11, 21, tzinfo=UTC)
GPU_MODELS = ("H100", "H200", "B200")
CLASSES = ("default", "long", "batch")

shares = st.floats(min_value=0, max_value=1, allow_nan=False)
rates = st.floats(min_value=0, max_value=1e6, allow_nan=False)
prices = st.decimals(min_value=0, max_value=20, places=4, allow_nan=False, allow_infinity=False)
instants = st.integers(min_value=-400, max_value=400).map(
    lambda hours: AS_OF + timedelta(hours=hours)
)


@st.composite
def trees(draw: DrawFn) -> tuple[TreeNode, ...]:
    """Return one root and up to five nodes under it, at any depth."""
    nodes = [TreeNode(node="world")]
    for number in range(draw(st.integers(0, 5))):
        above = draw(st.sampled_from(nodes))
        nodes.append(TreeNode(node=f"area-{number}", parent=above.node))
    return tuple(nodes)


@st.composite
def pools(draw: DrawFn, *, name: str, provider: str, node: str) -> Pool:
    """Return a pool of any kind at a place."""
    kind = draw(st.sampled_from(PoolKind))
    starts_at = draw(st.none() | instants)
    return Pool(
        pool=name,
        provider=provider,
        node=node,
        region=f"{node}-1",
        gpu_model=draw(st.sampled_from(GPU_MODELS)),
        kind=kind,
        capacity_gpus=draw(st.integers(0, 64)),
        step_gpus=draw(st.sampled_from((1, 4, 8))),
        price_per_gpu_hour=draw(prices) if kind.is_bought else Decimal(0),
        sunk_price_per_gpu_hour=Decimal(0) if kind.is_bought else draw(prices),
        availability=draw(shares),
        starts_at=starts_at,
        ends_at=None if starts_at is None else starts_at + timedelta(days=draw(st.integers(1, 9))),
    )


@st.composite
def models(draw: DrawFn, *, name: str) -> Model:
    """Return a model with one to three classes and up to three configurations."""
    classes = tuple(draw(st.lists(st.sampled_from(CLASSES), min_size=1, unique=True)))
    gpu_models = draw(st.lists(st.sampled_from(GPU_MODELS), unique=True))
    return Model(
        model=name,
        priority=draw(st.integers(0, 1000)),
        headroom=draw(shares),
        survival=draw(shares),
        survival_scope=draw(st.sampled_from(SurvivalScope)),
        max_spot_share=draw(shares),
        min_gold_share=draw(shares),
        start_cost=draw(prices),
        classes=classes,
        configs=tuple(
            Config(
                config=f"{gpu_model}-tp{gpus}",
                gpu_model=gpu_model,
                gpus=gpus,
                tokens_per_second={each: draw(rates) for each in classes},
            )
            for gpu_model in gpu_models
            for gpus in (draw(st.sampled_from((1, 2, 8))),)
        ),
    )


@st.composite
def snapshots(draw: DrawFn) -> Snapshot:
    """Return a snapshot that `read_snapshot` takes: no name twice, none dangling."""
    tree = draw(trees())
    places = st.sampled_from([node.node for node in tree])
    providers = tuple(
        Provider(provider=f"p{number}", is_gold=draw(st.booleans()))
        for number in range(draw(st.integers(1, 3)))
    )
    sellers = st.sampled_from([each.provider for each in providers])
    offered = tuple(
        draw(pools(name=f"pool {number}", provider=draw(sellers), node=draw(places)))
        for number in range(draw(st.integers(0, 5)))
    )
    served = tuple(draw(models(name=f"m{number}")) for number in range(draw(st.integers(0, 3))))
    return Snapshot(
        as_of=AS_OF,
        tree=tree,
        providers=providers,
        pools=offered,
        models=served,
        demand=tuple(
            Demand(model=model.model, class_name=each, node=node, tokens_per_second=draw(rates))
            for model in served
            for each in model.classes
            for node in draw(st.lists(places, max_size=2, unique=True))
        ),
        current=tuple(_running(draw, served, offered)),
        policy=Policy(
            headroom_factor=draw(st.sampled_from((1.0, 1.25))),
            opportunity_cost_per_gpu_hour=draw(prices),
            period_hours=draw(st.sampled_from((1.0, 24.0))),
        ),
    )


def _running(draw: DrawFn, served: tuple[Model, ...], offered: tuple[Pool, ...]) -> list[Running]:
    running = []
    for model in served:
        for config in model.configs:
            for pool in offered:
                if pool.gpu_model == config.gpu_model and draw(st.booleans()):
                    replicas = draw(st.integers(0, 4))
                    running.append(
                        Running(
                            model=model.model,
                            config=config.config,
                            pool=pool.pool,
                            replicas=replicas,
                            must_stay=draw(st.integers(0, replicas)),
                        )
                    )
    return running


names = st.sampled_from(("m0", "p0", "world", "pool 1", "H100-tp8", "default"))
finite = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False)
counts = st.integers(0, 1000)


def plans() -> SearchStrategy[Plan]:
    """Return plans of any content, sensible or not: what reading and writing must keep."""
    return st.builds(
        Plan,
        status=st.sampled_from(PlanStatus),
        digest=st.just("0" * 64),
        placements=_some(
            st.builds(Placement, model=names, config=names, pool=names, replicas=counts)
        ),
        purchases=_some(st.builds(Purchase, pool=names, gpus=counts, price_per_gpu_hour=prices)),
        serving=_some(
            st.builds(
                Serving,
                model=names,
                class_name=names,
                node=names,
                config=names,
                pool=names,
                tokens_per_second=rates,
            )
        ),
        unserved=_some(
            st.builds(Unserved, model=names, class_name=names, node=names, tokens_per_second=rates)
        ),
        survival_shortfall=_some(
            st.builds(
                SurvivalShortfall, model=names, scope=names, provider=names, tokens_per_second=rates
            )
        ),
        gold_shortfall=_some(st.builds(GoldShortfall, model=names, tokens_per_second=rates)),
        cost_per_hour=st.builds(
            CostPerHour, new=prices, sunk=prices, starts=prices, opportunity=prices
        ),
        bound_per_hour=finite,
        gap_variable=st.none() | rates,
        gap_managed=st.none() | rates,
        shadow_prices=_some(st.builds(ShadowPrice, pool=names, value_per_gpu_hour=finite)),
        moves=_some(
            st.builds(
                Move,
                model=names,
                source=st.none() | names,
                target=st.none() | names,
                replicas=counts,
                saves_per_hour=prices,
            )
        ),
        reasons=_some(st.text(max_size=20)),
        seconds=st.builds(Seconds, build=rates, bound=rates, first_plan=rates, total=rates),
    )


def _some(each: SearchStrategy[object]) -> SearchStrategy[tuple[object, ...]]:
    return st.lists(each, max_size=2).map(tuple)
