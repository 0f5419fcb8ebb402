"""Plans as JSON values, and back. Prices are decimal text; rates, gaps and values are numbers."""

from __future__ import annotations

from broker.placement.json_faults import Faults
from broker.placement.json_fields import Fields, text_of
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
from broker.placement.snapshot import Running
from pricing.money import plain

_MOST_GPUS = 1e9
_MOST = 1e300
"""What a solver says may be huge; it must be finite."""

_PLAN_FIELDS = (
    "status", "hash", "placements", "purchases", "serving", "unserved", "survival_shortfall",
    "gold_shortfall", "cost_per_hour", "bound_per_hour", "gap_variable", "gap_managed",
    "shadow_prices", "moves", "reasons", "seconds",
)  # fmt: skip
_RECORD_FIELDS = ("id", "created_at", "as_of", "actor", "kind", "parent_id")
"""What stands beside a plan that is on record; a plan is read without it."""

_COSTS = ("new", "sunk", "starts", "opportunity")
_STAGES = ("build", "bound", "first_plan", "total")


def plan_document(plan: Plan) -> dict[str, object]:
    """Return the plan as a JSON object."""
    cost, seconds = plan.cost_per_hour, plan.seconds
    return {
        "status": plan.status.value,
        "hash": plan.digest,
        "placements": [_placement(each) for each in plan.placements],
        "purchases": [
            {
                "pool": each.pool,
                "gpus": each.gpus,
                "price_per_gpu_hour": plain(each.price_per_gpu_hour),
            }
            for each in plan.purchases
        ],
        "serving": [_serving(each) for each in plan.serving],
        "unserved": [_unserved(each) for each in plan.unserved],
        "survival_shortfall": [_survival(each) for each in plan.survival_shortfall],
        "gold_shortfall": [
            {"model": each.model, "tokens_per_second": each.tokens_per_second}
            for each in plan.gold_shortfall
        ],
        "cost_per_hour": {
            "new": plain(cost.new),
            "sunk": plain(cost.sunk),
            "starts": plain(cost.starts),
            "opportunity": plain(cost.opportunity),
        },
        "bound_per_hour": plan.bound_per_hour,
        "gap_variable": plan.gap_variable,
        "gap_managed": plan.gap_managed,
        "shadow_prices": [
            {"pool": each.pool, "value_per_gpu_hour": each.value_per_gpu_hour}
            for each in plan.shadow_prices
        ],
        "moves": [_move(each) for each in plan.moves],
        "reasons": list(plan.reasons),
        "seconds": {
            "build": seconds.build,
            "bound": seconds.bound,
            "first_plan": seconds.first_plan,
            "total": seconds.total,
        },
    }


def read_plan(document: object) -> Plan:
    """Return the plan that a parsed JSON document holds, or raise BadInputError with every fault.

    What explains a plan (shadow prices, moves, reasons, seconds) may be left out.
    """
    faults = Faults()
    fields = Fields(faults, document, "", (*_PLAN_FIELDS, *_RECORD_FIELDS))
    plan = Plan(
        status=fields.choice("status", PlanStatus),
        digest=fields.name("hash"),
        placements=tuple(_read_placement(faults, *row) for row in fields.rows("placements")),
        purchases=tuple(_read_purchase(faults, *row) for row in fields.rows("purchases")),
        serving=tuple(_read_serving(faults, *row) for row in fields.rows("serving")),
        unserved=tuple(_read_unserved(faults, *row) for row in fields.rows("unserved")),
        survival_shortfall=tuple(
            _read_survival(faults, *row) for row in fields.rows("survival_shortfall")
        ),
        gold_shortfall=tuple(_read_gold(faults, *row) for row in fields.rows("gold_shortfall")),
        cost_per_hour=_read_cost(faults, fields.required("cost_per_hour")),
        bound_per_hour=fields.number("bound_per_hour", least=-_MOST, most=_MOST),
        gap_variable=_read_gap(fields, "gap_variable"),
        gap_managed=_read_gap(fields, "gap_managed"),
        shadow_prices=tuple(
            _read_shadow(faults, *row) for row in fields.rows("shadow_prices", is_required=False)
        ),
        moves=tuple(_read_move(faults, *row) for row in fields.rows("moves", is_required=False)),
        reasons=_read_reasons(fields),
        seconds=_read_seconds(faults, fields.value("seconds", dict.fromkeys(_STAGES, 0))),
    )
    faults.refuse("this plan")
    return plan


def read_placements(document: object) -> tuple[Running, ...]:
    """Return the placements of a plan as replicas that run; the rest of it is not looked at.

    Raises BadInputError with every fault.
    """
    faults = Faults()
    names = document.keys() if isinstance(document, dict) else _PLAN_FIELDS
    fields = Fields(faults, document, "", names)
    placements = [_read_placement(faults, *row) for row in fields.rows("placements")]
    faults.refuse("this plan")
    return tuple(
        Running(model=each.model, config=each.config, pool=each.pool, replicas=each.replicas)
        for each in placements
    )


def _placement(each: Placement) -> dict[str, object]:
    return {
        "model": each.model,
        "config": each.config,
        "pool": each.pool,
        "replicas": each.replicas,
    }


