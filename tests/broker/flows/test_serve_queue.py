"""Those that wait are served in order, and nothing is ever given twice: alike on both databases."""

from datetime import timedelta

from broker.capacity.lease import LeaseState
from broker.capacity.rounds import RoundTerms
from broker.clock import utc_now
from broker.flows.read_leases import cancel_capacity
from broker.store.engine import Database
from broker.store.grants import Answer, Grants, Outcome, ReturnOutcome
from broker.store.tables import CapacityEventRow, CapacityTransferRow
from tests.broker.flows.queues import (
    CANCELLED,
    GRANTED,
    PENDING,
    REJECTED,
    a_round,
    a_spec,
    age,
    ask,
    hold,
    lease_for,
    miss_deadline,
    request,
    state,
    sweep,
    wait,
)
from tests.broker.store.capacity_rows import (
    add_pools,
    back,
    change_pool,
    events,
    lease_of,
    let_pass,
    on,
    pool,
    pool_row,
    rows_of,
    standing,
    with_grants,
)


def give_back(database: Database, answer: Answer) -> None:
    async def done(grants: Grants) -> ReturnOutcome:
        return await grants.release(back(answer))

    assert with_grants(database, done) is ReturnOutcome.RELEASED


def a_full_pool(database: Database, gpus: int = 8, **changes: object) -> Answer:
    add_pools(database, pool_row("p1", gpus, **changes))
    return hold(database, "p1", a_spec(gpus, holder="batch", is_preemptible=True, priority=100))


def test_a_round_without_a_queue_writes_nothing(database: Database) -> None:
    add_pools(database, pool_row("p1"))

    assert a_round(database).granted == 0
    assert events(database) == []


def test_the_queue_is_served_by_priority_and_then_by_age(database: Database) -> None:
    add_pools(database, pool_row("p1", 16))
    first = hold(database, "p1", a_spec(16))
    low = wait(database, a_spec(priority=300))
    older = wait(database, a_spec(priority=400))
    younger = wait(database, a_spec(priority=400))
    give_back(database, first)

    report = a_round(database)

    assert (report.granted, report.waiting) == (2, 1)
    assert [state(database, one) for one in (older, younger, low)] == [GRANTED, GRANTED, PENDING]
    assert standing(database, "p1") == (0, 16, 0)


def test_a_grant_after_waiting_is_written_like_any_other(database: Database) -> None:
    held = a_full_pool(database)
    waiting = wait(database, a_spec())
    give_back(database, held)
    a_round(database)

    lease = lease_for(database, waiting)
    told = [row for row in rows_of(database, CapacityEventRow) if row.object_id == lease.id]
    moved = rows_of(database, CapacityTransferRow)[-1]

    assert lease.fence == (held.fence or 0) + 1
    assert (lease.state, lease.holder) == (LeaseState.GRANTED, "chat")
    assert [row.kind for row in told] == ["lease.granted"]
    assert (moved.debit, moved.credit, moved.gpu_count) == ("available", "held", 8)
    assert request(database, waiting).lease_id == lease.id


def test_whoever_retries_with_the_same_key_finds_the_lease_it_waited_for(
    database: Database,
) -> None:
    held = a_full_pool(database)
    spec = a_spec()
    first = ask(database, spec, idempotency_key="k1")
    give_back(database, held)
    a_round(database)

    again = ask(database, spec, idempotency_key="k1")

    assert first.outcome is Outcome.PENDING
    assert again.outcome is Outcome.REPLAYED
    assert again.lease_id == lease_for(database, first.request_id).id


def test_a_request_past_its_deadline_is_refused_and_says_so(database: Database) -> None:
    a_full_pool(database)
    waiting = wait(database, a_spec(deadline=utc_now() + timedelta(hours=1)))
    miss_deadline(database, waiting)

    report = a_round(database)

    assert report.rejected == 1
    row = request(database, waiting)
    assert (row.state, row.reason, row.detail) == (
        REJECTED,
        "deadline",
        "a later deadline, or none",
    )
    assert "request.rejected" in events(database)


def test_a_request_that_was_cancelled_while_it_waited_is_not_served(database: Database) -> None:
    held = a_full_pool(database)
    waiting = wait(database, a_spec())
    age(database, waiting, timedelta(hours=1))
    a_round(database)
    cancel_capacity(database, waiting, principal=None, if_rev=None, clock=utc_now)
    give_back(database, held)

    report = a_round(database)

    assert report.granted == 0
    assert state(database, waiting) == CANCELLED
    assert pool(database, "p1").claimed == 0


