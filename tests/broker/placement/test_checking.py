from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from broker.placement.checking import check_plan
from broker.placement.plan import (
    GoldShortfall,
    Placement,
    Plan,
    PlanStatus,
    Purchase,
    ShadowPrice,
    Unserved,
)
from broker.placement.snapshot import Snapshot
from broker.placement.violations import Wrong
from tests.broker.placement.known_plan import (
    BIG,
    CONFIG,
    LATER,
    OFFERED,
    OWNED,
    PLAN,
    SNAPSHOT,
    SPOT,
)

Change = Callable[[Plan], Plan]


def found_in(plan: Plan, snapshot: Snapshot = SNAPSHOT) -> set[Wrong]:
    return {violation.code for violation in check_plan(snapshot, plan)}


def with_replicas(pool: str, replicas: int, config: str = CONFIG) -> Change:
    def change(plan: Plan) -> Plan:
        others = tuple(it for it in plan.placements if it.pool != pool)
        line = Placement(model="chat", config=config, pool=pool, replicas=replicas)
        return replace(plan, placements=(*others, line) if replicas else others)

    return change


def with_purchase(pool: str, gpus: int, price: str) -> Change:
    def change(plan: Plan) -> Plan:
        others = tuple(it for it in plan.purchases if it.pool != pool)
        line = Purchase(pool=pool, gpus=gpus, price_per_gpu_hour=Decimal(price))
        return replace(plan, purchases=(*others, line))

    return change


def with_serving(
    at: int, tokens: float, *, node: str | None = None, config: str | None = None
) -> Change:
    def change(plan: Plan) -> Plan:
        line = plan.serving[at]
        broken = replace(
            line,
            tokens_per_second=tokens,
            node=node or line.node,
            config=config or line.config,
        )
        return replace(plan, serving=(*plan.serving[:at], broken, *plan.serving[at + 1 :]))

    return change


def with_cost(part: str, dollars: str) -> Change:
    def change(plan: Plan) -> Plan:
        changes = {part: Decimal(dollars)}
        return replace(plan, cost_per_hour=replace(plan.cost_per_hour, **changes))

    return change


def test_a_plan_that_tells_the_truth_is_not_complained_of() -> None:
    assert check_plan(SNAPSHOT, PLAN) == ()


