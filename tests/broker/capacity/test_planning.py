"""The best way to serve a request, and why other pools do not."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import combinations, product
from math import lcm
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.capacity.planning import MOST_CANDIDATES, Shelf, plan, plan_key, quick_plan
from broker.capacity.pool import TIERS, Pool, PoolKind
from broker.capacity.request import Candidate, CapacitySpec, Line, Plan, Refusal
from pricing.fx import FxRate, FxTable
from pricing.money import USD, Currency, Money
from tests.broker.capacity.pool_builders import (
    EUR,
    HOUR,
    NOON,
    a_pool,
    a_spec,
    some_pools,
    some_spec,
)


def may_serve(spec: CapacitySpec, pool: Pool, *, cap: bool = True, empty: bool = False) -> bool:
    """The conditions of a request, said once more and otherwise."""
    start = spec.starts_at or NOON
    least = Decimal(spec.duration_seconds or spec.ttl_seconds)
    seconds = Decimal("Infinity")
    if pool.closes_at is not None:
        seconds = Decimal((pool.closes_at - start).total_seconds())
    moment = not pool.is_cordoned and not pool.is_draining
    moment = moment and (pool.opens_at is None or pool.opens_at <= start)
    known = TIERS[: TIERS.index(spec.min_tier) + 1] if spec.min_tier else (*TIERS, pool.tier)
    price = pool.effective
    within = spec.max_price is None or (
        price is not None
        and price.currency == spec.max_price.currency
        and price.amount <= spec.max_price.amount
    )
    return (
        pool.gpu_model in spec.gpu_models
        and (not spec.regions or (pool.region or "?").lower() in {r.lower() for r in spec.regions})
        and (spec.residency is None or (pool.residency or "?").lower() == spec.residency.lower())
        and pool.tier in known
        and (pool.reliability_ppm or -1) >= (spec.min_reliability_ppm or -1)
        and (within or not cap)
        and least <= seconds
        and (empty or moment)
    )


def shares(spec: CapacitySpec, pool: Pool, *, empty: bool = False) -> range:
    """What may be taken of a pool: nothing, or whole nodes."""
    step = lcm(spec.node_size or 1, pool.node_size)
    most = pool.contracted - pool.kept_back if empty else pool.free
    return range(0, max(0, min(most, spec.gpu_count)) + 1, step)


def every_way(spec: CapacitySpec, pools: list[Pool], **relaxed: bool) -> list[Candidate]:
    """All ways to take anything at all, by trying."""
    fitting = [pool for pool in pools if may_serve(spec, pool, **relaxed)]
    is_empty = relaxed.get("empty", False)
    found = []
    for gpus in product(*(shares(spec, pool, empty=is_empty) for pool in fitting)):
        way = tuple(
            Line(pool_id=pool.id, gpu_count=n) for pool, n in zip(fitting, gpus, strict=True) if n
        )
        models = {pool.gpu_model for pool, n in zip(fitting, gpus, strict=True) if n}
        total = sum(gpus)
        if spec.is_gang and total == spec.gpu_count and len(models) == 1:
            found.append(way)
        if not spec.is_gang and 1 <= total <= spec.gpu_count:
            found.append(way)
    return found


def gpus_of(way: Candidate) -> int:
    return sum(line.gpu_count for line in way)


def by_price(pool: Pool) -> tuple[Any, ...]:
    return (
        pool.usd_marginal is None,
        pool.usd_marginal or 0,
        pool.usd_effective is None,
        pool.usd_effective or 0,
        pool.kind is PoolKind.ON_DEMAND,
        pool.id,
    )


def rank(spec: CapacitySpec, pools: list[Pool], way: Candidate) -> tuple[Any, ...]:
    """The order that is promised: most GPUs, one model, its preference, fewest pools, price."""
    by_id = {pool.id: pool for pool in pools}
    preference = [spec.gpu_models.index(by_id[line.pool_id].gpu_model) for line in way]
    order = sorted(pools, key=lambda pool: (spec_rank(spec, pool), by_price(pool)))
    places = sorted((order.index(by_id[line.pool_id]), -line.gpu_count) for line in way)
    mixed = len(set(preference)) > 1
    return (-gpus_of(way), mixed, 0 if mixed else preference[0], len(way), places)


def spec_rank(spec: CapacitySpec, pool: Pool) -> int:
    models = spec.gpu_models
    return models.index(pool.gpu_model) if pool.gpu_model in models else len(models)


@settings(max_examples=200, deadline=None)
@given(spec=some_spec(), pools=some_pools())
def test_the_first_way_is_the_best_of_all_ways_there_are(
    spec: CapacitySpec, pools: list[Pool]
) -> None:
    found = plan(spec, pools, now=NOON).candidates

    ways = every_way(spec, pools)
    assert bool(found) == bool(ways)
    if found:
        best = min(ways, key=lambda way: rank(spec, pools, way))
        assert set(found[0]) == set(best)


@settings(max_examples=100, deadline=None)
@given(spec=some_spec(), pools=some_pools())
def test_every_way_that_is_told_would_do(spec: CapacitySpec, pools: list[Pool]) -> None:
    found = plan(spec, pools, now=NOON).candidates

    ways = {frozenset((line.pool_id, line.gpu_count) for line in w) for w in every_way(spec, pools)}
    told = [frozenset((line.pool_id, line.gpu_count) for line in way) for way in found]
    assert set(told) <= ways
    assert len(set(told)) == len(told) <= MOST_CANDIDATES
    assert len({gpus_of(way) for way in found}) <= 1


@settings(max_examples=100, deadline=None)
@given(spec=some_spec(), pools=some_pools())
def test_a_refusal_says_whether_waiting_or_paying_more_would_help(
    spec: CapacitySpec, pools: list[Pool]
) -> None:
    made = plan(spec, pools, now=NOON)

    if every_way(spec, pools):
        expected = None
    elif not spec.may_queue and every_way(spec, pools, cap=False):
        expected = Refusal.PRICE_CAP
    elif every_way(spec, pools, empty=True):
        expected = Refusal.NO_CAPACITY
    elif every_way(spec, pools, empty=True, cap=False):
        expected = Refusal.PRICE_CAP
    else:
        expected = Refusal.IMPOSSIBLE
    assert made.refusal == expected
    assert bool(made.helps) == (expected is not None)


@settings(max_examples=100, deadline=None)
@given(spec=some_spec(), pools=some_pools())
def test_a_pool_is_in_a_way_or_fails_or_is_only_dearer(
    spec: CapacitySpec, pools: list[Pool]
) -> None:
    made = plan(spec, pools, now=NOON)

    told = {line.pool_id for way in made.candidates for line in way}
    failing = {fail.pool_id for fail in made.failing}
    assert not told & failing
    assert all(fail.reason and fail.helps for fail in made.failing)
    for pool in pools:
        if pool.id not in told | failing:
            alone = shares(spec, pool)
            assert may_serve(spec, pool)
            assert spec.gpu_count in alone


@settings(max_examples=100, deadline=None)
@given(spec=some_spec(), pools=some_pools(), seed=st.randoms(use_true_random=False))
def test_the_order_in_which_pools_are_read_changes_nothing(
    spec: CapacitySpec, pools: list[Pool], seed: Any
) -> None:
    shuffled = list(pools)
    seed.shuffle(shuffled)

    made, again = plan(spec, pools, now=NOON), plan(spec, shuffled, now=NOON)

    assert made.candidates == again.candidates
    assert (made.refusal, made.helps) == (again.refusal, again.helps)


@settings(max_examples=100, deadline=None)
@given(spec=some_spec(), pools=some_pools())
def test_a_shelf_that_is_made_once_gives_the_same_answer(
    spec: CapacitySpec, pools: list[Pool]
) -> None:
    shelf = Shelf.of(pools)

    quick = quick_plan(spec, shelf, now=NOON)

    assert quick == replace(plan(spec, pools, now=NOON), failing=())
    assert sorted(pool.id for pool in shelf.pools) == sorted(pool.id for pool in pools)


def reason_of(spec: CapacitySpec, pool: Pool, *, rates: FxTable | None = None) -> str | None:
    failing = plan(spec, [pool], now=NOON, rates=rates).failing
    return failing[0].reason if failing else None


def helps_of(spec: CapacitySpec, *pools: Pool) -> str:
    return plan(spec, pools, now=NOON).helps


@pytest.mark.parametrize(
    ("asked", "offered", "reason", "helps"),
    [
        ({"gpu_models": ("H200",)}, {}, "model", "B200 among the gpu_models"),
        ({"regions": frozenset({"eu-north1"})}, {}, "region", "us-central among the regions"),
        ({"residency": "DE"}, {}, "residency", "residency US"),
        ({"residency": "DE"}, {"residency": None}, "residency", "a country on record"),
        ({"min_tier": "platinum"}, {}, "tier", "min_tier gold"),
        ({"min_tier": "bronze"}, {"tier": "unrated"}, "tier", "a rating on record"),
        ({"min_tier": "diamond"}, {}, "tier", "a tier that exists"),
        ({"min_reliability_ppm": 999_500}, {}, "reliability", "at most 0.999"),
        ({"min_reliability_ppm": 1}, {"reliability_ppm": None}, "reliability", "on record"),
        ({"max_price": Money(Decimal(2))}, {}, "price", "a higher max_price"),
        ({"max_price": Money(Decimal(9), EUR)}, {}, "price", "a fresh USD/EUR rate"),
        (
            {"max_price": Money(Decimal(9))},
            {"effective": None, "usd_effective": None},
            "price",
            "a price on record",
        ),
        ({}, {"is_cordoned": True}, "cordoned", "an end of the cordon"),
        ({}, {"is_draining": True}, "draining", "an end of the drain"),
        ({}, {"opens_at": NOON + HOUR}, "not-open-yet", "a start from 2026-05-15 13:00 UTC on"),
        (
            {"duration_seconds": 7200},
            {"closes_at": NOON + HOUR},
            "closes-too-early",
            "an end by 2026-05-15 13:00 UTC",
        ),
        ({"gpu_count": 4}, {}, "node-size", "a multiple of 8 GPUs"),
        ({"gpu_count": 12}, {}, "node-size", "a multiple of 8 GPUs"),
        ({"gpu_count": 64}, {"available": 40}, "no-free-gpus", "24 more free GPUs"),
    ],
)
def test_a_pool_that_fails_says_why_and_what_would_help(
    asked: dict[str, Any], offered: dict[str, Any], reason: str, helps: str
) -> None:
    (fail,) = plan(a_spec(**asked), [a_pool(**offered)], now=NOON).failing

    assert fail.reason == reason
    assert helps in fail.helps


def test_a_pool_that_fails_in_two_ways_names_both() -> None:
    spec = a_spec(min_tier="platinum", residency="DE")

    (fail,) = plan(spec, [a_pool()], now=NOON).failing

    assert fail.helps == "residency US; min_tier gold"


def test_gpus_that_are_free_now_but_booked_for_later_are_not_given() -> None:
    assert reason_of(a_spec(16), a_pool(booked=56)) == "no-free-gpus"


def test_a_lease_until_released_needs_a_pool_that_is_open_for_one_ttl() -> None:
    assert reason_of(a_spec(ttl_seconds=3600), a_pool(closes_at=NOON + HOUR)) is None
    assert reason_of(a_spec(ttl_seconds=3601), a_pool(closes_at=NOON + HOUR)) == "closes-too-early"


def test_a_lease_may_end_at_the_instant_at_which_its_line_ends() -> None:
    assert reason_of(a_spec(duration_seconds=3600), a_pool(closes_at=NOON + HOUR)) is None


def test_a_price_in_euros_is_held_against_a_cap_in_dollars_by_its_dollars() -> None:
    pool = a_pool(effective=Money(Decimal(2), EUR), usd_effective=Decimal("2.20"))

    assert reason_of(a_spec(max_price=Money(Decimal("2.20"))), pool) is None
    assert reason_of(a_spec(max_price=Money(Decimal("2.19"))), pool) == "price"


def test_a_price_in_dollars_is_held_against_a_cap_in_euros_by_a_rate() -> None:
    rate = FxRate(base=EUR, quote=USD, on=date(2026, 5, 14), rate=Decimal("1.10"), source="ECB")
    pool = a_pool(effective=Money(Decimal("2.20")), usd_effective=Decimal("2.20"))

    def held(cap: str, rates: FxTable | None) -> str | None:
        return reason_of(a_spec(max_price=Money(Decimal(cap), EUR)), pool, rates=rates)

    assert held("2.00", FxTable([rate])) is None
    assert held("1.99", FxTable([rate])) == "price"
    assert held("2.00", FxTable([replace(rate, on=date(2026, 5, 1))])) == "price"


def test_two_foreign_currencies_are_compared_through_the_dollar() -> None:
    gbp = Currency("GBP")
    day = date(2026, 5, 15)
    rates = FxTable(
        [
            FxRate(base=EUR, quote=USD, on=day, rate=Decimal("1.10"), source="ECB"),
            FxRate(base=gbp, quote=USD, on=day, rate=Decimal("1.25"), source="BoE"),
        ]
    )
    pool = a_pool(effective=Money(Decimal("2.20"), gbp), usd_effective=None)

    assert reason_of(a_spec(max_price=Money(Decimal("2.50"), EUR)), pool, rates=rates) is None
    assert reason_of(a_spec(max_price=Money(Decimal("2.49"), EUR)), pool, rates=rates) == "price"


def pools_of(made: Plan) -> list[list[str]]:
    return [[line.pool_id for line in way] for way in made.candidates]


def test_what_is_paid_for_already_goes_before_what_costs_more() -> None:
    on_demand = a_pool("cheap", kind=PoolKind.ON_DEMAND, usd_marginal=Decimal(2))

    made = plan(a_spec(), [on_demand, a_pool("owned")], now=NOON)

    assert pools_of(made)[:2] == [["owned"], ["cheap"]]


def test_at_equal_price_a_contract_goes_before_buying_on_demand() -> None:
    on_demand = a_pool("a", kind=PoolKind.ON_DEMAND)

    assert pools_of(plan(a_spec(), [on_demand, a_pool("b")], now=NOON))[0] == ["b"]


def test_a_gang_never_mixes_models() -> None:
    pools = [a_pool("b"), a_pool("h", gpu_model="H200")]

    made = plan(a_spec(128, gpu_models=("B200", "H200")), pools, now=NOON)

    assert made.candidates == ()
    assert made.refusal is Refusal.IMPOSSIBLE
    assert made.helps == "at most 64 GPUs, as they stand free now"


def test_without_gang_what_there_is_of_both_models_is_taken() -> None:
    pools = [a_pool("b"), a_pool("h", gpu_model="H200", available=16)]
    spec = a_spec(128, gpu_models=("H200", "B200"), is_gang=False)

    assert plan(spec, pools, now=NOON).candidates == (
        (Line(pool_id="h", gpu_count=16), Line(pool_id="b", gpu_count=64)),
    )


@pytest.mark.parametrize(
    ("asked", "offered", "refusal", "helps"),
    [
        (
            {"gpu_count": 64},
            {"available": 40},
            Refusal.NO_CAPACITY,
            "at most 40 GPUs, as they stand free now; or 24 more B200 in us-central free",
        ),
        (
            {"max_price": Money(Decimal(2))},
            {},
            Refusal.PRICE_CAP,
            "a higher max_price, or none; or 8 more B200 in us-central free",
        ),
        (
            {"gpu_count": 128},
            {},
            Refusal.IMPOSSIBLE,
            "at most 64 GPUs, as they stand free now",
        ),
        (
            {"gpu_models": ("H300",)},
            {},
            Refusal.IMPOSSIBLE,
            "another model: there is no pool of H300, but of B200",
        ),
        (
            {"regions": frozenset({"x"})},
            {},
            Refusal.IMPOSSIBLE,
            "also us-central among the regions",
        ),
        ({"residency": "DE"}, {}, Refusal.IMPOSSIBLE, "residency US"),
        ({"min_tier": "platinum"}, {}, Refusal.IMPOSSIBLE, "min_tier gold"),
        ({"min_tier": "bronze"}, {"tier": None}, Refusal.IMPOSSIBLE, "no min_tier"),
        (
            {"min_reliability_ppm": 999_999},
            {},
            Refusal.IMPOSSIBLE,
            "a min_reliability of at most 0.999",
        ),
        (
            {"duration_seconds": 7200},
            {"closes_at": NOON + HOUR},
            Refusal.IMPOSSIBLE,
            "an end by 2026-05-15 13:00 UTC: no lease outlives its contract line",
        ),
        (
            {"residency": "DE", "min_tier": "platinum"},
            {},
            Refusal.IMPOSSIBLE,
            "a request with fewer conditions: no single one of them stands in the way alone",
        ),
    ],
)
def test_a_refusal_says_the_nearest_thing_that_would_have_worked(
    asked: dict[str, Any], offered: dict[str, Any], refusal: Refusal, helps: str
) -> None:
    made = plan(a_spec(**asked), [a_pool(**offered)], now=NOON)

    assert (made.refusal, made.helps) == (refusal, helps)


def test_where_there_is_no_pool_at_all_nothing_is_possible() -> None:
    made = plan(a_spec(), [], now=NOON)

    assert made.refusal is Refusal.IMPOSSIBLE
    assert "there is none of B200" in made.helps


def test_an_end_that_is_named_leaves_enough_pools_open() -> None:
    early, late = a_pool("e", closes_at=NOON + HOUR), a_pool("l", closes_at=NOON + 2 * HOUR)
    a_day = 86_400

    assert "an end by 2026-05-15 14:00" in helps_of(a_spec(duration_seconds=a_day), early, late)
    assert "an end by 2026-05-15 13:00" in helps_of(
        a_spec(128, duration_seconds=a_day), early, late
    )


@settings(max_examples=100, deadline=None)
@given(spec=some_spec(), pools=some_pools())
def test_no_price_is_ever_put_into_words(spec: CapacitySpec, pools: list[Pool]) -> None:
    secret = Decimal("77.654321")
    priced = [
        replace(pool, marginal=Money(secret), effective=Money(secret), usd_effective=secret)
        for pool in pools
    ]

    made = plan(spec, priced, now=NOON)

    assert "77" not in made.helps + "".join(fail.helps for fail in made.failing)


@settings(max_examples=100, deadline=None)
@given(spec=some_spec(), pools=some_pools())
def test_fewer_gpus_as_told_are_served(spec: CapacitySpec, pools: list[Pool]) -> None:
    made = plan(spec, pools, now=NOON)
    before, told, _ = made.helps.partition(" GPUs, as they stand free now")

    if told:
        fewer = replace(spec, gpu_count=int(before.rpartition(" ")[2]))
        assert plan(fewer, pools, now=NOON).candidates


def test_every_pair_of_pools_is_an_alternative_while_there_is_room() -> None:
    pools = [a_pool(f"p{number}", available=32) for number in range(4)]

    made = plan(a_spec(64), pools, now=NOON)

    pairs = list(combinations(["p0", "p1", "p2", "p3"], 2))
    assert pools_of(made) == [list(pair) for pair in pairs]


def test_a_price_that_nobody_knows_comes_after_every_known_one() -> None:
    dear = a_pool("dear", usd_marginal=Decimal(90))
    unknown = a_pool("a", usd_marginal=None, usd_effective=None)

    assert pools_of(plan(a_spec(), [unknown, dear], now=NOON))[0] == ["dear"]


def test_of_equal_marginal_prices_the_lower_effective_one_goes_first() -> None:
    pools = [a_pool("a", usd_effective=Decimal(3)), a_pool("b", usd_effective=Decimal(2))]

    assert pools_of(plan(a_spec(), pools, now=NOON))[:2] == [["b"], ["a"]]


@given(
    places=st.lists(st.sampled_from(["Oslo", "oslo", "Rome", None]), max_size=6),
    wanted=st.frozensets(st.sampled_from(["oslo", "rome", "bern"])),
)
def test_a_shelf_gives_the_pools_of_some_regions_in_the_order_of_all(
    places: list[str | None], wanted: frozenset[str]
) -> None:
    shelf = Shelf.of(a_pool(f"p{number}", region=place) for number, place in enumerate(places))
    everywhere = shelf.by_model.get("B200", ())

    found = list(shelf.at("B200", wanted))

    assert found == [p for p in everywhere if not wanted or (p.region or "").casefold() in wanted]


@settings(max_examples=60, deadline=None)
@given(spec=some_spec(), pools=some_pools(), priority=st.integers(0, 1000), is_mild=st.booleans())
def test_wishes_of_one_key_get_one_plan(
    spec: CapacitySpec, pools: list[Pool], priority: int, is_mild: bool
) -> None:
    other = replace(
        spec, holder="someone", labels={"a": "b"}, priority=priority, is_preemptible=is_mild
    )
    shelf = Shelf.of(pools)

    assert plan_key(other) == plan_key(spec)
    assert hash(plan_key(other)) == hash(plan_key(spec))
    assert quick_plan(other, shelf, now=NOON) == quick_plan(spec, shelf, now=NOON)


def test_every_other_part_of_a_wish_changes_its_key() -> None:
    spec = a_spec(8)
    changes: list[dict[str, Any]] = [
        {"gpu_models": ("H200",)},
        {"gpu_count": 16},
        {"node_size": 4},
        {"regions": frozenset({"eu"})},
        {"residency": "EU"},
        {"min_tier": "gold"},
        {"min_reliability_ppm": 1},
        {"max_price": Money(Decimal(1), USD)},
        {"duration_seconds": 60},
        {"ttl_seconds": 61},
        {"starts_at": NOON},
        {"is_gang": False},
        {"may_queue": not spec.may_queue},
        {"deadline": NOON},
    ]

    keys = {plan_key(replace(spec, **change)) for change in changes}

    assert len(keys | {plan_key(spec)}) == len(changes) + 1