def test_what_no_pool_could_ever_serve_any_more_is_refused(database: Database) -> None:
    a_full_pool(database)
    waiting = wait(database, a_spec())
    change_pool(database, "p1", gpu_model="H200")

    a_round(database)

    assert (state(database, waiting), request(database, waiting).reason) == (REJECTED, "impossible")


def test_small_ones_pass_a_big_one_until_it_has_waited_long(database: Database) -> None:
    add_pools(database, pool_row("p1", 16))
    hold(database, "p1", a_spec(8))
    big = wait(database, a_spec(16))
    small = wait(database, a_spec(8))

    a_round(database)

    assert (state(database, big), state(database, small)) == (PENDING, GRANTED)


def test_what_is_kept_for_a_big_one_goes_to_nobody_else(database: Database) -> None:
    add_pools(database, pool_row("p1", 16))
    held = hold(database, "p1", a_spec(8))
    big = wait(database, a_spec(16))
    age(database, big, timedelta(minutes=6))

    a_round(database)

    assert pool(database, "p1").claimed == 8
    assert ask(database, a_spec(8), on(("p1", 8))).outcome is Outcome.PENDING
    give_back(database, held)
    assert a_round(database).granted == 1
    assert state(database, big) == GRANTED
    assert pool(database, "p1").claimed == 0
    assert standing(database, "p1") == (0, 16, 0)


def test_nobody_gets_the_gpus_of_a_victim_before_it_is_gone(database: Database) -> None:
    victim = a_full_pool(database, grace_seconds=30)
    urgent = wait(database, a_spec(priority=800))

    report = a_round(database)

    assert report.preempting == 1
    lease = lease_of(database, victim)
    assert (lease.state, lease.is_live) == (LeaseState.PREEMPTING, True)
    assert lease.ends_at is not None
    assert timedelta(0) < lease.ends_at - utc_now() <= timedelta(seconds=30)
    assert lease.expires_at <= lease.ends_at
    assert a_round(database).granted == 0
    assert state(database, urgent) == PENDING
    assert "lease.preempting" in events(database)
    assert sweep(database).preempted == 0

    let_pass(database, 31)
    assert sweep(database).preempted == 1
    assert ask(database, a_spec(), on(("p1", 8))).outcome is Outcome.PENDING  # it is kept
    assert a_round(database).granted == 1
    assert state(database, urgent) == GRANTED
    assert pool(database, "p1").claimed == 0


def test_a_victim_that_gives_back_early_makes_room_at_once(database: Database) -> None:
    victim = a_full_pool(database, grace_seconds=600)
    urgent = wait(database, a_spec(priority=800))
    a_round(database)

    give_back(database, victim)

    assert a_round(database).granted == 1
    assert state(database, urgent) == GRANTED


def test_nobody_is_preempted_twice_for_one_request(database: Database) -> None:
    add_pools(database, pool_row("p1", 16, grace_seconds=60))
    for _ in range(2):
        hold(database, "p1", a_spec(holder="batch", is_preemptible=True, priority=100))
    wait(database, a_spec(priority=800))

    told = [a_round(database).preempting for _ in range(3)]

    assert told == [1, 0, 0]


def test_small_ones_do_not_take_what_an_urgent_one_needs_beside_its_victim(
    database: Database,
) -> None:
    add_pools(database, pool_row("p1", 16, grace_seconds=60))
    victim = hold(database, "p1", a_spec(holder="batch", is_preemptible=True, priority=100))
    urgent = wait(database, a_spec(16, priority=800))
    small = wait(database, a_spec(8, priority=700))

    a_round(database)
    a_round(database)
    give_back(database, victim)
    a_round(database)

    assert (state(database, urgent), state(database, small)) == (GRANTED, PENDING)


def test_only_a_lower_band_is_preempted_and_production_never(database: Database) -> None:
    add_pools(database, pool_row("p1", 16))
    hold(database, "p1", a_spec(holder="batch", is_preemptible=True, priority=850))
    hold(database, "p1", a_spec(holder="live", is_preemptible=True, priority=950))
    wait(database, a_spec(priority=899))
    assert a_round(database).preempting == 0

    wait(database, a_spec(16, priority=1000))

    assert a_round(database).preempting == 0


def test_no_holder_loses_more_than_the_budget_at_once(database: Database) -> None:
    add_pools(database, pool_row("p1", 16))
    for _ in range(2):
        hold(database, "p1", a_spec(holder="batch", is_preemptible=True, priority=100))
    wait(database, a_spec(16, priority=800))

    assert a_round(database, RoundTerms(backfill_for=timedelta(0), budget=8)).preempting == 0
    assert a_round(database, RoundTerms(backfill_for=timedelta(0), budget=16)).preempting == 2
