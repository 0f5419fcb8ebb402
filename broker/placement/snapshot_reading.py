"""Snapshots out of JSON values: all that is wrong with one is told at once, each with its path."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from decimal import Decimal

from broker.placement.json_faults import FaultCode, Faults
from broker.placement.json_fields import Fields, decimal_of, name_of
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
from broker.placement.snapshot_references import check_references

MAX_GPUS = 1_000_000_000
MAX_TOKENS_PER_SECOND = 1e15
MAX_DOLLARS = 1_000_000_000
MAX_PRIORITY = 1000
MAX_HEADROOM = 100
MIN_PERIOD_HOURS = 0.01
MAX_PERIOD_HOURS = 100_000
"""Beyond these a number is a slip of the pen, and arithmetic on it would lose digits."""

SNAPSHOT_FIELDS = (
    "as_of", "tree", "providers", "pools", "models", "demand", "current", "policy",
)  # fmt: skip
NODE_FIELDS = ("node", "parent")
PROVIDER_FIELDS = ("provider", "gold")
POOL_FIELDS = (
    "pool", "provider", "node", "region", "gpu_model", "kind", "capacity_gpus", "step_gpus",
    "price_per_gpu_hour", "sunk_price_per_gpu_hour", "availability", "starts_at", "ends_at",
)  # fmt: skip
MODEL_FIELDS = (
    "model", "priority", "headroom", "survival", "survival_scope", "max_spot_share",
    "min_gold_share", "start_cost", "classes", "configs",
)  # fmt: skip
CONFIG_FIELDS = ("config", "gpu_model", "gpus", "tokens_per_second")
DEMAND_FIELDS = ("model", "class", "node", "tokens_per_second")
RUNNING_FIELDS = ("model", "config", "pool", "replicas", "must_stay")
POLICY_FIELDS = ("headroom_factor", "opportunity_cost_per_gpu_hour", "period_hours")

_NO_INSTANT = datetime(1970, 1, 1, tzinfo=UTC)
_FREE = Decimal(0)


def read_snapshot(document: object) -> Snapshot:
    """Return the snapshot that a parsed JSON document holds.

    Raises BadInputError with every fault: fields missing or unknown, values of a wrong kind or out
    of range, names given twice or referring to nothing, a tree that is none.
    """
    faults = Faults()
    fields = Fields(faults, document, "", SNAPSHOT_FIELDS)
    snapshot = Snapshot(
        as_of=fields.instant("as_of", stand_in=_NO_INSTANT),
        tree=tuple(_node(faults, row, path) for path, row in fields.rows("tree")),
        providers=tuple(_provider(faults, row, path) for path, row in fields.rows("providers")),
        pools=tuple(read_pool(faults, row, path) for path, row in fields.rows("pools")),
        models=tuple(_model(faults, row, path) for path, row in fields.rows("models")),
        demand=tuple(_demand(faults, row, path) for path, row in fields.rows("demand")),
        current=tuple(
            read_running(faults, row, path)
            for path, row in fields.rows("current", is_required=False)
        ),
        policy=_policy(faults, fields.value("policy", {})),
    )
    check_references(faults, snapshot)
    faults.refuse("this snapshot")
    return snapshot


def read_running(
    faults: Faults, row: object, path: str, *, names: Collection[str] = RUNNING_FIELDS
) -> Running:
    """Return the replicas that a row of `current` says are running."""
    fields = Fields(faults, row, path, names)
    running = Running(
        model=fields.name("model"),
        config=fields.name("config"),
        pool=fields.name("pool"),
        replicas=fields.count("replicas", least=0, most=MAX_GPUS),
        must_stay=fields.count("must_stay", least=0, most=MAX_GPUS, default=0),
    )
    if running.must_stay > running.replicas and not faults.has(fields.at("replicas")):
        message = f"{running.must_stay} replicas must stay where only {running.replicas} run"
        faults.add(FaultCode.CONTRADICTION, fields.at("must_stay"), message)
    return running


def _node(faults: Faults, row: object, path: str) -> TreeNode:
    fields = Fields(faults, row, path, NODE_FIELDS)
    return TreeNode(node=fields.name("node"), parent=fields.name_or_none("parent"))


def _provider(faults: Faults, row: object, path: str) -> Provider:
    fields = Fields(faults, row, path, PROVIDER_FIELDS)
    return Provider(provider=fields.name("provider"), is_gold=fields.flag("gold", default=False))


def read_pool(faults: Faults, row: object, path: str) -> Pool:
    """Return the pool that a row of `pools` tells of; what it refers to is not looked up."""
    fields = Fields(faults, row, path, POOL_FIELDS)
    kind = fields.choice("kind", PoolKind)
    # The price of what must be bought is never taken for zero: unknown is not free.
    price_default = None if kind.is_bought else _FREE
    pool = Pool(
        pool=fields.name("pool"),
        provider=fields.name("provider"),
        node=fields.name("node"),
        region=fields.name("region"),
        gpu_model=fields.name("gpu_model"),
        kind=kind,
        capacity_gpus=fields.count("capacity_gpus", least=0, most=MAX_GPUS),
        step_gpus=fields.count("step_gpus", least=1, most=MAX_GPUS, default=1),
        price_per_gpu_hour=fields.price(
            "price_per_gpu_hour", most=MAX_DOLLARS, default=price_default
        ),
        sunk_price_per_gpu_hour=fields.price(
            "sunk_price_per_gpu_hour", most=MAX_DOLLARS, default=_FREE
        ),
        availability=fields.number("availability", least=0, most=1, default=1.0),
        starts_at=fields.instant_or_none("starts_at"),
        ends_at=fields.instant_or_none("ends_at"),
    )
    if pool.starts_at and pool.ends_at and pool.ends_at <= pool.starts_at:
        message = "the pool ends before it starts; correct one of the two"
        faults.add(FaultCode.CONTRADICTION, fields.at("ends_at"), message)
    return pool


def _model(faults: Faults, row: object, path: str) -> Model:
    fields = Fields(faults, row, path, MODEL_FIELDS)
    return Model(
        model=fields.name("model"),
        priority=fields.count("priority", least=0, most=MAX_PRIORITY, default=500),
        headroom=fields.number("headroom", least=0, most=MAX_HEADROOM, default=0.0),
        survival=fields.number("survival", least=0, most=1, default=0.0),
        survival_scope=fields.choice("survival_scope", SurvivalScope, default=SurvivalScope.PARENT),
        max_spot_share=fields.number("max_spot_share", least=0, most=1, default=0.0),
        min_gold_share=fields.number("min_gold_share", least=0, most=1, default=0.0),
        start_cost=fields.price("start_cost", most=MAX_DOLLARS, default=_FREE),
        classes=_classes(fields),
        configs=tuple(
            _config(faults, config, at) for at, config in fields.rows("configs", is_required=False)
        ),
    )


def _classes(fields: Fields) -> tuple[str, ...]:
    if not fields.has("classes"):
        return ("default",)
    names = tuple(name_of(fields.faults, name, path) for path, name in fields.rows("classes"))
    if not names and not fields.faults.has(fields.at("classes")):
        message = 'a model has at least one class; write ["default"] or leave the field out'
        fields.faults.add(FaultCode.BAD_VALUE, fields.at("classes"), message)
    return names


def _config(faults: Faults, row: object, path: str) -> Config:
    fields = Fields(faults, row, path, CONFIG_FIELDS)
    return Config(
        config=fields.name("config"),
        gpu_model=fields.name("gpu_model"),
        gpus=fields.count("gpus", least=1, most=MAX_GPUS),
        tokens_per_second={
            name: float(decimal_of(faults, rate, at, least=0, most=MAX_TOKENS_PER_SECOND))
            for name, at, rate in fields.items("tokens_per_second")
        },
    )


def _demand(faults: Faults, row: object, path: str) -> Demand:
    fields = Fields(faults, row, path, DEMAND_FIELDS)
    return Demand(
        model=fields.name("model"),
        class_name=fields.name("class", default="default"),
        node=fields.name("node"),
        tokens_per_second=fields.number("tokens_per_second", least=0, most=MAX_TOKENS_PER_SECOND),
    )


def _policy(faults: Faults, value: object) -> Policy:
    fields = Fields(faults, value, "policy", POLICY_FIELDS)
    usual = Policy()
    return Policy(
        headroom_factor=fields.number(
            "headroom_factor", least=0, most=MAX_HEADROOM, default=usual.headroom_factor
        ),
        opportunity_cost_per_gpu_hour=fields.price(
            "opportunity_cost_per_gpu_hour",
            most=MAX_DOLLARS,
            default=usual.opportunity_cost_per_gpu_hour,
        ),
        period_hours=fields.number(
            "period_hours",
            least=MIN_PERIOD_HOURS,
            most=MAX_PERIOD_HOURS,
            default=usual.period_hours,
        ),
    )
