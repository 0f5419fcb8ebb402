"""Leases are granted, renewed, given back and ended, alike on both databases."""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col

from broker.capacity.lease import LeaseState
from broker.capacity.request import Refusal, RequestState
from broker.clock import utc_now
from broker.errors import ConflictError, UnreachableError
from broker.store.engine import Database
from broker.store.grants import (
    Answer,
    Beat,
    BusyError,
    Grants,
    Outcome,
    Return,
    ReturnOutcome,
    grants_of,
)
from broker.store.tables import (
    CapacityEventRow,
    CapacityRequestRow,
    CapacityTransferRow,
    LeaseLineRow,
    LeaseRow,
    SweepRow,
)
from tests.broker.store.capacity_rows import (
    a_wish,
    add_pools,
    back,
    beat,
    change_pool,
    events,
    granted,
    lease_of,
    let_pass,
    on,
    pool,
    pool_row,
    rows_of,
    serving,
    standing,
    with_grants,
)

HOUR = 3600


def in_hours(hours: float) -> datetime:
    return utc_now() + timedelta(hours=hours)


def grant_one(database: Database, *candidates: Any, **changes: Any) -> Answer:
    return with_grants(database, lambda grants: grants.grant(a_wish(*candidates, **changes)))


def test_a_grant_takes_gpus_confirms_at_the_first_heartbeat_and_gives_them_back(
    database: Database,
) -> None:
    add_pools(database, pool_row("p1"))

    async def life(grants: Grants) -> None:
        answer = await granted(grants, a_wish(on(("p1", 5))))
        assert answer.lines == on(("p1", 5))
        assert answer.lease_state is LeaseState.GRANTED
        assert standing(database, "p1") == (3, 5, 0)

        renewal = await grants.renew(beat(answer))
        assert renewal.state is LeaseState.ACTIVE
        assert standing(database, "p1") == (3, 0, 5)

        assert await grants.release(back(answer)) is ReturnOutcome.RELEASED
        assert standing(database, "p1") == (8, 0, 0)

    with_grants(database, life)
    assert events(database) == ["lease.granted", "lease.active", "lease.released"]
    moved = [
        (row.debit, row.credit, row.gpu_count) for row in rows_of(database, CapacityTransferRow)
    ]
    assert moved == [("available", "held", 5), ("held", "leased", 5), ("leased", "available", 5)]


def test_a_lease_keeps_the_prices_it_was_granted_at_and_no_event_tells_them(
    database: Database,
) -> None:
    add_pools(database, pool_row("p1", effective_price=Decimal("2.345678")))

    grant_one(database, on(("p1", 8)))
    change_pool(database, "p1", effective_price=Decimal(9))

    (line,) = rows_of(database, LeaseLineRow)
    assert (line.marginal_price, line.effective_price) == (Decimal("0.25"), Decimal("2.345678"))
    assert line.currency == "USD"
    told = [json.loads(row.data) for row in rows_of(database, CapacityEventRow)]
    assert [sorted(data) for data in told] == [["fence", "gpu_count", "request_id"]]


def test_the_same_key_gets_the_same_lease_however_often_it_asks(database: Database) -> None:
    add_pools(database, pool_row("p1"))
    wish = a_wish(on(("p1", 5)))

    async def ask(grants: Grants) -> list[Answer]:
        answers = await asyncio.gather(*(grants.grant(wish) for _ in range(4)))
        return [*answers, await grants.grant(wish)]

    first, *again = with_grants(database, ask)

    assert first.outcome is Outcome.GRANTED
    assert {answer.outcome for answer in again} == {Outcome.REPLAYED}
    for answer in again:
        assert (answer.lease_id, answer.fence) == (first.lease_id, first.fence)
        assert (answer.request_id, answer.lines) == (first.request_id, first.lines)
    assert standing(database, "p1") == (3, 5, 0)


