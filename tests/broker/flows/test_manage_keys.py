"""Keys are made once, sign in until they end, and are never kept."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from broker.access.key import KeyState
from broker.access.scope import Role
from broker.errors import (
    BadInputError,
    ConflictError,
    NotFoundError,
    NotSignedInError,
    RefusedError,
)
from broker.flows.keep_audit import list_audit, verify_audit
from broker.flows.manage_keys import (
    KeyWish,
    NewKey,
    Rotation,
    create_key,
    list_keys,
    revoke_key,
    rotate_key,
)
from broker.flows.sign_in import note_use, sign_in
from broker.store.audit import AuditFilter
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


def rotated(database: Database, name: str, *, overlap: timedelta, at: datetime = NOON) -> Rotation:
    return rotate_key(
        database, name, overlap=overlap, pepper=PEPPER, actor="root", clock=lambda: at
    )


def test_a_key_and_its_successor_both_sign_in_until_the_overlap_ends(database: Database) -> None:
    old = made(database, role=Role.SCHEDULER)

    done = rotated(database, "dana", overlap=timedelta(hours=24))

    end = NOON + timedelta(hours=24)
    assert (done.replaced_id, done.replaced_until) == (old.id, end)
    for moment in (NOON, end - timedelta(microseconds=1)):
        for key in (old, done.made):
            sign_in(database, key.key, pepper=PEPPER, clock=lambda moment=moment: moment)  # type: ignore[misc]
    with pytest.raises(NotSignedInError, match="expired"):
        sign_in(database, old.key, pepper=PEPPER, clock=lambda: end)
    sign_in(database, done.made.key, pepper=PEPPER, clock=lambda: end)


def test_a_successor_has_the_name_the_role_and_the_leases_of_the_first_key(
    database: Database,
) -> None:
    first = made(database, role=Role.SCHEDULER)

    second = rotated(database, first.id, overlap=timedelta(days=1)).made
    third = rotated(database, "dana", overlap=timedelta(days=1)).made

    found = sign_in(database, third.key, pepper=PEPPER, clock=noon)
    assert (found.name, found.role, found.principal) == ("dana", Role.SCHEDULER, first.id)
    assert len({first.id, second.id, third.id}) == 3


def test_a_successor_lives_as_long_as_the_old_key_was_to_live(database: Database) -> None:
    made(database, expires_in_days=30)
    later = NOON + timedelta(days=20)

    done = rotated(database, "dana", overlap=timedelta(days=15), at=later)

    lives = {key.id: key.expires_at for key in list_keys(database)}
    assert lives[done.made.id] == later + timedelta(days=30)
    assert lives[done.replaced_id] == NOON + timedelta(days=30), "no longer than it would have"


def test_a_key_is_rotated_once(database: Database) -> None:
    old = made(database)
    rotated(database, old.id, overlap=timedelta(days=1))

    with pytest.raises(ConflictError, match="replaced already"):
        rotated(database, old.id, overlap=timedelta(days=1))


def test_a_key_that_opens_nothing_is_not_rotated(database: Database) -> None:
    expired, revoked = made(database, expires_in_days=1), made(database, name="eve")
    revoke_key(database, revoked.id, actor="root", clock=noon)

    for key, state in ((expired, "expired"), (revoked, "revoked")):
        with pytest.raises(RefusedError, match=state):
            rotated(database, key.id, overlap=timedelta(0), at=NOON + timedelta(days=2))
    with pytest.raises(NotFoundError):
        rotated(database, "nobody", overlap=timedelta(0))


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=31)])
def test_an_overlap_out_of_range_is_refused(sqlite: Database, overlap: timedelta) -> None:
    made(sqlite)

    with pytest.raises(BadInputError, match="30 days"):
        rotated(sqlite, "dana", overlap=overlap)


def test_revoking_a_name_ends_the_keys_that_were_replaced_as_well(database: Database) -> None:
    old = made(database)
    new = rotated(database, "dana", overlap=timedelta(days=1)).made

    gone = revoke_key(database, "dana", actor="root", clock=noon)

    assert {key.id for key in gone} == {old.id, new.id}
    for key in (old, new):
        with pytest.raises(NotSignedInError, match="revoked"):
            sign_in(database, key.key, pepper=PEPPER, clock=noon)
    made(database)  # the name is free


def test_revoking_an_id_leaves_its_successor_alone(database: Database) -> None:
    old = made(database)
    new = rotated(database, "dana", overlap=timedelta(days=1)).made

    revoke_key(database, old.id, actor="root", clock=noon)

    assert sign_in(database, new.key, pepper=PEPPER, clock=noon).id == new.id


def test_what_is_done_to_keys_is_on_the_audit_log_with_what_it_changed(database: Database) -> None:
    old = made(database)
    new = rotated(database, "dana", overlap=timedelta(days=1)).made
    revoke_key(database, "dana", actor="root", clock=noon)
    revoke_key(database, new.id, actor="root", clock=noon)  # changes nothing
    with pytest.raises(NotFoundError):
        revoke_key(database, "nobody", actor="root", clock=noon)

    entries = list_audit(database, AuditFilter(), limit=10)[::-1]

    told = [(entry.draft.action, entry.draft.object_id) for entry in entries]
    assert told[:3] == [
        ("key.created", old.id),
        ("key.replaced", old.id),
        ("key.created", new.id),
    ]
    assert sorted(told[3:]) == sorted([("key.revoked", old.id), ("key.revoked", new.id)])
    last_of = {entry.draft.object_id: entry for entry in entries[:3]}
    for entry in entries[3:]:
        assert entry.draft.before_hash == last_of[entry.draft.object_id].draft.after_hash
    assert verify_audit(database).ok


def test_a_key_that_was_not_made_is_not_on_the_audit_log(database: Database) -> None:
    made(database)
    with pytest.raises(ConflictError):
        made(database)

    assert verify_audit(database).entries == 1
