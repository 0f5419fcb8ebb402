"""Delivery: every message at least once, by one sender at a time, and again if the sender dies."""

import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from broker.flows.deliver_alerts import (
    CLAIM_FOR,
    FIRST_RETRY_AFTER,
    LONGEST_RETRY_AFTER,
    deliver_alerts,
    retry_after,
)
from broker.notify.message import DeliveryError, Message, Send
from broker.store.engine import Database
from broker.store.outbox import enqueue
from broker.store.tables import OutboxRow
from tests.broker.notify.messages import a_message
from tests.builders import NOON

SPAWN = multiprocessing.get_context("spawn")
SENDERS = 3
MESSAGES = 12
PATIENCE_SECONDS = 60


def with_messages(
    database: Database, *fingerprints: str, channels: tuple[str, ...] = ("log",)
) -> None:
    with database.writing() as session:
        for fingerprint in fingerprints:
            payload = a_message(fingerprint=fingerprint).to_json()
            enqueue(session, fingerprint, channels=channels, payload=payload, at=NOON)


def at(moment: datetime) -> Callable[[], datetime]:
    return lambda: moment


def row_of(database: Database, channel: str = "log") -> OutboxRow:
    with database.reading() as session:
        return session.exec(select(OutboxRow).where(OutboxRow.channel == channel)).one()


def failing(reason: str = "the webhook answered 503") -> Send:
    def send(_: Message) -> None:
        raise DeliveryError(reason)

    return send


def test_every_message_goes_out_once(database: Database) -> None:
    with_messages(database, "f1", "f2", channels=("log", "webhook"))
    sent: list[str] = []

    def send(message: Message) -> None:
        sent.append(message.fingerprint)

    first = deliver_alerts(database, {"log": send, "webhook": send}, clock=at(NOON))
    second = deliver_alerts(database, {"log": send, "webhook": send}, clock=at(NOON))

    assert Counter(sent) == {"f1": 2, "f2": 2}
    assert first.delivered == {"log": 2, "webhook": 2}
    assert (second.delivered, second.waiting) == ({}, {})


def test_a_message_is_sent_outside_any_transaction(database: Database) -> None:
    with_messages(database, "f1")
    seen: list[int] = []

    def send(_: Message) -> None:
        with database.writing() as session:  # would wait for ever inside a transaction
            seen.append(len(session.exec(select(OutboxRow)).all()))

    deliver_alerts(database, {"log": send}, clock=at(NOON))

    assert seen == [1]


def test_a_failure_waits_longer_each_time_and_is_told(database: Database) -> None:
    with_messages(database, "f1")

    report = deliver_alerts(database, {"log": failing()}, clock=at(NOON))
    too_early = deliver_alerts(
        database, {"log": failing()}, clock=at(NOON + FIRST_RETRY_AFTER - timedelta(seconds=1))
    )
    again = deliver_alerts(database, {"log": failing()}, clock=at(NOON + FIRST_RETRY_AFTER))

    assert (report.failures[0].error, report.waiting) == ("the webhook answered 503", {"log": 1})
    assert too_early.failures == ()
    assert again.failures[0].attempts == 2
    row = row_of(database)
    assert row.due_at == NOON + 3 * FIRST_RETRY_AFTER
    assert row.last_error == "the webhook answered 503"


def test_what_failed_goes_out_later(database: Database) -> None:
    with_messages(database, "f1")
    deliver_alerts(database, {"log": failing()}, clock=at(NOON))

    later = deliver_alerts(database, {"log": lambda _: None}, clock=at(NOON + timedelta(hours=1)))

    assert later.delivered == {"log": 1}
    assert row_of(database).last_error is None


def test_one_dead_channel_does_not_hold_up_the_others(sqlite: Database) -> None:
    with_messages(sqlite, "f1", "f2", "f3", channels=("log", "webhook"))

    report = deliver_alerts(sqlite, {"log": lambda _: None, "webhook": failing()}, clock=at(NOON))

    assert report.delivered == {"log": 3}
    assert [each.channel for each in report.failures] == ["webhook"]
    assert report.waiting == {"webhook": 3}


def test_a_channel_that_is_not_set_any_more_waits(sqlite: Database) -> None:
    with_messages(sqlite, "f1", channels=("apprise",))

    report = deliver_alerts(sqlite, {"log": lambda _: None}, clock=at(NOON))

    assert (report.delivered, report.waiting) == ({}, {"apprise": 1})


@given(attempts=st.integers(min_value=1, max_value=10_000))
def test_waits_grow_up_to_the_longest(attempts: int) -> None:
    wait = retry_after(attempts)

    assert FIRST_RETRY_AFTER <= wait <= LONGEST_RETRY_AFTER
    assert retry_after(attempts + 1) in (2 * wait, LONGEST_RETRY_AFTER)


def noting(path: Path) -> Send:
    def send(message: Message) -> None:
        with path.open("a") as file:
            file.write(f"{message.fingerprint}\n")

    return send


def send_with_others(url: str, path: str, start: Barrier) -> None:
    """One sender among several, in a process of its own."""
    database = Database(url)
    start.wait(PATIENCE_SECONDS)
    deliver_alerts(database, {"log": noting(Path(path))}, clock=at(NOON))
    database.close()


def send_and_die(url: str, path: str) -> None:
    """A sender that is killed when it has sent, before it can note that."""

    def send(message: Message) -> None:
        noting(Path(path))(message)
        os.kill(os.getpid(), signal.SIGKILL)

    deliver_alerts(Database(url), {"log": send}, clock=at(NOON))


def test_senders_at_work_together_send_nothing_twice(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    fingerprints = [f"f{number}" for number in range(MESSAGES)]
    with_messages(database, *fingerprints)
    path, start = tmp_path / "sent", SPAWN.Barrier(SENDERS)

    senders = [
        SPAWN.Process(target=send_with_others, args=(database_url, str(path), start))
        for _ in range(SENDERS)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(PATIENCE_SECONDS)

    assert [sender.exitcode for sender in senders] == [0] * SENDERS
    assert sorted(path.read_text().split()) == sorted(fingerprints)


def test_what_a_dead_sender_had_sent_is_sent_again_once_its_claim_has_run_out(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    with_messages(database, "f1")
    path = tmp_path / "sent"
    sender = SPAWN.Process(target=send_and_die, args=(database_url, str(path)))
    sender.start()
    sender.join(PATIENCE_SECONDS)
    assert sender.exitcode == -signal.SIGKILL

    held = deliver_alerts(
        database, {"log": noting(path)}, clock=at(NOON + CLAIM_FOR - timedelta(seconds=1))
    )
    free = deliver_alerts(database, {"log": noting(path)}, clock=at(NOON + CLAIM_FOR))

    assert (held.delivered, held.waiting) == ({}, {"log": 1})
    assert free.delivered == {"log": 1}
    assert path.read_text().split() == ["f1", "f1"]


def test_an_error_that_nobody_foresaw_leaves_the_message_for_later(sqlite: Database) -> None:
    with_messages(sqlite, "f1")

    def breaks(_: Message) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        deliver_alerts(sqlite, {"log": breaks}, clock=at(NOON))

    report = deliver_alerts(sqlite, {"log": lambda _: None}, clock=at(NOON + CLAIM_FOR))
    assert report.delivered == {"log": 1}
