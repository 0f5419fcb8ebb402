"""The outbox hands each message to one sender at a time."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from broker.store.engine import Database
from broker.store.outbox import claim, enqueue, note_delivered, note_failed, waiting
from broker.store.tables import OutboxRow
from tests.builders import NOON

LATER = NOON + timedelta(minutes=2)


def enqueued(session: Session, *fingerprints: str, channels: tuple[str, ...] = ("log",)) -> None:
    for fingerprint in fingerprints:
        enqueue(session, fingerprint, channels=channels, payload="{}", at=NOON)


def claimed(database: Database, *, now: timedelta = timedelta(0)) -> OutboxRow | None:
    with database.writing() as session:
        return claim(session, channels=("log",), now=NOON + now, until=LATER + now)


def stored(database: Database) -> OutboxRow:
    with database.reading() as session:
        return session.exec(select(OutboxRow)).one()


def test_a_message_goes_through_a_channel_once(database: Database) -> None:
    with database.writing() as session:
        enqueued(session, "f1", channels=("log", "webhook"))

    with pytest.raises(IntegrityError), database.writing() as session:
        enqueued(session, "f1", channels=("webhook",))


def test_what_one_sender_holds_another_does_not_get(database: Database) -> None:
    with database.writing() as session:
        enqueued(session, "f1", "f2")

    held = [claimed(database), claimed(database), claimed(database)]

    assert [row and row.fingerprint for row in held] == ["f1", "f2", None]


def test_a_claim_runs_out(database: Database) -> None:
    with database.writing() as session:
        enqueued(session, "f1")
    claimed(database)

    assert claimed(database, now=timedelta(seconds=119)) is None
    again = claimed(database, now=timedelta(seconds=120))
    assert again is not None
    assert again.attempts == 2


def test_only_the_channels_that_are_asked_for_are_claimed(database: Database) -> None:
    with database.writing() as session:
        enqueued(session, "f1", channels=("apprise",))

    assert claimed(database) is None
    with database.reading() as session:
        assert waiting(session) == {"apprise": 1}


def test_what_was_delivered_is_over_whoever_holds_it(database: Database) -> None:
    with database.writing() as session:
        enqueued(session, "f1")
    first = claimed(database)
    claimed(database, now=timedelta(minutes=5))
    assert first is not None

    with database.writing() as session:
        note_delivered(session, first, at=LATER)

    assert stored(database).delivered_at == LATER
    assert claimed(database, now=timedelta(days=1)) is None


def test_a_failure_is_noted_only_by_who_holds_the_message(database: Database) -> None:
    with database.writing() as session:
        enqueued(session, "f1")
    first, second = claimed(database), claimed(database, now=timedelta(minutes=5))
    assert first is not None
    assert second is not None

    with database.writing() as session:
        note_failed(session, first, due_at=NOON + timedelta(days=9), error="late")
    assert stored(database).last_error is None
    with database.writing() as session:
        note_failed(session, second, due_at=NOON + timedelta(hours=1), error="answered 503")

    row = stored(database)
    assert (row.last_error, row.due_at) == ("answered 503", NOON + timedelta(hours=1))
    assert claimed(database, now=timedelta(minutes=59)) is None
    assert claimed(database, now=timedelta(minutes=60)) is not None