def test_a_key_used_again_with_another_body_is_a_mismatch_and_takes_nothing(
    database: Database,
) -> None:
    add_pools(database, pool_row("p1"))

    async def ask(grants: Grants) -> list[Answer]:
        await granted(grants, a_wish(on(("p1", 5)), idempotency_key="k"))
        other = a_wish(on(("p1", 3)), idempotency_key="k", fingerprint="another body")
        elsewhere = a_wish(on(("p1", 3)), idempotency_key="k", principal="somebody else")
        return [await grants.grant(other), await grants.grant(elsewhere)]

    other, elsewhere = with_grants(database, ask)

    assert (other.outcome, other.lease_id) == (Outcome.MISMATCH, None)
    assert elsewhere.outcome is Outcome.GRANTED
    assert standing(database, "p1") == (0, 8, 0)


def test_a_gang_over_two_pools_gets_all_of_its_lines_or_none(database: Database) -> None:
    add_pools(database, pool_row("p1"), pool_row("p2", available=4))

    async def ask(grants: Grants) -> list[Answer]:
        return await grants.grant_many(
            [
                a_wish(on(("p1", 8), ("p2", 8))),
                a_wish(on(("p1", 8), ("p2", 4))),
                a_wish(on(("p1", 1), ("p2", 1))),
            ]
        )

    answers = with_grants(database, ask)

    assert [answer.outcome for answer in answers] == ["refused", "granted", "refused"]
    assert standing(database, "p1") == (0, 8, 0)
    assert standing(database, "p2") == (0, 4, 0)
    assert [row.gpu_count for row in rows_of(database, LeaseRow)] == [12]


def test_the_first_candidate_that_fits_is_taken(database: Database) -> None:
    add_pools(database, pool_row("dear"), pool_row("full", available=4), pool_row("next"))

    answer = grant_one(database, on(("full", 8)), on(("gone", 8)), on(("next", 8)), on(("dear", 8)))

    assert answer.lines == on(("next", 8))
    assert standing(database, "dear") == (8, 0, 0)


def test_what_does_not_fit_is_refused_in_words_and_may_ask_again(database: Database) -> None:
    add_pools(database, pool_row("p1", available=8, kept_back=2, claimed=2))
    wish = a_wish(on(("p1", 5)))

    refused = with_grants(database, lambda grants: grants.grant(wish))
    assert (refused.outcome, refused.reason) == (Outcome.REFUSED, Refusal.NO_CAPACITY)
    assert (refused.detail, refused.lease_id) == ("ask for fewer GPUs", None)
    assert rows_of(database, CapacityRequestRow) == rows_of(database, LeaseRow) == []
    assert events(database) == []

    change_pool(database, "p1", kept_back=1)
    again = with_grants(database, lambda grants: grants.grant(wish))
    assert again.outcome is Outcome.GRANTED


@pytest.mark.parametrize(
    "state",
    [
        {"is_cordoned": True},
        {"is_draining": True},
        {"opens_at": lambda: in_hours(1)},
        {"closes_at": lambda: in_hours(0)},
        {"closes_at": lambda: in_hours(0.01)},
    ],
    ids=["cordoned", "draining", "not open yet", "closed", "closing in half a minute"],
)
def test_a_pool_that_is_not_open_grants_nothing(
    database: Database, state: dict[str, bool | Callable[[], datetime]]
) -> None:
    values: dict[str, Any] = {
        name: value() if callable(value) else value for name, value in state.items()
    }
    add_pools(database, pool_row("p1", **values))

    assert grant_one(database, on(("p1", 1))).outcome is Outcome.REFUSED


def test_no_lease_outlives_its_contract_line(database: Database) -> None:
    closes = in_hours(2)
    add_pools(database, pool_row("p1", closes_at=closes, confirm_seconds=5 * HOUR))

    async def ask(grants: Grants) -> None:
        long = a_wish(on(("p1", 1)), duration_seconds=3 * HOUR)
        assert (await grants.grant(long)).outcome is Outcome.REFUSED
        short = await granted(grants, a_wish(on(("p1", 1)), duration_seconds=HOUR))
        assert lease_of(database, short).ends_at is not None
        open_ended = await granted(grants, a_wish(on(("p1", 1)), ttl_seconds=4 * HOUR))
        assert open_ended.expires_at == closes
        renewal = await grants.renew(beat(open_ended, ttl_seconds=9 * HOUR))
        assert renewal.expires_at == closes

    with_grants(database, ask)