def _serving(each: Serving) -> dict[str, object]:
    return {
        "model": each.model,
        "class": each.class_name,
        "node": each.node,
        "config": each.config,
        "pool": each.pool,
        "tokens_per_second": each.tokens_per_second,
    }


def _unserved(each: Unserved) -> dict[str, object]:
    return {
        "model": each.model,
        "class": each.class_name,
        "node": each.node,
        "tokens_per_second": each.tokens_per_second,
    }


def _survival(each: SurvivalShortfall) -> dict[str, object]:
    return {
        "model": each.model,
        "scope": each.scope,
        "provider": each.provider,
        "tokens_per_second": each.tokens_per_second,
    }


def _move(each: Move) -> dict[str, object]:
    return {
        "model": each.model,
        "from": each.source,
        "to": each.target,
        "replicas": each.replicas,
        "saves_per_hour": plain(each.saves_per_hour),
    }


def _read_placement(faults: Faults, path: str, row: object) -> Placement:
    fields = Fields(faults, row, path, ("model", "config", "pool", "replicas"))
    return Placement(
        model=fields.name("model"),
        config=fields.name("config"),
        pool=fields.name("pool"),
        replicas=fields.count("replicas", least=0, most=int(_MOST_GPUS)),
    )


def _read_purchase(faults: Faults, path: str, row: object) -> Purchase:
    fields = Fields(faults, row, path, ("pool", "gpus", "price_per_gpu_hour"))
    return Purchase(
        pool=fields.name("pool"),
        gpus=fields.count("gpus", least=0, most=int(_MOST_GPUS)),
        price_per_gpu_hour=fields.price("price_per_gpu_hour", most=_MOST_GPUS),
    )


def _read_serving(faults: Faults, path: str, row: object) -> Serving:
    names = ("model", "class", "node", "config", "pool", "tokens_per_second")
    fields = Fields(faults, row, path, names)
    return Serving(
        model=fields.name("model"),
        class_name=fields.name("class"),
        node=fields.name("node"),
        config=fields.name("config"),
        pool=fields.name("pool"),
        tokens_per_second=_rate(fields),
    )


def _read_unserved(faults: Faults, path: str, row: object) -> Unserved:
    fields = Fields(faults, row, path, ("model", "class", "node", "tokens_per_second"))
    return Unserved(
        model=fields.name("model"),
        class_name=fields.name("class"),
        node=fields.name("node"),
        tokens_per_second=_rate(fields),
    )


def _read_survival(faults: Faults, path: str, row: object) -> SurvivalShortfall:
    fields = Fields(faults, row, path, ("model", "scope", "provider", "tokens_per_second"))
    return SurvivalShortfall(
        model=fields.name("model"),
        scope=fields.name("scope"),
        provider=fields.name("provider"),
        tokens_per_second=_rate(fields),
    )


def _read_gold(faults: Faults, path: str, row: object) -> GoldShortfall:
    fields = Fields(faults, row, path, ("model", "tokens_per_second"))
    return GoldShortfall(model=fields.name("model"), tokens_per_second=_rate(fields))


def _read_shadow(faults: Faults, path: str, row: object) -> ShadowPrice:
    fields = Fields(faults, row, path, ("pool", "value_per_gpu_hour"))
    return ShadowPrice(
        pool=fields.name("pool"),
        value_per_gpu_hour=fields.number("value_per_gpu_hour", least=-_MOST, most=_MOST),
    )


def _read_move(faults: Faults, path: str, row: object) -> Move:
    fields = Fields(faults, row, path, ("model", "from", "to", "replicas", "saves_per_hour"))
    return Move(
        model=fields.name("model"),
        source=fields.text_or_none("from"),
        target=fields.text_or_none("to"),
        replicas=fields.count("replicas", least=0, most=int(_MOST_GPUS)),
        saves_per_hour=fields.decimal("saves_per_hour", least=-_MOST, most=_MOST),
    )


def _read_cost(faults: Faults, value: object) -> CostPerHour:
    fields = Fields(faults, value, "cost_per_hour", _COSTS)
    return CostPerHour(
        new=fields.decimal("new", least=0, most=_MOST),
        sunk=fields.decimal("sunk", least=0, most=_MOST),
        starts=fields.decimal("starts", least=0, most=_MOST),
        opportunity=fields.decimal("opportunity", least=0, most=_MOST),
    )


def _read_seconds(faults: Faults, value: object) -> Seconds:
    fields = Fields(faults, value, "seconds", _STAGES)
    return Seconds(
        build=fields.number("build", least=0, most=_MOST),
        bound=fields.number("bound", least=0, most=_MOST),
        first_plan=fields.number("first_plan", least=0, most=_MOST),
        total=fields.number("total", least=0, most=_MOST),
    )


def _read_gap(fields: Fields, name: str) -> float | None:
    if fields.value(name, 0) is None:
        return None
    return fields.number(name, least=-_MOST, most=_MOST)


def _read_reasons(fields: Fields) -> tuple[str, ...]:
    texts = (
        text_of(fields.faults, reason, path)
        for path, reason in fields.rows("reasons", is_required=False)
    )
    return tuple(texts)


def _rate(fields: Fields) -> float:
    return fields.number("tokens_per_second", least=0, most=_MOST)
