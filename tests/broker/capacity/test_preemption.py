"""Only the less urgent give back, as few GPUs as will do, and they are told in time."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import chain, combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.capacity.lease import Lease, LeaseState
from broker.capacity.planning import plan
from broker.capacity.pool import Pool
from broker.capacity.preemption import TOP_BAND, Asking, band, victims
from broker.capacity.queueing import Waiting
from broker.capacity.request import CapacitySpec
from broker.capacity.rounds import RoundTerms, play
from tests.broker.capacity.lease_builders import a_lease
from tests.broker.capacity.pool_builders import HOUR, NOON, a_pool, a_spec


def told(
    waiting: list[Asking], pools: list[Pool], leases: list[Lease], *, budget: int | None = None
) -> list[str]:
    """Return whose leases get notice in a round of the queue."""
    terms = RoundTerms(backfill_for=timedelta(minutes=5), budget=budget)
    queue = [Waiting(id=one.id, spec=one.spec, created_at=NOON) for one in waiting]
    return [victim for victim, _ in play(queue, pools, leases, now=NOON, terms=terms).notices]


def asking(
    gpu_count: int = 8, *, priority: int = 500, reclaim: dict[str, int] | None = None
) -> Asking:
    return Asking(id="r", spec=a_spec(gpu_count, priority=priority), reclaim=reclaim or {})


def ids(leases: tuple[Lease, ...]) -> list[str]:
    return [lease.id for lease in leases]


@st.composite
def fleets(draw: st.DrawFn, *, step: int = 4, most: int = 6) -> tuple[list[Pool], list[Lease]]:
    """Two pools that suit, one that does not, and leases in whole nodes of `step`."""
    pools = [
        a_pool("p1", node_size=4, available=draw(st.integers(0, 2)) * 4),
        a_pool("p2", node_size=4, available=draw(st.integers(0, 2)) * 4),
        a_pool("p3", node_size=4, available=0, gpu_model="A100"),
    ]
    leases = []
    for number in range(draw(st.integers(0, most))):
        places = draw(st.lists(st.sampled_from(["p1", "p2", "p3"]), min_size=1, unique=True))
        lease = a_lease(
            f"l{number}",
            age_minutes=draw(st.integers(0, 5)),
            holder=draw(st.sampled_from(["batch", "search"])),
            priority=draw(st.sampled_from([0, 100, 450, 500, 950])),
            is_preemptible=draw(st.sampled_from([True, True, True, False])),
            state=draw(st.sampled_from([LeaseState.ACTIVE, LeaseState.GRANTED])),
            lines={place: draw(st.integers(1, 3)) * step for place in places},
        )
        leases.append(lease)
    return pools, leases


def serves(spec: CapacitySpec, pools: list[Pool], gone: tuple[Lease, ...]) -> bool:
    back = Counter[str]()
    for lease in gone:
        back.update({line.pool_id: line.gpu_count for line in lease.lines})
    freed = [replace(pool, available=pool.available + back[pool.id]) for pool in pools]
    return bool(plan(spec, freed, now=NOON).candidates)


def cost(leases: tuple[Lease, ...]) -> tuple[int, float]:
    held = sum(one.gpu_count * (NOON - one.granted_at).total_seconds() for one in leases)
    return sum(one.gpu_count for one in leases), held


def within(budget: int | None, leases: tuple[Lease, ...]) -> bool:
    by_holder = Counter[str]()
    for lease in leases:
        by_holder[lease.holder] += lease.gpu_count
    return budget is None or all(gpus <= budget for gpus in by_holder.values())


def every_set(leases: list[Lease], *, below: int, budget: int | None) -> list[tuple[Lease, ...]]:
    allowed = [one for one in leases if one.is_preemptible and one.priority // 100 < below]
    sets = chain.from_iterable(combinations(allowed, count) for count in range(len(allowed) + 1))
    return [each for each in sets if within(budget, each)]


@settings(max_examples=150, deadline=None)
@given(
    fleet=fleets(),
    nodes=st.integers(1, 8),
    budget=st.sampled_from([None, None, 8, 16]),
    priority=st.sampled_from([100, 500, 1000]),
)
def test_the_victims_are_the_cheapest_of_all_sets_there_are(
    fleet: tuple[list[Pool], list[Lease]], nodes: int, budget: int | None, priority: int
) -> None:
    pools, leases = fleet
    one = asking(nodes * 4, priority=priority)

    chosen = victims(one, pools, leases, now=NOON, budget=budget)

    sets = every_set(leases, below=min(9, priority // 100), budget=budget)
    enough = [each for each in sets if serves(one.spec, pools, each)]
    assert cost(chosen) == min((cost(each) for each in enough), default=(0, 0))
    assert not enough or serves(one.spec, pools, chosen)


@settings(max_examples=80, deadline=None)
@given(fleet=fleets(step=1), gpus=st.integers(1, 6))
def test_with_parts_of_nodes_no_victim_is_needless(
    fleet: tuple[list[Pool], list[Lease]], gpus: int
) -> None:
    pools, leases = fleet
    one = asking(gpus * 4)

    chosen = victims(one, pools, leases, now=NOON)

    assert bool(chosen) == (
        not serves(one.spec, pools, ())
        and any(serves(one.spec, pools, each) for each in every_set(leases, below=5, budget=None))
    )
    for lease in chosen:
        assert not serves(one.spec, pools, tuple(each for each in chosen if each is not lease))


@settings(max_examples=60, deadline=None)
@given(fleet=fleets(), wants=st.lists(st.integers(1, 4), max_size=3), budget=st.integers(0, 24))
def test_whoever_has_notice_is_not_the_reason_for_another(
    fleet: tuple[list[Pool], list[Lease]], wants: list[int], budget: int
) -> None:
    pools, leases = fleet
    waiting = [replace(asking(want * 4), id=f"r{n}") for n, want in enumerate(wants)]

    first = told(waiting, pools, leases, budget=budget)

    assert len(first) == len(set(first))
    assert within(budget, tuple(lease for lease in leases if lease.id in first))
    after = [
        replace(lease, state=LeaseState.PREEMPTING) if lease.id in first else lease
        for lease in leases
    ]
    assert told(waiting, pools, after, budget=budget) == []


@given(priority=st.integers(0, 1000), other=st.integers(900, 1000))
def test_production_is_never_preempted(priority: int, other: int) -> None:
    pools, lease = [a_pool(available=0)], a_lease(priority=other)
    one = asking(priority=priority, reclaim={"batch": 64})

    assert band(other) == TOP_BAND
    assert victims(one, pools, [lease], now=NOON) == ()


@given(priority=st.integers(0, 1000), other=st.integers(0, 1000))
def test_only_a_lower_band_gives_way(priority: int, other: int) -> None:
    chosen = victims(
        asking(priority=priority), [a_pool(available=0)], [a_lease(priority=other)], now=NOON
    )

    assert bool(chosen) == (band(other) < band(priority))


@pytest.mark.parametrize(
    "lease",
    [
        a_lease(is_preemptible=False),
        a_lease(state=LeaseState.SCHEDULED),
        a_lease(lines={"elsewhere": 64}),
    ],
)
def test_a_lease_that_is_not_open_to_it_or_would_not_help_is_left_alone(lease: Lease) -> None:
    assert victims(asking(), [a_pool(available=0)], [lease], now=NOON) == ()


def test_where_nothing_would_make_room_nobody_loses_anything() -> None:
    assert victims(asking(16), [a_pool(available=0)], [a_lease()], now=NOON) == ()


def test_fewest_gpus_over_then_youngest() -> None:
    leases = [
        a_lease("large", lines={"p1": 32}, age_minutes=1),
        a_lease("old", age_minutes=90),
        a_lease("young", age_minutes=5),
    ]

    assert ids(victims(asking(8), [a_pool(available=0)], leases, now=NOON)) == ["young"]
    assert ids(victims(asking(16), [a_pool(available=0)], leases, now=NOON)) == ["young", "old"]


def test_no_holder_loses_more_than_its_budget_at_once() -> None:
    leases = [a_lease("b1"), a_lease("b2"), a_lease("s1", holder="search", age_minutes=600)]
    pools = [a_pool(available=0)]

    assert len(victims(asking(16), pools, leases, now=NOON, budget=8)) == 2
    assert "s1" in ids(victims(asking(16), pools, leases, now=NOON, budget=8))
    assert victims(asking(24), pools, leases, now=NOON, budget=8) == ()


def test_what_a_holder_is_giving_back_already_counts_against_its_budget() -> None:
    leases = [a_lease("going", state=LeaseState.PREEMPTING), a_lease("next")]

    assert victims(asking(16), [a_pool()], leases, now=NOON, budget=8) == ()
    assert victims(asking(16), [a_pool(available=0)], leases, now=NOON, budget=8) == ()
    assert ids(victims(asking(), [a_pool(available=0)], leases, now=NOON, budget=16)) == ["next"]


def test_borrowers_give_back_first_to_the_owner_of_the_guarantee() -> None:
    pools = [a_pool(available=0)]
    borrower = a_lease("borrowed", holder="search", priority=800, age_minutes=600)
    lower = a_lease("lower", priority=100, age_minutes=1)

    owner = asking(reclaim={"search": 8})

    assert ids(victims(owner, pools, [borrower, lower], now=NOON)) == ["borrowed"]
    assert ids(victims(asking(), pools, [borrower, lower], now=NOON)) == ["lower"]
    assert ids(victims(asking(reclaim={"search": 4}), pools, [borrower, lower], now=NOON)) == [
        "lower"
    ]


def test_a_request_for_later_preempts_nobody_today() -> None:
    spec = a_spec(starts_at=NOON + HOUR, priority=900)

    assert told([Asking(id="r", spec=spec)], [a_pool(available=0)], [a_lease()]) == []


def test_without_gang_one_node_is_enough() -> None:
    spec = a_spec(64, is_gang=False, priority=500)
    leases = [a_lease("a", age_minutes=1), a_lease("b")]

    chosen = victims(Asking(id="r", spec=spec), [a_pool(available=0)], leases, now=NOON)

    assert ids(chosen) == ["a"]


@pytest.mark.parametrize("holder", ["aaa", "zzz"])
def test_the_youngest_gives_way_whoever_holds_it(holder: str) -> None:
    leases = [a_lease("old", holder="mmm", age_minutes=90), a_lease("young", holder=holder)]

    assert ids(victims(asking(), [a_pool(available=0)], leases, now=NOON)) == ["young"]


def test_two_requests_at_once_share_the_budget_of_a_holder() -> None:
    leases = [a_lease("a"), a_lease("b")]
    waiting = [asking(), replace(asking(), id="r2")]
    empty = [a_pool(available=0)]

    assert len(told(waiting, empty, leases, budget=8)) == 1
    assert len(told(waiting, empty, leases, budget=16)) == 2


def test_a_holder_that_is_giving_back_its_budget_is_not_asked_for_more() -> None:
    leases = [a_lease("going", state=LeaseState.PREEMPTING), a_lease("next")]

    assert victims(asking(), [a_pool(available=0)], leases, now=NOON, budget=8) == ()