def test_a_heartbeat_never_passes_the_stated_end(database: Database) -> None:
    add_pools(database, pool_row("p1"))

    async def ask(grants: Grants) -> None:
        answer = await granted(grants, a_wish(on(("p1", 1)), duration_seconds=HOUR))
        renewal = await grants.renew(beat(answer, ttl_seconds=2 * HOUR))
        assert renewal.expires_at == lease_of(database, answer).ends_at
        shorter = await grants.renew(beat(answer, ttl_seconds=1))
        assert shorter.expires_at == renewal.expires_at

    with_grants(database, ask)


def test_who_may_wait_is_pending_and_granted_later_under_the_same_request(
    database: Database,
) -> None:
    add_pools(database, pool_row("p1", claimed=8))
    wish = a_wish(on(("p1", 8)), may_queue=True)
    again = a_wish(
        on(("p1", 8)),
        request_id=wish.request_id,
        idempotency_key=wish.idempotency_key,
        is_waiting=True,
    )
    claimed = a_wish(
        on(("p1", 8)),
        request_id=wish.request_id,
        idempotency_key=wish.idempotency_key,
        is_waiting=True,
        claimed=on(("p1", 8)),
    )

    async def ask(grants: Grants) -> list[Answer]:
        return [await grants.grant(each) for each in (wish, wish, again, claimed, claimed)]

    pending, replayed, still, then, done = with_grants(database, ask)

    assert (pending.outcome, pending.reason) == (Outcome.PENDING, Refusal.NO_CAPACITY)
    assert (replayed.outcome, replayed.request_state) == (Outcome.REPLAYED, RequestState.PENDING)
    assert still.outcome is Outcome.PENDING
    assert (then.outcome, then.request_id) == (Outcome.GRANTED, wish.request_id)
    assert (done.outcome, done.lease_id) == (Outcome.REPLAYED, then.lease_id)
    assert standing(database, "p1") == (0, 8, 0)
    assert pool(database, "p1").claimed == 0
    (request,) = rows_of(database, CapacityRequestRow)
    assert (request.state, request.reason, request.lease_id) == ("granted", None, then.lease_id)
    assert events(database) == ["request.pending", "lease.granted"]


def test_nobody_waits_for_what_waiting_does_not_change(database: Database) -> None:
    add_pools(database, pool_row("p1", available=0))

    async def ask(grants: Grants) -> list[str | None]:
        wishes = [
            a_wish(may_queue=True, refusal=Refusal.IMPOSSIBLE),
            a_wish(may_queue=True, refusal=Refusal.PRICE_CAP),
            a_wish(on(("p1", 1)), may_queue=True, deadline_at=in_hours(-1)),
        ]
        answers = await grants.grant_many(wishes)
        assert {answer.outcome for answer in answers} == {Outcome.REFUSED}
        return [answer.reason for answer in answers]

    assert with_grants(database, ask) == ["impossible", "price-cap", "deadline"]
    assert rows_of(database, CapacityRequestRow) == []


def test_fences_are_unique_and_grow_with_every_grant(database: Database) -> None:
    add_pools(database, pool_row("p1", available=64), pool_row("p2", available=64))

    async def ask(grants: Grants) -> list[int]:
        fences = []
        for _ in range(3):
            wishes = [a_wish(on((name, 1))) for name in ("p1", "p2") * 5]
            answers = await grants.grant_many(wishes)
            fences += [answer.fence or 0 for answer in answers]
            for answer in answers:
                await grants.release(back(answer))
        return fences

    fences = with_grants(database, ask) + with_grants(database, ask)

    assert fences == sorted(set(fences))


def test_a_lease_is_given_back_once_by_its_own_fence_and_its_own_holder(
    database: Database,
) -> None:
    add_pools(database, pool_row("p1"))

    async def ask(grants: Grants) -> list[ReturnOutcome]:
        answer = await granted(grants, a_wish(on(("p1", 8))))
        given = back(answer)
        return [
            await grants.release(back(answer, fence=given.fence + 1)),
            await grants.release(back(answer, principal="somebody else")),
            await grants.release(Return(lease_id="no such lease", fence=1)),
            await grants.release(back(answer, principal="scheduler")),
            await grants.release(given),
            await grants.release(back(answer, fence=given.fence + 1)),
        ]

    assert with_grants(database, ask) == [
        "lost",
        "unknown",
        "unknown",
        "released",
        "already",
        "lost",
    ]
    assert standing(database, "p1") == (8, 0, 0)


