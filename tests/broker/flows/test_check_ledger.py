"""Does the book verify, and is what was made of it what it says."""

import pytest
from sqlalchemy import text

from broker.errors import BrokenLedgerError
from broker.flows.check_ledger import check_ledger, rebuild_ledger
from broker.store import schema
from broker.store.engine import Database
from tests.broker.flows.ledger_book import keep_books, offer_renewal

TRIGGERS = ("event_no_update", "event_no_delete")


def unguard(database: Database) -> None:
    on = " ON event" if database.dialect == "postgresql" else ""
    with database.migrating() as connection:
        for trigger in TRIGGERS:
            connection.execute(text(f"DROP TRIGGER {trigger}{on}"))


def tamper(database: Database, statement: str) -> None:
    with database.writing() as session:
        session.execute(text(statement))


def test_an_empty_book_is_in_order(database: Database) -> None:
    check = check_ledger(database)

    assert (check.ok, check.events) == (True, 0)


def test_a_book_as_it_was_kept_is_in_order(database: Database) -> None:
    keep_books(database)
    before = check_ledger(database)
    offer_renewal(database)
    after = check_ledger(database)

    assert (before.ok, after.ok) == (True, True)
    assert after.events == before.events + 1
    assert after.root != before.root


def test_lost_guards_are_told_before_anything_is_wrong(database: Database) -> None:
    keep_books(database)
    unguard(database)

    check = check_ledger(database)
    assert (check.ok, check.broken, check.drift) == (False, None, ())
    assert set(check.unguarded) == set(TRIGGERS)
    schema.upgrade(database)
    assert check_ledger(database).ok


def test_a_changed_event_is_told_and_is_not_made_into_tables(database: Database) -> None:
    keep_books(database)
    unguard(database)
    tamper(database, "UPDATE event SET payload = replace(payload, '2.63', '2.36')")

    check = check_ledger(database)
    assert check.broken is not None
    assert (check.ok, check.broken.seq) == (False, 2)
    with pytest.raises(BrokenLedgerError, match="nothing is written"):
        rebuild_ledger(database)


def test_a_changed_table_is_told_and_made_anew(database: Database) -> None:
    keep_books(database)
    tamper(database, "UPDATE obligation SET due_on = '2030-01-01'")

    assert len(check_ledger(database).drift) == 3
    assert rebuild_ledger(database) == 5
    assert check_ledger(database).ok
