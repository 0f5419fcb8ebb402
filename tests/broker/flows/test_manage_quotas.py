"""Quotas are set, listed and removed, with a trace; and the queue goes by them."""

import pytest

from broker.access.audit import Origin
from broker.clock import utc_now
from broker.errors import BadInputError, NotFoundError
from broker.flows.manage_quotas import list_quotas, quota_of, remove_quota, set_quota
from broker.store.engine import Database
from broker.store.quotas import quota_book
from broker.store.tables import AuditRow
from tests.broker.flows.queues import GRANTED, PENDING, a_round, a_spec, hold, request, state, wait
from tests.broker.store.capacity_rows import add_pools, change_pool, pool_row, rows_of
from tests.builders import ACTOR


def quota(
    database: Database, holder: str, model: str, guaranteed: int, most: int | None = None
) -> None:
    set_quota(
        database,
        quota_of(holder, model, guaranteed=guaranteed, most=most),
        actor=ACTOR,
        clock=utc_now,
        origin=Origin(),
    )


def test_a_quota_takes_the_place_of_the_one_before(database: Database) -> None:
    quota(database, "chat", "h100", 8)
    quota(database, "chat", "H100", 16, 32)
    quota(database, "chat", "H100", 16, 32)

    (found,) = list_quotas(database)

    assert found.quota == quota_of("chat", "H100", guaranteed=16, most=32)
    assert [row.action for row in rows_of(database, AuditRow)] == ["quota.set", "quota.set"]


def test_a_removed_quota_is_gone_and_cannot_be_removed_again(database: Database) -> None:
    quota(database, "chat", "*", 8)

    remove_quota(database, "chat", "*", actor=ACTOR, clock=utc_now)

    assert list_quotas(database) == []
    with pytest.raises(NotFoundError, match="tonnage quotas list"):
        remove_quota(database, "chat", "*", actor=ACTOR, clock=utc_now)


def test_a_holder_may_have_at_least_what_it_is_guaranteed() -> None:
    with pytest.raises(BadInputError, match="at least what it is guaranteed"):
        quota_of("chat", "H100", guaranteed=16, most=8)


def test_what_is_in_use_and_in_service_is_counted_by_model(database: Database) -> None:
    add_pools(
        database,
        pool_row("p1", 16, kept_back=2),
        pool_row("p2", 8, gpu_model="B200"),
    )
    hold(database, "p1", a_spec(8))
    quota(database, "chat", "H100", 8)

    with database.reading() as session:
        book = quota_book(session)

    assert book.in_use == {"H100": {"chat": 8}}
    assert book.capacity == {"H100": 14, "B200": 8}


def test_a_request_over_its_quota_waits_until_there_is_room_in_it(database: Database) -> None:
    add_pools(database, pool_row("p1", 16, is_cordoned=True))
    first, second = wait(database, a_spec()), wait(database, a_spec())
    change_pool(database, "p1", is_cordoned=False)
    quota(database, "chat", "H100", 0, 8)

    a_round(database)

    assert (state(database, first), state(database, second)) == (GRANTED, PENDING)
    waiting = request(database, second)
    assert waiting.reason == "over-quota"
    assert "a higher quota" in (waiting.detail or "")

    quota(database, "chat", "H100", 0, 16)
    a_round(database)
    assert state(database, second) == GRANTED


def test_borrowed_gpus_go_back_to_whom_they_are_guaranteed(database: Database) -> None:
    add_pools(database, pool_row("p1", 8, grace_seconds=30))
    hold(database, "p1", a_spec(holder="batch", is_preemptible=True))
    wait(database, a_spec())
    assert a_round(database).preempting == 0  # of the same band

    quota(database, "chat", "H100", 8)

    assert a_round(database).preempting == 1