def test_an_overdue_lease_is_used_until_the_sweep_and_its_late_heartbeat_is_lost(
    database: Database,
) -> None:
    add_pools(database, pool_row("p1"))

    async def ask(grants: Grants) -> None:
        answer = await granted(grants, a_wish(on(("p1", 8))))
        await grants.renew(beat(answer))
        let_pass(database, 61)

        assert (await grants.renew(beat(answer))).is_lost
        assert (await grants.grant(a_wish(on(("p1", 1))))).outcome is Outcome.REFUSED
        swept = await grants.sweep()
        assert (swept.expired, swept.unconfirmed, swept.paused) == (1, 0, False)
        assert swept.lag_seconds >= 1
        assert (await grants.renew(beat(answer))).is_lost
        assert await grants.release(back(answer)) is ReturnOutcome.LOST
        await granted(grants, a_wish(on(("p1", 8))))
        assert await grants.sweep() == type(swept)()

    with_grants(database, ask)
    assert {row.reason for row in rows_of(database, LeaseRow)} == {"silent", None}
    assert standing(database, "p1") == (0, 8, 0)


def test_a_grant_that_nobody_confirms_goes_back(database: Database) -> None:
    add_pools(database, pool_row("p1", confirm_seconds=20))

    async def ask(grants: Grants) -> None:
        answer = await granted(grants, a_wish(on(("p1", 8)), ttl_seconds=HOUR))
        let_pass(database, 19)
        assert (await grants.sweep()).unconfirmed == 0
        let_pass(database, 2)
        assert (await grants.sweep()).unconfirmed == 1
        assert lease_of(database, answer).reason == "unconfirmed"

    with_grants(database, ask)
    assert standing(database, "p1") == (8, 0, 0)


def test_gpus_of_a_silent_holder_rest_for_the_grace_before_they_are_granted_again(
    database: Database,
) -> None:
    add_pools(database, pool_row("p1", grace_seconds=30))

    async def ask(grants: Grants) -> None:
        answer = await granted(grants, a_wish(on(("p1", 8))))
        let_pass(database, 61)
        assert (await grants.renew(beat(answer))).is_lost
        assert (await grants.sweep()).unconfirmed == 0
        let_pass(database, 30)
        assert (await grants.sweep()).unconfirmed == 1

    with_grants(database, ask)


def test_a_lease_that_must_go_is_told_so_and_preempted_when_its_grace_is_over(
    database: Database,
) -> None:
    add_pools(database, pool_row("p1", grace_seconds=30))

    async def ask(grants: Grants) -> None:
        answer = await granted(grants, a_wish(on(("p1", 8)), is_preemptible=True))
        await grants.renew(beat(answer))
        with database.writing() as session:
            soon = utc_now() + timedelta(seconds=30)
            session.execute(
                sa.update(LeaseRow).values(state="preempting", ends_at=soon, expires_at=soon)
            )
        renewal = await grants.renew(beat(answer))
        assert (renewal.state, renewal.expires_at) == (LeaseState.PREEMPTING, soon)
        assert (await grants.sweep()).preempted == 0
        let_pass(database, 31)
        assert (await grants.sweep()).preempted == 1
        assert lease_of(database, answer).state == "preempted"

    with_grants(database, ask)
    assert standing(database, "p1") == (8, 0, 0)


def test_a_sweep_ends_no_more_than_it_may_and_the_next_one_goes_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_pools(database, pool_row("p1"))
    monkeypatch.setattr(f"broker.store.grants_{database.dialect}.MOST_SWEPT", 5)

    async def ask(grants: Grants) -> list[int]:
        await grants.grant_many([a_wish(on(("p1", 1))) for _ in range(8)])
        let_pass(database, 61)
        return [(await grants.sweep()).unconfirmed for _ in range(3)]

    assert with_grants(database, ask) == [5, 3, 0]
    assert standing(database, "p1") == (8, 0, 0)


