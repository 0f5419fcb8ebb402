"""The audit log in the database: one chain, whoever writes it, and no change goes unnoticed."""

import threading
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from broker.access.audit import GENESIS, AuditDraft, Origin
from broker.store import audit
from broker.store.audit import AuditCheck, AuditFilter
from broker.store.engine import Database
from broker.store.triggers import drop_triggers
from tests.broker.store.races import PATIENCE_SECONDS, together

NOON = datetime(2026, 5, 15, 12, 0, 0, 123456, tzinfo=UTC)
WRITERS, ENTRIES_EACH = 4, 12
FULL = AuditDraft(
    actor="dana",
    action="POST /v1/keys",
    object_id="/v1/keys",
    origin=Origin(key_id="dana0001", request_id="r1", address="203.0.113.7"),
    status=201,
    before_hash="b",
    after_hash="a",
)


def a_draft(object_id: str, *, actor: str = "dana") -> AuditDraft:
    return AuditDraft(actor=actor, action="key.created", object_id=object_id)


def write(database: Database, *drafts: AuditDraft) -> None:
    for draft in drafts:
        with database.writing() as session:
            audit.audited(session, draft, at=NOON)


def check(database: Database, *, kept_hash: str | None = None) -> AuditCheck:
    with database.reading() as session:
        return audit.verify(session, kept_hash=kept_hash)


def tamper(database: Database, order: str) -> None:
    """Change the log as somebody could who owns the database."""
    with database.migrating() as connection:
        drop_triggers(connection)
        connection.execute(sa.text(order))


def test_an_entry_comes_back_as_it_was_written(database: Database) -> None:
    with database.writing() as session:
        written = audit.audited(session, FULL, at=NOON)

    with database.reading() as session:
        assert audit.entries(session, AuditFilter(), limit=10) == [written]
    assert (written.seq, written.draft, written.at) == (1, FULL, NOON)
    assert check(database) == AuditCheck(entries=1, head=written.hash, broken=None)


def test_a_log_without_entries_verifies(database: Database) -> None:
    assert check(database, kept_hash=GENESIS) == AuditCheck(entries=0, head=GENESIS, broken=None)


def test_two_entries_of_one_transaction_follow_each_other(database: Database) -> None:
    with database.writing() as session:
        first = audit.audited(session, a_draft("a"), at=NOON)
        second = audit.audited(session, a_draft("b"), at=NOON)

    assert second.prev_hash == first.hash
    assert check(database).entries == 2


def test_what_is_rolled_back_leaves_neither_an_entry_nor_a_gap(database: Database) -> None:
    write(database, a_draft("a"))
    with database.trying() as session:
        audit.audited(session, a_draft("never"), at=NOON)
    write(database, a_draft("b"))

    found = check(database)

    assert (found.entries, found.broken) == (2, None)


@pytest.mark.parametrize(
    ("order", "seq"),
    [
        ("UPDATE audit SET actor = 'eve' WHERE seq = 2", 2),
        ("UPDATE audit SET object_id = 'x' WHERE seq = 1", 1),
        ("UPDATE audit SET status = 200 WHERE seq = 3", 3),
        ("UPDATE audit SET address = '203.0.113.8' WHERE seq = 3", 3),
        ("UPDATE audit SET hash = prev_hash WHERE seq = 4", 4),
        ("UPDATE audit SET prev_hash = 'x' WHERE seq = 2", 2),
        ("DELETE FROM audit WHERE seq = 1", 2),
        ("DELETE FROM audit WHERE seq = 3", 4),
        ("UPDATE audit SET seq = 9 WHERE seq = 4", 9),
    ],
)
def test_whatever_is_changed_is_found(database: Database, order: str, seq: int) -> None:
    write(database, *(a_draft(name) for name in "abcd"))

    tamper(database, order)

    broken = check(database).broken
    assert broken is not None
    assert broken.seq == seq


def test_an_end_that_was_cut_off_is_found_by_the_head_that_was_kept(database: Database) -> None:
    write(database, *(a_draft(name) for name in "abcd"))
    kept = check(database).head

    tamper(database, "DELETE FROM audit WHERE seq > 2")
    write(database, a_draft("new"))

    assert check(database).ok
    broken = check(database, kept_hash=kept).broken
    assert broken is not None
    assert "was lost" in broken.what


def test_a_time_that_is_none_is_found(sqlite: Database) -> None:
    write(sqlite, a_draft("a"), a_draft("b"))

    tamper(sqlite, "UPDATE audit SET at = 'yesterday' WHERE seq = 2")

    assert not check(sqlite).ok


@pytest.mark.parametrize("order", ["UPDATE audit SET actor = 'eve'", "DELETE FROM audit"])
def test_the_database_refuses_a_change(database: Database, order: str) -> None:
    write(database, a_draft("a"))

    with (
        pytest.raises(sa.exc.DatabaseError, match="append-only"),
        database.write_engine.begin() as connection,
    ):
        connection.execute(sa.text(order))


def test_entries_are_found_by_who_what_and_which(database: Database) -> None:
    write(database, a_draft("a"), a_draft("b", actor="eve"), FULL, a_draft("c"))

    def numbers(wanted: AuditFilter, limit: int = 10) -> list[int]:
        with database.reading() as session:
            return [entry.seq for entry in audit.entries(session, wanted, limit=limit)]

    assert numbers(AuditFilter()) == [4, 3, 2, 1]
    assert numbers(AuditFilter(), limit=2) == [4, 3]
    assert numbers(AuditFilter(before=3)) == [2, 1]
    assert numbers(AuditFilter(actor="eve")) == [2]
    assert numbers(AuditFilter(action="POST /v1/keys")) == [3]
    assert numbers(AuditFilter(object_id="c")) == [4]


def write_many(database: Database, who: int) -> int:
    write(database, *(a_draft(f"{who}/{number}") for number in range(ENTRIES_EACH)))
    return who


def test_the_chain_never_forks_under_processes(database: Database, database_url: str) -> None:
    together(write_many, database_url, range(WRITERS))

    found = check(database)
    assert (found.entries, found.broken) == (WRITERS * ENTRIES_EACH, None)


def test_the_chain_never_forks_under_threads_of_one_process(database: Database) -> None:
    start = threading.Barrier(WRITERS)

    def work(who: int) -> None:
        start.wait(PATIENCE_SECONDS)
        write_many(database, who)

    threads = [threading.Thread(target=work, args=(who,)) for who in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)

    found = check(database)
    assert (found.entries, found.broken) == (WRITERS * ENTRIES_EACH, None)


def test_a_fork_that_passed_by_the_lock_is_refused(database: Database) -> None:
    write(database, a_draft("a"))

    with (
        pytest.raises(sa.exc.IntegrityError),
        database.write_engine.begin() as connection,
    ):
        connection.execute(
            sa.text(
                "INSERT INTO audit (seq, at, actor, action, object_id, prev_hash, hash) "
                "SELECT 2, at, actor, action, object_id, prev_hash, 'x' FROM audit"
            )
        )
