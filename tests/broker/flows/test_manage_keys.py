"""Keys are made once, sign in until they end, and are never kept."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from broker.access.key import KeyState
from broker.access.scope import Role
from broker.errors import BadInputError, ConflictError, NotFoundError, NotSignedInError
from broker.flows.manage_keys import (
    KeyWish,
    NewKey,
    create_key,
    list_keys,
    revoke_key,
)
from broker.flows.sign_in import note_use, sign_in
from broker.store.engine import Database

NOON = datetime(2026, 5, 15, 12, tzinfo=UTC)
PEPPER = "only the server knows"


def noon() -> datetime:
    return NOON


def made(
    database: Database,
    *,
    name: str = "dana",
    role: Role = Role.VIEWER,
    expires_in_days: int | None = None,
) -> NewKey:
    wish = KeyWish(name=name, role=role, expires_in_days=expires_in_days)
    return create_key(database, wish, pepper=PEPPER, actor="root", clock=noon)


def test_a_fresh_key_signs_in_as_who_it_was_made_for(database: Database) -> None:
    new = made(database, role=Role.PROCUREMENT)

    found = sign_in(database, new.key, pepper=PEPPER, clock=noon)

    assert (found.id, found.name, found.role) == (new.id, "dana", Role.PROCUREMENT)


def test_the_books_hold_no_key(database: Database) -> None:
    new = made(database)

    with database.reading() as session:
        kept = str(session.execute(text("SELECT * FROM api_key")).all())

    assert new.id in kept
    assert new.key not in kept
    assert new.key.rsplit("_", 1)[1] not in kept


def test_another_key_with_the_same_id_does_not_sign_in(database: Database) -> None:
    new = made(database)
    forged = new.key[:-4] + ("0000" if not new.key.endswith("0000") else "1111")

    with pytest.raises(NotSignedInError, match="not known"):
        sign_in(database, forged, pepper=PEPPER, clock=noon)


@pytest.mark.parametrize("key", ["", "tng_", "hunter2", "tng_aaaaaaaa_" + "a" * 43])
def test_text_that_is_no_key_of_ours_does_not_sign_in(sqlite: Database, key: str) -> None:
    with pytest.raises(NotSignedInError, match="tonnage keys create"):
        sign_in(sqlite, key, pepper=PEPPER, clock=noon)


def test_a_key_made_under_another_pepper_does_not_sign_in(sqlite: Database) -> None:
    new = made(sqlite)

    with pytest.raises(NotSignedInError):
        sign_in(sqlite, new.key, pepper="", clock=noon)


def test_a_revoked_key_does_not_sign_in_from_the_next_request_on(database: Database) -> None:
    new = made(database)

    revoke_key(database, new.id, actor="root", clock=noon)

    with pytest.raises(NotSignedInError, match="revoked"):
        sign_in(database, new.key, pepper=PEPPER, clock=noon)


def test_an_expired_key_does_not_sign_in(database: Database) -> None:
    new = made(database, expires_in_days=30)

    sign_in(database, new.key, pepper=PEPPER, clock=lambda: NOON + timedelta(days=29))

    with pytest.raises(NotSignedInError, match="expired"):
        sign_in(database, new.key, pepper=PEPPER, clock=lambda: NOON + timedelta(days=30))


def test_two_live_keys_do_not_share_a_name(database: Database) -> None:
    made(database)

    with pytest.raises(ConflictError, match="another name"):
        made(database)


def test_the_name_of_a_revoked_key_is_free_again(database: Database) -> None:
    old = made(database)
    revoke_key(database, "dana", actor="root", clock=noon)

    new = made(database)

    states = {key.id: key.state(NOON) for key in list_keys(database)}
    assert states == {old.id: KeyState.REVOKED, new.id: KeyState.LIVE}


def test_revoking_twice_keeps_the_first_moment(database: Database) -> None:
    new = made(database)
    revoke_key(database, new.id, actor="root", clock=noon)

    revoke_key(database, new.id, actor="root", clock=lambda: NOON + timedelta(hours=1))

    assert [key.revoked_at for key in list_keys(database)] == [NOON]


def test_a_key_nobody_made_cannot_be_revoked(sqlite: Database) -> None:
    with pytest.raises(NotFoundError, match="tonnage keys list"):
        revoke_key(sqlite, "nobody", actor="root", clock=noon)


@pytest.mark.parametrize("days", [0, -1, 3651])
def test_a_lifetime_out_of_range_is_refused(sqlite: Database, days: int) -> None:
    with pytest.raises(BadInputError, match="days"):
        made(sqlite, expires_in_days=days)


def test_uses_within_a_minute_leave_one_note(database: Database) -> None:
    new = made(database)
    moments = [NOON, NOON + timedelta(seconds=59), NOON + timedelta(seconds=60)]

    noted = []
    for moment in moments:
        record = sign_in(database, new.key, pepper=PEPPER, clock=noon)
        note_use(database, record, clock=lambda moment=moment: moment)  # type: ignore[misc]
        noted.append(list_keys(database)[0].last_used_at)

    assert noted == [moments[0], moments[0], moments[2]]


def test_a_note_that_cannot_be_written_is_let_go(
    sqlite: Database, caplog: pytest.LogCaptureFixture
) -> None:
    record = sign_in(sqlite, made(sqlite).key, pepper=PEPPER, clock=noon)
    with sqlite.migrating() as connection:
        connection.execute(text("DROP TABLE api_key"))

    note_use(sqlite, record, clock=noon)

    assert "not noted" in caplog.text