def test_a_start_keeps_every_lease_for_another_ttl_but_not_past_its_end(
    database: Database,
) -> None:
    add_pools(database, pool_row("p1"))

    async def ask(grants: Grants) -> list[Answer]:
        return await grants.grant_many(
            [a_wish(on(("p1", 1))), a_wish(on(("p1", 1)), duration_seconds=90)]
        )

    silent, over = with_grants(database, ask)
    let_pass(database, 100)

    async def after(grants: Grants) -> None:
        assert (await grants.sweep()).unconfirmed == 1
        assert not (await grants.renew(beat(silent))).is_lost
        assert (await grants.renew(beat(over))).is_lost

    with_grants(database, after)


def test_a_clock_that_leaps_ahead_ends_no_lease(database: Database) -> None:
    add_pools(database, pool_row("p1"))
    elapsed = 0.0

    async def ask(grants: Grants) -> None:
        nonlocal elapsed
        answer = await granted(grants, a_wish(on(("p1", 8))))
        before = lease_of(database, answer).expires_at
        # A stopwatch that falls behind sees the same as one beside a clock that leaps.
        elapsed -= HOUR
        with database.writing() as session:
            session.get_one(SweepRow, "lease").swept_at -= timedelta(seconds=HOUR)
        renewal = await grants.renew(beat(answer))
        assert renewal.expires_at is not None
        assert renewal.expires_at - before > timedelta(seconds=HOUR - 60)
        assert (await grants.sweep()).paused
        assert events(database).count("clock.jumped") == 1

    with_grants(database, ask, stopwatch=lambda: elapsed)


def test_a_lease_for_later_takes_its_gpus_when_its_time_comes(database: Database) -> None:
    add_pools(database, pool_row("p1"))

    async def ask(grants: Grants) -> None:
        later = a_wish(on(("p1", 6)), starts_at=in_hours(2), duration_seconds=HOUR)
        answer = await granted(grants, later)
        assert answer.lease_state is LeaseState.SCHEDULED
        assert answer.expires_at == later.starts_at
        assert standing(database, "p1") == (8, 0, 0)
        assert (await grants.renew(beat(answer))).state is LeaseState.SCHEDULED
        assert (await grants.sweep()).started == 0

        let_pass(database, 2 * HOUR)
        assert (await grants.sweep()).started == 1
        assert standing(database, "p1") == (2, 6, 0)
        assert (await grants.renew(beat(answer))).state is LeaseState.ACTIVE

    with_grants(database, ask)
    assert events(database) == ["lease.scheduled", "lease.granted", "lease.active"]


def test_who_comes_now_does_not_take_what_is_booked_before_they_leave(
    database: Database,
) -> None:
    add_pools(database, pool_row("p1"))

    async def ask(grants: Grants) -> list[str]:
        booked = a_wish(on(("p1", 6)), starts_at=in_hours(2), duration_seconds=HOUR)
        wishes = [
            booked,
            a_wish(on(("p1", 8))),  # open-ended: would still be there
            a_wish(on(("p1", 3)), duration_seconds=3 * HOUR),
            a_wish(on(("p1", 6)), duration_seconds=HOUR),  # gone by then
            a_wish(on(("p1", 2))),  # fits beside both
            a_wish(on(("p1", 1)), duration_seconds=60),  # nothing is free now
        ]
        return [(await grants.grant(wish)).outcome for wish in wishes]

    assert with_grants(database, ask) == [
        *("granted", "refused", "refused", "granted", "granted", "refused"),
    ]


