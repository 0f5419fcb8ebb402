"""Who waits is served in order, may be passed for a while, and never starves."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.capacity.planning import plan
from broker.capacity.pool import Pool
from broker.capacity.queueing import Decision, Turn, Waiting, in_order, serve
from broker.capacity.request import Line, Refusal
from pricing.money import Money
from tests.broker.capacity.pool_builders import HOUR, NOON, a_pool, a_spec, some_pools, some_spec

BACKFILL = timedelta(minutes=10)
MINUTE = timedelta(minutes=1)


def waits(request_id: str, gpu_count: int = 8, *, minutes: int = 0, **changes: Any) -> Waiting:
    """Since so many minutes."""
    spec = a_spec(gpu_count, may_queue=True, **changes)
    return Waiting(id=request_id, spec=spec, created_at=NOON - minutes * MINUTE)


def served(*waiting: Waiting, pools: list[Pool] | None = None) -> dict[str, Decision]:
    decisions = serve(waiting, pools or [a_pool()], now=NOON, backfill_for=BACKFILL)
    return {decision.request_id: decision for decision in decisions}


def lines_of(decision: Decision) -> tuple[Line, ...]:
    return decision.candidates[0] if decision.candidates else decision.claimed


@st.composite
def queues(draw: st.DrawFn) -> list[Waiting]:
    specs = draw(st.lists(some_spec(), max_size=5))
    return [
        Waiting(
            id=f"r{number}",
            spec=replace(spec, may_queue=True, priority=draw(st.sampled_from([0, 500, 1000]))),
            created_at=NOON - draw(st.integers(0, 120)) * MINUTE,
        )
        for number, spec in enumerate(specs)
    ]


@settings(max_examples=80, deadline=None)
@given(waiting=queues(), pools=some_pools())
def test_a_round_never_gives_out_more_than_is_free(
    waiting: list[Waiting], pools: list[Pool]
) -> None:
    decisions = serve(waiting, pools, now=NOON, backfill_for=BACKFILL)

    given = Counter[str]()
    for decision in decisions:
        given.update({line.pool_id: line.gpu_count for line in lines_of(decision)})
    for pool in pools:
        assert given[pool.id] <= replace(pool, claimed=0).free
    assert sorted(decision.request_id for decision in decisions) == sorted(w.id for w in waiting)


@settings(max_examples=80, deadline=None)
@given(waiting=queues(), pools=some_pools())
def test_the_first_in_order_is_served_whenever_it_could_be(
    waiting: list[Waiting], pools: list[Pool]
) -> None:
    decisions = serve(waiting, pools, now=NOON, backfill_for=BACKFILL)

    for first in in_order(waiting, now=NOON)[:1]:
        alone = plan(first.spec, pools, now=NOON)
        assert (decisions[0].turn is Turn.SERVED) == bool(alone.candidates)
        assert (decisions[0].turn is Turn.REJECTED) == (
            alone.refusal in (Refusal.IMPOSSIBLE, Refusal.PRICE_CAP)
        )


@settings(max_examples=50, deadline=None)
@given(waiting=queues(), pools=some_pools(), seed=st.randoms(use_true_random=False))
def test_positions_count_those_that_go_on_waiting_however_they_are_read(
    waiting: list[Waiting], pools: list[Pool], seed: Any
) -> None:
    shuffled = list(waiting)
    seed.shuffle(shuffled)

    decisions = serve(waiting, pools, now=NOON, backfill_for=BACKFILL)

    positions = [one.position for one in decisions if one.position is not None]
    assert positions == list(range(1, len(positions) + 1))
    for one in decisions:
        assert (one.position is not None) == (one.turn in (Turn.WAITS, Turn.CLAIMS))
    assert serve(shuffled, pools, now=NOON, backfill_for=BACKFILL) == decisions


arrivals = st.tuples(
    st.sampled_from([4, 4, 8, 16]),  # GPUs
    st.sampled_from([0, 300, 500]),  # priority
    st.integers(1, 3),  # rounds it is held for
)


def rounds_until_served(
    arriving: list[tuple[int, int, int]], *, backfill_for: timedelta, rounds: int
) -> int | None:
    """Let one request arrive each round, and return when the first, for the whole fleet, is served."""
    free = {"p1": 8, "p2": 8}
    held: list[tuple[int, tuple[Line, ...]]] = [(2, (Line(pool_id="p1", gpu_count=4),))]
    free["p1"] -= 4
    queue = {
        "whole": Waiting(id="whole", spec=a_spec(16, may_queue=True, priority=0), created_at=NOON)
    }
    lasting = {"whole": 1}
    for number in range(rounds):
        now = NOON + number * MINUTE
        for until, lines in held:
            for line in lines if until == number else ():
                free[line.pool_id] += line.gpu_count
        gpus, priority, lasts = arriving[number % len(arriving)]
        name = f"r{number}"
        spec = a_spec(gpus, may_queue=True, priority=priority)
        queue[name] = Waiting(id=name, spec=spec, created_at=now)
        lasting[name] = lasts
        taken = served_in_round(queue, free, now=now, backfill_for=backfill_for)
        if "whole" in taken:
            return number
        for request_id, lines in taken.items():
            for line in lines:
                free[line.pool_id] -= line.gpu_count
            del queue[request_id]
            held.append((number + lasting[request_id], lines))
    return None


def served_in_round(
    queue: dict[str, Waiting], free: dict[str, int], *, now: datetime, backfill_for: timedelta
) -> dict[str, tuple[Line, ...]]:
    pools = [a_pool(name, node_size=4, available=gpus, contracted=8) for name, gpus in free.items()]
    decisions = serve(
        queue.values(), pools, now=now, backfill_for=backfill_for, rise_after=2 * MINUTE
    )
    return {one.request_id: lines_of(one) for one in decisions if one.turn is Turn.SERVED}


@settings(max_examples=40, deadline=None)
@given(arriving=st.lists(arrivals, min_size=1, max_size=8))
def test_nothing_that_an_empty_fleet_could_serve_waits_for_ever(
    arriving: list[tuple[int, int, int]],
) -> None:
    # It outranks every newcomer after 5 bands, 10 rounds; of the at most 10 that came before
    # then, each may hold the fleet for 3 rounds; and the last leases end within 3 more.
    bound = 10 + 10 * 3 + 3

    assert rounds_until_served(arriving, backfill_for=3 * MINUTE, rounds=bound) is not None


def test_without_a_claim_small_requests_would_starve_a_gang() -> None:
    stream = [(4, 0, 3)]

    assert rounds_until_served(stream, backfill_for=999 * HOUR, rounds=100) is None
    assert rounds_until_served(stream, backfill_for=3 * MINUTE, rounds=100) is not None


def test_the_more_urgent_are_served_first_then_the_older_then_by_id() -> None:
    waiting = [waits("b"), waits("a"), waits("older", minutes=5), waits("urgent", priority=900)]

    order = [one.id for one in in_order(waiting, now=NOON)]

    assert order == ["urgent", "older", "a", "b"]


def test_a_request_rises_by_a_band_for_each_hour_that_it_waits() -> None:
    patient, urgent = waits("patient", minutes=180, priority=500), waits("urgent", priority=790)

    assert in_order([urgent, patient], now=NOON)[0] is patient
    assert in_order([urgent, patient], now=NOON - timedelta(seconds=1))[0] is urgent


def test_a_gang_that_does_not_fit_lets_smaller_ones_pass_for_a_while() -> None:
    round_ = served(waits("gang", 64, minutes=9), waits("small", 8), pools=[a_pool(available=32)])

    assert round_["gang"].turn is Turn.WAITS
    assert round_["gang"].position == 1
    assert round_["gang"].helps.startswith("at most 32 GPUs")
    assert round_["small"].turn is Turn.SERVED


def test_after_that_it_claims_what_is_free() -> None:
    round_ = served(waits("gang", 64, minutes=10), waits("small", 8), pools=[a_pool(available=32)])

    assert round_["gang"].turn is Turn.CLAIMS
    assert round_["gang"].claimed == (Line(pool_id="p1", gpu_count=32),)
    assert round_["small"].turn is Turn.WAITS
    assert round_["small"].position == 2


def test_a_claim_is_only_on_what_would_serve_it() -> None:
    h200 = a_pool("h", gpu_model="H200")
    round_ = served(
        waits("gang", 64, minutes=10),
        waits("other", 8, gpu_models=("H200",)),
        pools=[a_pool(available=32), h200],
    )

    assert round_["other"].turn is Turn.SERVED


def test_what_was_claimed_is_free_to_those_who_wait() -> None:
    pool = a_pool(claimed=64)

    assert served(waits("gang", 64), pools=[pool])["gang"].turn is Turn.SERVED


def test_a_request_for_later_claims_nothing_today() -> None:
    later = waits("later", 64, minutes=60, starts_at=NOON + HOUR)

    assert served(later, pools=[a_pool(available=32)])["later"].turn is Turn.WAITS


def test_a_deadline_that_has_passed_ends_the_wait() -> None:
    late = served(waits("late", deadline=NOON))["late"]

    assert (late.turn, late.refusal) == (Turn.REJECTED, Refusal.DEADLINE)
    assert served(waits("due", deadline=NOON + MINUTE))["due"].turn is Turn.SERVED


def test_what_became_impossible_is_not_waited_for() -> None:
    round_ = served(waits("gone", gpu_models=("H300",)), waits("dear", max_price=Money(a_price())))

    assert round_["gone"].refusal is Refusal.IMPOSSIBLE
    assert round_["dear"].refusal is Refusal.PRICE_CAP
    assert {one.turn for one in round_.values()} == {Turn.REJECTED}


def a_price() -> Any:
    pool = a_pool()
    assert pool.usd_effective is not None
    return pool.usd_effective / 2