BROKEN: dict[str, tuple[Change, Wrong]] = {
    "one replica more than the pool has GPUs for": (with_replicas(OWNED, 5), Wrong.OVER_CAPACITY),
    "on a pool that is delivered tomorrow": (with_replicas(LATER, 1), Wrong.OUTSIDE_PERIOD),
    "a leased replica is stopped": (with_replicas(OWNED, 0), Wrong.LEASE_DROPPED),
    "on GPUs of another kind": (with_replicas(OFFERED, 2, BIG), Wrong.WRONG_GPU_MODEL),
    "more on spot than its share": (with_replicas(SPOT, 4), Wrong.SPOT_SHARE),
    "no replica at all on a line": (with_replicas(SPOT, -1), Wrong.NOT_POSITIVE),
    "a step too few is bought": (with_purchase(SPOT, 4, "1.00"), Wrong.PURCHASE_SHORT),
    "half a step is bought": (with_purchase(OFFERED, 12, "3.00"), Wrong.BROKEN_STEP),
    "a step that nobody uses is bought": (
        with_purchase(OFFERED, 16, "3.00"),
        Wrong.PURCHASE_UNNEEDED,
    ),
    "more is bought than is offered": (
        with_purchase(OFFERED, 24, "3.00"),
        Wrong.PURCHASE_OVER_CAPACITY,
    ),
    "what is paid already is bought": (
        with_purchase(OWNED, 16, "0"),
        Wrong.PURCHASE_OF_CONTRACT,
    ),
    "bought below its price": (with_purchase(SPOT, 8, "0.99"), Wrong.WRONG_PRICE),
    "Europe is served from America": (with_serving(3, 500, node="eu"), Wrong.SERVED_FROM_OUTSIDE),
    "spot is trusted to work all the time": (with_serving(3, 1500), Wrong.REPLICAS_OVERWORKED),
    "served by a configuration that does not run": (
        with_serving(0, 3000, config=BIG),
        Wrong.REPLICAS_OVERWORKED,
    ),
    "less is served than is told": (with_serving(2, 1400), Wrong.ROW_UNBALANCED),
    "a shortfall is kept quiet": (lambda it: replace(it, unserved=()), Wrong.WRONG_UNSERVED),
    "a row is let down without need": (
        lambda it: replace(
            it,
            serving=it.serving[:3],
            unserved=(
                *it.unserved,
                Unserved(model="chat", class_name="default", node="world", tokens_per_second=500),
            ),
        ),
        Wrong.WRONG_UNSERVED,
    ),
    "one provider is trusted too much": (with_replicas(SPOT, 1), Wrong.WRONG_SURVIVAL),
    "the loss of one provider is kept quiet": (
        lambda it: replace(it, survival_shortfall=it.survival_shortfall[1:]),
        Wrong.WRONG_SURVIVAL,
    ),
    "a loss is told that does no harm": (
        lambda it: replace(
            it,
            survival_shortfall=(
                *it.survival_shortfall,
                replace(it.survival_shortfall[0], model="chat"),
            ),
        ),
        Wrong.WRONG_SURVIVAL,
    ),
    "too little is on gold": (with_replicas(OWNED, 2), Wrong.WRONG_GOLD),
    "gold lacks that does not": (
        lambda it: replace(
            it, gold_shortfall=(GoldShortfall(model="chat", tokens_per_second=100),)
        ),
        Wrong.WRONG_GOLD,
    ),
    "a cent less is to be paid": (with_cost("new", "31.99"), Wrong.WRONG_COST),
    "contracts are forgotten": (with_cost("sunk", "0"), Wrong.WRONG_COST),
    "a start is forgotten": (with_cost("starts", "2.00"), Wrong.WRONG_COST),
    "GPUs are thought free": (with_cost("opportunity", "0"), Wrong.WRONG_COST),
    "the bound is above the money": (
        lambda it: replace(it, bound_per_hour=35.15),
        Wrong.WRONG_BOUND,
    ),
    "the bound is no number": (
        lambda it: replace(it, bound_per_hour=float("nan")),
        Wrong.WRONG_BOUND,
    ),
    "the gap is told smaller": (lambda it: replace(it, gap_variable=0.1), Wrong.WRONG_GAP),
    "the managed gap is left out": (lambda it: replace(it, gap_managed=None), Wrong.WRONG_GAP),
    "short, and called feasible": (
        lambda it: replace(it, status=PlanStatus.FEASIBLE),
        Wrong.WRONG_STATUS,
    ),
    "far from its bound, and called optimal": (
        lambda it: replace(it, status=PlanStatus.OPTIMAL),
        Wrong.WRONG_STATUS,
    ),
    "a move is forgotten": (lambda it: replace(it, moves=it.moves[1:]), Wrong.WRONG_MOVES),
    "a move starts where nothing ran": (
        lambda it: replace(
            it, moves=(replace(it.moves[0], source=f"{CONFIG} on {SPOT}"), *it.moves[1:])
        ),
        Wrong.WRONG_MOVES,
    ),
    "a pool that nobody has": (with_replicas("d/nowhere", 1), Wrong.UNKNOWN_NAME),
    "a price of a pool that nobody has": (
        lambda it: replace(
            it, shadow_prices=(ShadowPrice(pool="d/nowhere", value_per_gpu_hour=1.0),)
        ),
        Wrong.UNKNOWN_NAME,
    ),
}


@pytest.mark.parametrize(("change", "wrong"), BROKEN.values(), ids=BROKEN.keys())
def test_a_plan_broken_in_one_way_is_caught_for_it(change: Change, wrong: Wrong) -> None:
    assert wrong in found_in(change(PLAN))


def test_every_kind_of_violation_is_tried() -> None:
    assert {wrong for _, wrong in BROKEN.values()} == set(Wrong)


def test_nothing_short_is_not_called_short() -> None:
    content = replace(SNAPSHOT, demand=SNAPSHOT.demand[:2])
    plan = replace(PLAN, unserved=(), survival_shortfall=())

    assert found_in(plan, content) == {Wrong.WRONG_STATUS}
    assert found_in(replace(plan, status=PlanStatus.FEASIBLE), content) == set()


def test_a_leased_replica_may_stay_on_a_pool_that_goes_and_a_second_one_may_not() -> None:
    going = replace(SNAPSHOT.pools[0], ends_at=SNAPSHOT.as_of + timedelta(minutes=30))
    snapshot = replace(SNAPSHOT, pools=(going, *SNAPSHOT.pools[1:]))

    alone = with_replicas(OWNED, 1)(PLAN)

    assert Wrong.OUTSIDE_PERIOD in found_in(PLAN, snapshot)
    assert Wrong.OUTSIDE_PERIOD not in found_in(alone, snapshot)


def test_a_pool_that_lasts_until_the_period_ends_is_there_for_all_of_it() -> None:
    going = replace(SNAPSHOT.pools[0], ends_at=SNAPSHOT.as_of + timedelta(hours=1))
    snapshot = replace(SNAPSHOT, pools=(going, *SNAPSHOT.pools[1:]))

    assert check_plan(snapshot, PLAN) == ()


def test_a_message_holds_no_price_of_a_supplier() -> None:
    violations = check_plan(SNAPSHOT, with_purchase(SPOT, 8, "0.99")(PLAN))

    assert [it.message for it in violations if it.code is Wrong.WRONG_PRICE] == [
        "c/spot is offered at another price"
    ]