def test_bookings_fit_between_each_other_and_never_above_what_there_is(
    database: Database,
) -> None:
    add_pools(database, pool_row("p1", grace_seconds=600))

    def booking(gpus: int, start: float, hours: float | None) -> Any:
        return a_wish(
            on(("p1", gpus)),
            starts_at=in_hours(start),
            duration_seconds=None if hours is None else round(hours * HOUR),
        )

    async def ask(grants: Grants) -> list[str]:
        now = a_wish(on(("p1", 8)), duration_seconds=HOUR)
        wishes = [
            now,
            booking(8, 0.5, 1),  # that one is not gone yet
            booking(8, 1.1, 1),  # gone, but its GPUs rest
            booking(8, 1.2, 1),
            booking(1, 2.0, 0.5),
            booking(4, 3.0, 2),
            booking(4, 4.0, 2),
            booking(5, 2.5, 8),
            booking(1, 4.5, 0.1),
            booking(8, 7.0, None),
            booking(1, 99.0, 1),
        ]
        return [(await grants.grant(wish)).outcome for wish in wishes]

    assert with_grants(database, ask) == [
        *("granted", "refused", "refused", "granted", "refused", "granted", "granted"),
        *("refused", "refused", "granted", "refused"),
    ]


def test_one_batch_counts_what_it_has_given_out_itself(database: Database) -> None:
    add_pools(database, pool_row("p1"))
    wishes = [
        a_wish(on(("p1", 4)), starts_at=in_hours(2), duration_seconds=HOUR),
        a_wish(on(("p1", 4)), duration_seconds=HOUR),
        a_wish(on(("p1", 4)), duration_seconds=9 * HOUR),
        a_wish(on(("p1", 1)), starts_at=in_hours(2.5), duration_seconds=HOUR),
        a_wish(on(("p1", 4)), starts_at=in_hours(3.5), duration_seconds=HOUR),
    ]

    answers = with_grants(database, lambda grants: grants.grant_many(wishes))

    assert [answer.outcome for answer in answers] == [
        *("granted", "granted", "granted", "refused", "granted"),
    ]
    assert standing(database, "p1") == (0, 8, 0)
    assert pool(database, "p1").scheduled == 8


def test_a_booking_given_back_frees_its_hours(database: Database) -> None:
    add_pools(database, pool_row("p1"))

    async def ask(grants: Grants) -> None:
        booked = await granted(grants, a_wish(on(("p1", 8)), starts_at=in_hours(2)))
        assert (await grants.grant(a_wish(on(("p1", 8))))).outcome is Outcome.REFUSED
        assert await grants.release(back(booked)) is ReturnOutcome.RELEASED
        await granted(grants, a_wish(on(("p1", 8))))

    with_grants(database, ask)
    assert pool(database, "p1").scheduled == 0
    assert standing(database, "p1") == (0, 8, 0)


def test_a_booking_waits_where_gpus_have_failed_and_ends_when_its_time_is_over(
    database: Database,
) -> None:
    add_pools(database, pool_row("p1"))

    async def ask(grants: Grants) -> None:
        wish = a_wish(on(("p1", 8)), starts_at=in_hours(1), duration_seconds=HOUR)
        booked = await granted(grants, wish)
        change_pool(database, "p1", available=7, down=1)
        let_pass(database, HOUR)
        assert (await grants.sweep()).started == 0
        assert lease_of(database, booked).state == "scheduled"
        let_pass(database, HOUR)
        assert (await grants.sweep()).started == 0
        assert lease_of(database, booked).reason == "not-started"

    with_grants(database, ask)
    assert standing(database, "p1") == (7, 0, 0)


def test_more_than_may_wait_is_turned_away_at_once(database: Database) -> None:
    add_pools(database, pool_row("p1"))

    async def ask(grants: Grants) -> None:
        with pytest.raises(BusyError, match="ask again in a second"):
            await grants.grant_many([a_wish(on(("p1", 1))) for _ in range(4)])
        assert grants.queue_depth == 0
        assert len(await grants.grant_many([a_wish(on(("p1", 1))) for _ in range(3)])) == 3

    with_grants(database, ask, queue=3)


def test_an_engine_that_does_not_run_refuses(database: Database) -> None:
    add_pools(database, pool_row("p1"))

    async def ask() -> None:
        grants = grants_of(database)
        with pytest.raises(UnreachableError, match="not running"):
            await grants.grant(a_wish(on(("p1", 1))))
        await grants.start()
        last = asyncio.create_task(grants.grant(a_wish(on(("p1", 1)))))
        await asyncio.sleep(0)
        await grants.stop()
        assert (await last).outcome is Outcome.GRANTED
        with pytest.raises(UnreachableError, match="not running"):
            await grants.sweep()

    asyncio.run(ask())


