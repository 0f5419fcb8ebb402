"""Rounds of the queue, one after another: nobody starves, nothing is promised twice."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.capacity.lease import LeaseState
from broker.capacity.queueing import Turn, Waiting
from broker.capacity.quota import Quota
from broker.capacity.quota_book import QuotaBook
from broker.capacity.request import CapacitySpec, Line, Refusal
from broker.capacity.rounds import Round, RoundTerms, play
from tests.broker.capacity.lease_builders import a_lease
from tests.broker.capacity.pool_builders import NOON, a_pool, a_spec

TERMS = RoundTerms(backfill_for=timedelta(minutes=5))
MINUTE = timedelta(minutes=1)


def waits(request_id: str, gpus: int = 8, *, minutes: int = 0, **changes: object) -> Waiting:
    """Somebody who has waited so long."""
    spec = a_spec(gpus, may_queue=True, **changes)
    return Waiting(id=request_id, spec=spec, created_at=NOON - minutes * MINUTE)


@dataclass
class Hall:
    """One pool of 64, and leases in it that last some rounds each."""

    gpus: int = 64
    running: dict[str, tuple[int, int]] = field(default_factory=dict)  # GPUs, rounds left

    def free(self) -> int:
        return self.gpus - sum(gpus for gpus, _ in self.running.values())

    def pass_round(self) -> None:
        left = {one: (gpus, rounds - 1) for one, (gpus, rounds) in self.running.items()}
        self.running = {one: each for one, each in left.items() if each[1] > 0}


@settings(max_examples=40)
@given(
    smalls=st.lists(
        st.tuples(st.sampled_from([8, 16, 24]), st.integers(2, 6)), min_size=10, max_size=60
    ),
    per_round=st.integers(1, 4),
)
def test_a_stream_of_small_ones_never_starves_a_big_one(
    smalls: list[tuple[int, int]], per_round: int
) -> None:
    hall = Hall(running={"first": (8, 3)})
    big = waits("big", 64)
    queue: list[Waiting] = [big]
    lasts = {"big": 1}
    now = NOON

    for number in range(60):
        for place in range(per_round):
            gpus, rounds = smalls[(number * per_round + place) % len(smalls)]
            name = f"s{number}-{place}"
            queue.append(replace(waits(name, gpus), created_at=now))
            lasts[name] = rounds
        round_ = play(queue, [a_pool(available=hall.free())], [], now=now, terms=TERMS)
        served = {one.request_id: one for one in round_.decisions if one.turn is Turn.SERVED}
        for name, decision in served.items():
            hall.running[name] = (
                sum(line.gpu_count for line in decision.candidates[0]),
                lasts[name],
            )
        assert sum(round_.claimed.values()) <= hall.free()
        assert hall.free() >= 0
        if "big" in served:
            break
        queue = [one for one in queue if one.id not in served]
        hall.pass_round()
        now += MINUTE

    assert number <= 15, "five minutes of backfill, and the longest lease after them"


def test_what_is_on_its_way_is_kept_for_whom_it_was_taken_back() -> None:
    coming = a_lease("v1", state=LeaseState.PREEMPTING)
    pools = [a_pool(available=8)]

    round_ = play(
        [waits("big", 16, priority=800), waits("small", 8, priority=700)],
        pools,
        [coming],
        now=NOON,
        terms=TERMS,
    )

    assert [one.turn for one in round_.decisions] == [Turn.CLAIMS, Turn.WAITS]
    assert [one.position for one in round_.decisions] == [1, 2]
    assert round_.claimed == {"p1": 16}
    assert round_.notices == ()


def test_a_holder_over_its_quota_waits_and_lets_others_pass() -> None:
    book = QuotaBook(
        quotas=(Quota(holder="chat", gpu_model="B200", guaranteed=0, most=8),),
        in_use={"B200": {"chat": 8}},
        capacity={"B200": 72},
    )

    round_ = play(
        [waits("over", minutes=60), waits("other", holder="batch")],
        [a_pool()],
        [],
        now=NOON,
        terms=TERMS,
        book=book,
    )

    over, other = sorted(round_.decisions, key=lambda one: one.request_id, reverse=True)
    assert (over.turn, over.refusal, over.claimed) == (Turn.WAITS, Refusal.OVER_QUOTA, ())
    assert "8" in over.helps
    assert other.turn is Turn.SERVED


def test_two_requests_of_one_round_count_together_against_a_quota() -> None:
    book = QuotaBook(
        quotas=(Quota(holder="chat", gpu_model="B200", guaranteed=0, most=8),),
        capacity={"B200": 64},
    )

    round_ = play([waits("r1"), waits("r2")], [a_pool()], [], now=NOON, terms=TERMS, book=book)

    assert [one.turn for one in round_.decisions] == [Turn.SERVED, Turn.WAITS]


def test_whoever_is_within_its_guarantee_takes_back_from_borrowers_of_the_same_band() -> None:
    book = QuotaBook(
        quotas=(Quota(holder="chat", gpu_model="B200", guaranteed=8),),
        in_use={"B200": {"batch": 64}},
        capacity={"B200": 64},
    )
    borrowed = a_lease("v1", lines={"p1": 64}, holder="batch", priority=500)

    round_ = play(
        [waits("r1", priority=500)],
        [a_pool(available=0)],
        [borrowed],
        now=NOON,
        terms=TERMS,
        book=book,
    )
    without = play(
        [waits("r1", priority=500)], [a_pool(available=0)], [borrowed], now=NOON, terms=TERMS
    )

    assert without.notices == ()
    assert round_.notices == (("v1", "r1"),)


def test_a_request_for_any_number_takes_what_its_quota_leaves() -> None:
    book = QuotaBook(
        quotas=(Quota(holder="chat", gpu_model="*", guaranteed=0, most=24),),
        in_use={"H200": {"chat": 8}},
        capacity={"B200": 64, "H200": 64},
    )

    (decision,) = play(
        [waits("r1", 64, is_gang=False)], [a_pool()], [], now=NOON, terms=TERMS, book=book
    ).decisions

    assert decision.candidates[0] == (Line(pool_id="p1", gpu_count=16),)


def test_a_list_of_models_loses_those_that_are_over_quota() -> None:
    book = QuotaBook(
        quotas=(Quota(holder="chat", gpu_model="B200", guaranteed=0, most=0),),
        capacity={"B200": 64, "H200": 64},
    )
    spec: CapacitySpec = a_spec(gpu_models=("B200", "H200"))

    admitted = book.admit(spec)

    assert admitted.spec is not None
    assert admitted.spec.gpu_models == ("H200",)
    alone = book.admit(a_spec())
    assert alone.spec is None
    assert alone.refused(may_queue=True).refusal is Refusal.OVER_QUOTA


def test_nobody_who_waits_means_nothing_is_kept() -> None:
    empty: Round = play([], [a_pool(claimed=8)], [], now=NOON, terms=TERMS)

    assert (empty.decisions, empty.claimed, empty.notices) == ((), {}, ())
