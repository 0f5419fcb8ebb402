"""Capacity events are posted in order, at least once, each webhook by itself."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from broker.clock import Clock
from broker.flows.deliver_capacity_webhooks import (
    CLAIM_FOR,
    LONGEST_RETRY_AFTER,
    MOST_ATTEMPTS,
    Post,
    deliver_capacity_webhooks,
    posting,
    retry_after,
)
from broker.flows.manage_webhooks import (
    EndpointWish,
    add_webhook,
    list_webhooks,
    remove_webhook,
)
from broker.notify.message import DeliveryError
from broker.notify.webhook import signed_headers, webhook_to
from broker.store.capacity_events import append_event, lock_events
from broker.store.engine import Database
from broker.store.webhooks import Endpoint, claim_endpoint
from tests.broker.notify.messages import receiving
from tests.builders import ACTOR, NOON


def at(moment: datetime) -> Clock:
    return lambda: moment


def happened(database: Database, *kinds: str) -> None:
    with database.writing() as session:
        lock_events(session)
        for kind in kinds:
            append_event(
                session, kind, "l1", holder="chat", principal="k1", at=NOON, data={"gpu_count": 8}
            )
            session.flush()


def a_webhook(database: Database, url: str = "https://hooks.example/x", *kinds: str) -> Endpoint:
    wish = EndpointWish(url=url, kinds=kinds, after=0, allow_loopback=True)
    return add_webhook(database, wish, actor=ACTOR, clock=at(NOON))


@dataclass(kw_only=True)
class Posted:
    """What was posted to whom, and who does not answer."""

    seqs: dict[str, list[int]] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    fails_at: set[int] = field(default_factory=set)
    before: Callable[[], None] = lambda: None

    def to(self, endpoint: Endpoint) -> Post:
        def post(message_id: str, body: bytes) -> None:
            self.before()
            seq = json.loads(body)["data"]["seq"]
            assert message_id == f"capacity-event-{seq}"
            if endpoint.id in self.dead or seq in self.fails_at:
                raise DeliveryError("the webhook answered 503; expected 200 to 299")
            self.seqs.setdefault(endpoint.id, []).append(seq)

        return post


def one(database: Database) -> Endpoint:
    (endpoint,) = list_webhooks(database)
    return endpoint


def test_every_event_is_posted_once_and_in_order_however_many(database: Database) -> None:
    happened(database, *["lease.granted"] * 45)
    hook, posted = a_webhook(database), Posted()

    reports = [deliver_capacity_webhooks(database, posted.to, clock=at(NOON)) for _ in range(2)]

    assert posted.seqs[hook.id] == list(range(1, 46))
    assert [report.delivered for report in reports] == [45, 0]
    assert one(database).next_seq == 46


def test_only_the_kinds_that_were_asked_for_are_posted_and_the_rest_is_passed(
    database: Database,
) -> None:
    happened(database, "lease.granted", "lease.expired", "lease.granted")
    hook, posted = a_webhook(database, "https://hooks.example/x", "lease.expired"), Posted()

    deliver_capacity_webhooks(database, posted.to, clock=at(NOON))

    assert posted.seqs == {hook.id: [2]}
    assert one(database).next_seq == 4


def test_a_failure_holds_up_what_comes_after_and_nobody_else(database: Database) -> None:
    happened(database, *["lease.granted"] * 4)
    slow, quick = a_webhook(database), a_webhook(database)
    posted = Posted(dead={slow.id})

    report = deliver_capacity_webhooks(database, posted.to, clock=at(NOON))
    soon = deliver_capacity_webhooks(database, posted.to, clock=at(NOON + timedelta(seconds=1)))
    posted.dead.clear()
    later = deliver_capacity_webhooks(database, posted.to, clock=at(NOON + timedelta(minutes=1)))

    assert (report.failed, soon.failed, later.failed) == ((slow.id,), (), ())
    assert posted.seqs == {quick.id: [1, 2, 3, 4], slow.id: [1, 2, 3, 4]}
    assert {hook.attempts for hook in list_webhooks(database)} == {0}


def test_what_went_out_before_a_failure_is_not_sent_again(database: Database) -> None:
    happened(database, *["lease.granted"] * 4)
    hook, posted = a_webhook(database), Posted(fails_at={3})

    deliver_capacity_webhooks(database, posted.to, clock=at(NOON))
    told = one(database)
    posted.fails_at.clear()
    deliver_capacity_webhooks(database, posted.to, clock=at(NOON + timedelta(minutes=1)))

    assert (told.next_seq, told.attempts, "503" in (told.last_error or "")) == (3, 1, True)
    assert posted.seqs[hook.id] == [1, 2, 3, 4]
    assert one(database).last_error is None


def test_a_webhook_that_never_answers_is_given_up_and_stays_where_it_is(sqlite: Database) -> None:
    happened(sqlite, "lease.granted")
    hook = a_webhook(sqlite)
    posted, now = Posted(dead={hook.id}), NOON

    reports = []
    for _ in range(MOST_ATTEMPTS + 2):
        reports.append(deliver_capacity_webhooks(sqlite, posted.to, clock=at(now)))
        now += LONGEST_RETRY_AFTER

    assert [bool(report.failed) for report in reports] == [True] * MOST_ATTEMPTS + [False] * 2
    assert [bool(report.disabled) for report in reports].index(True) == MOST_ATTEMPTS - 1
    told = one(sqlite)
    assert (told.next_seq, told.attempts) == (1, MOST_ATTEMPTS)
    assert told.disabled_at is not None


def test_nobody_posts_to_a_webhook_that_another_serves(database: Database) -> None:
    happened(database, "lease.granted")
    hook, posted = a_webhook(database), Posted()
    with database.writing() as session:
        claim_endpoint(session, hook.id, now=NOON, until=NOON + CLAIM_FOR)

    busy = deliver_capacity_webhooks(database, posted.to, clock=at(NOON))
    died = deliver_capacity_webhooks(database, posted.to, clock=at(NOON + CLAIM_FOR))

    assert (busy.delivered, died.delivered) == (0, 1)


def test_a_sender_that_took_too_long_does_not_move_the_webhook(sqlite: Database) -> None:
    happened(sqlite, "lease.granted", "lease.granted")
    hook = a_webhook(sqlite)
    late = NOON + CLAIM_FOR

    def taken_over() -> None:
        with sqlite.writing() as session:
            claim_endpoint(session, hook.id, now=late, until=late + CLAIM_FOR)

    report = deliver_capacity_webhooks(sqlite, Posted(before=taken_over).to, clock=at(NOON))

    assert report.delivered == 1
    assert one(sqlite).next_seq == 1


def test_a_webhook_that_was_removed_meanwhile_gets_nothing_more(sqlite: Database) -> None:
    happened(sqlite, "lease.granted", "lease.granted")
    hook = a_webhook(sqlite)

    def removed() -> None:
        remove_webhook(sqlite, hook.id, actor=ACTOR)

    report = deliver_capacity_webhooks(sqlite, Posted(before=removed).to, clock=at(NOON))

    assert report.delivered == 1
    assert list_webhooks(sqlite) == []


def test_a_receiver_can_check_who_sent_it(sqlite: Database) -> None:
    happened(sqlite, "lease.granted")
    with receiving() as receiver:
        hook = a_webhook(sqlite, f"http://127.0.0.1:{receiver.port}/in")
        post_to = posting(allow_loopback=True, clock=at(NOON))
        deliver_capacity_webhooks(sqlite, post_to, clock=at(NOON))

    (got,) = receiver.got
    key = webhook_to("https://hooks.example/", hook.secret).key
    expected = signed_headers("capacity-event-1", got.body, key=key, seconds=int(NOON.timestamp()))
    assert got.headers["webhook-signature"] == expected["webhook-signature"]
    assert json.loads(got.body) == {
        "type": "lease.granted",
        "timestamp": NOON.isoformat(),
        "data": {"seq": 1, "object_id": "l1", "holder": "chat", "gpu_count": 8},
    }


def test_this_machine_gets_nothing_where_that_is_not_allowed(sqlite: Database) -> None:
    happened(sqlite, "lease.granted")
    with receiving() as receiver:
        a_webhook(sqlite, f"http://127.0.0.1:{receiver.port}/in")
        post_to = posting(allow_loopback=False, clock=at(NOON))
        report = deliver_capacity_webhooks(sqlite, post_to, clock=at(NOON))

    assert (receiver.got, report.delivered) == ([], 0)
    assert one(sqlite).attempts == 1


@given(st.integers(1, 1000))
def test_waits_grow_up_to_the_longest(attempts: int) -> None:
    assert timedelta(0) < retry_after(attempts) <= retry_after(attempts + 1) <= LONGEST_RETRY_AFTER