def test_one_wish_that_cannot_be_stored_does_not_spoil_the_others(database: Database) -> None:
    add_pools(database, pool_row("p1"))

    async def ask(grants: Grants) -> list[Any]:
        spoilt = a_wish(on(("p1", 1)), holder="\ud800")
        good = [a_wish(on(("p1", 1))) for _ in range(3)]
        return await asyncio.gather(
            *(grants.grant(wish) for wish in (good[0], spoilt, *good[1:])), return_exceptions=True
        )

    first, spoilt, *others = with_grants(database, ask)

    assert isinstance(spoilt, ConflictError)
    assert [answer.outcome for answer in (first, *others)] == ["granted"] * 3
    assert standing(database, "p1") == (5, 3, 0)


def test_whoever_left_before_their_turn_is_not_served(database: Database) -> None:
    add_pools(database, pool_row("p1"))

    async def ask(grants: Grants) -> None:
        gone = asyncio.create_task(grants.grant(a_wish(on(("p1", 8)))))
        await asyncio.sleep(0)
        gone.cancel()
        await granted(grants, a_wish(on(("p1", 8))))

    with_grants(database, ask)


def test_heartbeats_of_many_leases_go_in_one_breath(database: Database) -> None:
    add_pools(database, pool_row("p1", available=40))

    async def ask(grants: Grants) -> None:
        answers = await grants.grant_many([a_wish(on(("p1", 1))) for _ in range(40)])
        beats = [beat(answer) for answer in answers]
        renewals = await grants.renew_many([*beats, Beat(lease_id="nobody's", fence=1), *beats])
        assert [renewal.is_lost for renewal in renewals] == [False] * 40 + [True] + [False] * 40

    with_grants(database, ask)
    assert standing(database, "p1") == (0, 0, 40)
    assert events(database).count("lease.active") == 40


@pytest.mark.postgres
def test_a_postgresql_that_goes_away_leaves_the_outcome_unknown_and_comes_back(
    postgres: Database,
) -> None:
    add_pools(postgres, pool_row("p1"))

    async def ask() -> None:
        async with serving(postgres) as grants:
            await granted(grants, a_wish(on(("p1", 1))))
            with postgres.write_engine.connect() as connection:
                connection.execute(
                    sa.text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                )
            wish = a_wish(on(("p1", 1)))
            with pytest.raises(UnreachableError, match="retry with the same Idempotency-Key"):
                await grants.grant(wish)
            await granted(grants, wish)

    asyncio.run(ask())
    assert standing(postgres, "p1") == (6, 2, 0)


def test_a_full_disk_says_so_and_leaves_nothing_half_done(sqlite: Database) -> None:
    add_pools(sqlite, pool_row("p1"))

    async def ask(grants: Any) -> None:
        await granted(grants, a_wish(on(("p1", 1))))
        await grants._in_thread(lambda: fill(grants._connection))
        too_much = a_wish(on(("p1", 1)), spec="x" * 1_000_000)
        with pytest.raises(UnreachableError, match=r"no room left.*same Idempotency-Key"):
            await grants.grant(too_much)
        with pytest.raises(UnreachableError, match="no room left"):
            await grants.grant(too_much)

    with_grants(sqlite, ask)
    assert standing(sqlite, "p1") == (7, 1, 0)
    assert len(rows_of(sqlite, CapacityRequestRow)) == 1


def fill(connection: Any) -> None:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")


def test_leases_and_requests_agree_on_who_has_what(database: Database) -> None:
    add_pools(database, pool_row("p1"))
    grant_one(database, on(("p1", 3)), priority=700, is_preemptible=True)

    with database.reading() as session:
        request, lease = session.execute(
            sa.select(CapacityRequestRow, LeaseRow).where(
                col(CapacityRequestRow.lease_id) == LeaseRow.id,
                col(LeaseRow.request_id) == CapacityRequestRow.id,
            )
        ).one()
    assert (request.state, request.holder, request.gpu_count) == ("granted", "chat", 3)
    assert (lease.state, lease.holder, lease.priority) == ("granted", "chat", 700)
    assert (lease.is_live, lease.is_preemptible, lease.rev) == (True, True, 1)
