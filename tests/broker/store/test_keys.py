"""What is kept of a key's use, when requests of the same minute meet."""

from datetime import UTC, datetime, timedelta

from broker.access.key import USE_NOTED_EVERY, ApiKey
from broker.access.scope import Role
from broker.store import keys
from broker.store.engine import Database

NOON = datetime(2026, 5, 15, 12, tzinfo=UTC)
RECORD = ApiKey(
    id="dana0001",
    name="dana",
    role=Role.VIEWER,
    last4="abcd",
    created_at=NOON,
    digest="00",
    expires_at=NOON + timedelta(days=1),
)


def test_a_key_comes_back_as_it_was_recorded(database: Database) -> None:
    with database.writing() as session:
        keys.add(session, RECORD)

    with database.reading() as session:
        assert keys.by_id(session, RECORD.id) == RECORD
        assert keys.by_name(session, "dana") == RECORD
        assert keys.every(session) == [RECORD]
        assert keys.by_id(session, "nobody00") is None


def test_of_two_requests_that_both_saw_no_use_only_the_first_writes(database: Database) -> None:
    noted = []
    with database.writing() as session:
        keys.add(session, RECORD)
    for at in (NOON, NOON + USE_NOTED_EVERY / 2, NOON + USE_NOTED_EVERY):
        with database.writing() as session:
            keys.note_use(session, RECORD.id, at=at)
        with database.reading() as session:
            found = keys.by_id(session, RECORD.id)
            assert found is not None
            noted.append(found.last_used_at)

    assert noted == [NOON, NOON, NOON + USE_NOTED_EVERY]
