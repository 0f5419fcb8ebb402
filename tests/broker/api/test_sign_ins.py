"""Who signed in is remembered for a few seconds, and no longer than that."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from broker.access.allowance import NANOSECONDS
from broker.access.scope import Role
from broker.api import sign_ins
from broker.api.sign_ins import REMEMBERED_SECONDS, SignedIn, SignIns
from broker.errors import NotSignedInError
from broker.flows.manage_keys import KeyWish, NewKey, create_key, revoke_key
from broker.settings import Settings
from broker.store.engine import Database
from tests.broker.api.clients import PEPPER, a_client, a_key, signed_by

NOON = datetime(2026, 5, 15, 12, tzinfo=UTC)


@dataclass
class Time:
    """A clock and a stop watch that a test turns on by hand."""

    seconds: float = 0.0

    def clock(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)

    def ticks(self) -> int:
        return int(self.seconds * NANOSECONDS)


def the_door(database: Database, time: Time) -> SignIns:
    settings = Settings(database_url="sqlite://", key_pepper=SecretStr(PEPPER))
    return SignIns(database, settings=settings, clock=time.clock, ticks=time.ticks)


def admitted(door: SignIns, key: NewKey) -> SignedIn:
    return asyncio.run(door.admit(key.key))


def a_new_key(database: Database, time: Time, *, days: int | None = None) -> NewKey:
    wish = KeyWish(name="planner", role=Role.SCHEDULER, expires_in_days=days)
    return create_key(database, wish, pepper=PEPPER, actor="root", clock=time.clock)


def revoke(database: Database, key: NewKey, time: Time) -> None:
    revoke_key(database, key.id, actor="root", clock=time.clock)


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """Collect what the database is asked."""
    asked: list[str] = []

    def note(_c: object, _k: object, statement: str, *_: object) -> None:
        asked.append(statement)

    for engine in (database.read_engine, database.write_engine):
        sa.event.listen(engine, "before_cursor_execute", note)
    yield asked
    for engine in (database.read_engine, database.write_engine):
        sa.event.remove(engine, "before_cursor_execute", note)


def test_who_is_remembered_costs_no_question_to_the_database(sqlite: Database) -> None:
    time = Time()
    key, door = a_new_key(sqlite, time), the_door(sqlite, time)
    first = admitted(door, key)

    with statements(sqlite) as asked:
        time.seconds = REMEMBERED_SECONDS - 0.001
        assert admitted(door, key) is first

    assert asked == []
    assert (first.principal, first.role) == (key.id, Role.SCHEDULER)


def test_a_revocation_by_another_process_counts_after_five_seconds(database: Database) -> None:
    time = Time()
    key, door = a_new_key(database, time), the_door(database, time)
    admitted(door, key)
    time.seconds = 0.5
    revoke(database, key, time)

    time.seconds = 4.999
    admitted(door, key)
    time.seconds = 5.0
    with pytest.raises(NotSignedInError, match="revoked"):
        admitted(door, key)
    assert len(door) == 0
    assert REMEMBERED_SECONDS <= 5


def test_using_a_key_does_not_keep_its_memory_alive(sqlite: Database) -> None:
    time = Time()
    key, door = a_new_key(sqlite, time), the_door(sqlite, time)
    admitted(door, key)
    revoke(sqlite, key, time)

    for second in range(5):
        time.seconds = float(second)
        admitted(door, key)
    time.seconds = 5.0
    with pytest.raises(NotSignedInError):
        admitted(door, key)


def test_a_revocation_by_this_process_counts_at_once(sqlite: Database) -> None:
    time = Time()
    key, door = a_new_key(sqlite, time), the_door(sqlite, time)
    admitted(door, key)
    revoke(sqlite, key, time)

    door.forget(key.id)

    with pytest.raises(NotSignedInError, match="revoked"):
        admitted(door, key)


def test_a_key_that_is_revoked_over_http_is_out_at_the_next_request(sqlite: Database) -> None:
    key = a_key(sqlite, Role.VIEWER)
    client = a_client(sqlite, Role.ADMIN)
    assert client.get("/v1/whoami", headers=signed_by(key)).status_code == 200

    client.delete(f"/v1/keys/{key.id}")

    assert client.get("/v1/whoami", headers=signed_by(key)).status_code == 401


def test_a_key_that_is_remembered_expires_at_its_moment(sqlite: Database) -> None:
    time = Time()
    key, door = a_new_key(sqlite, time, days=1), the_door(sqlite, time)
    day = timedelta(days=1).total_seconds()
    time.seconds = day - 1
    admitted(door, key)

    time.seconds = day
    with pytest.raises(NotSignedInError, match="expired"):
        admitted(door, key)


def test_the_memory_holds_no_key(sqlite: Database) -> None:
    time = Time()
    key, door = a_new_key(sqlite, time), the_door(sqlite, time)
    admitted(door, key)

    held = repr(door._remembered)

    assert key.id in held
    assert key.key not in held
    assert key.key.rsplit("_", 1)[1] not in held


def test_the_memory_is_bounded(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_ins, "MOST_REMEMBERED", 2)
    time = Time()
    door = the_door(sqlite, time)
    keys = [a_key(sqlite, Role.VIEWER) for _ in range(3)]

    for key in keys:
        admitted(door, key)

    assert len(door) == 2
    assert [door.principal_of(key.key) for key in keys] == [None, keys[1].id, keys[2].id]


def test_a_key_that_was_never_let_in_is_nobody(sqlite: Database) -> None:
    time = Time()
    door = the_door(sqlite, time)

    for text in ("", "tng_aaaaaaaa_" + "a" * 43, "a.b.c"):
        with pytest.raises(NotSignedInError):
            asyncio.run(door.admit(text))
        assert door.principal_of(text) is None
    assert len(door) == 0


def test_a_database_that_is_away_makes_nobody_a_stranger(sqlite: Database) -> None:
    time = Time()
    key, door = a_new_key(sqlite, time), the_door(sqlite, time)
    admitted(door, key)
    with sqlite.migrating() as connection:
        connection.execute(sa.text("DROP TABLE api_key"))

    time.seconds = 6
    with pytest.raises(sa.exc.OperationalError):
        admitted(door, key)

    assert door.principal_of(key.key) == key.id


def test_a_use_is_written_down_once_a_minute_however_often_a_key_is_used(
    sqlite: Database,
) -> None:
    time = Time()
    key, door = a_new_key(sqlite, time), the_door(sqlite, time)

    due = []
    for second in range(10):
        time.seconds = second / 10
        due.append(admitted(door, key).note_is_due(time.clock()) is not None)

    assert due == [True] + [False] * 9
