"""The calendar acts on all contracts up to a day, and once."""

from datetime import date

import pytest
from sqlalchemy import text

from broker.errors import BrokenLedgerError
from broker.flows.check_ledger import check_ledger
from broker.flows.read_contracts import contract_events
from broker.flows.roll_ledger import RolledContract, roll_ledger
from broker.store.engine import Database
from tests.broker.flows.ledger_book import AUTO, HARBOR, keep_books
from tests.builders import NOON


def roll(database: Database, as_of: date) -> list[RolledContract]:
    return roll_ledger(database, as_of=as_of, clock=lambda: NOON)


def told(rolled: list[RolledContract]) -> dict[str, list[str]]:
    return {each.ref: [event.kind.value for event in each.events] for each in rolled}


def test_before_any_deadline_nothing_happens(database: Database) -> None:
    keep_books(database)

    assert roll(database, date(2026, 7, 2)) == []


def test_each_contract_gets_what_the_calendar_owes_it(database: Database) -> None:
    keep_books(database)

    assert told(roll(database, date(2027, 1, 15))) == {
        HARBOR: ["obligation_closed", "state_changed"],
        AUTO: ["obligation_closed", "line_rolled"],
    }
    assert check_ledger(database).ok


def test_a_day_that_was_rolled_before_changes_nothing(database: Database) -> None:
    keep_books(database)
    roll(database, date(2027, 1, 15))

    assert roll(database, date(2027, 1, 15)) == []
    assert roll(database, date(2026, 12, 1)) == []


def test_a_contract_with_a_broken_chain_does_not_hold_up_the_others(database: Database) -> None:
    keep_books(database)
    on = " ON event" if database.dialect == "postgresql" else ""
    with database.migrating() as connection:
        connection.execute(text(f"DROP TRIGGER event_no_update{on}"))
    with database.writing() as session:
        session.execute(text("UPDATE event SET actor = 'eve' WHERE payload LIKE '%2.63%'"))

    with pytest.raises(BrokenLedgerError, match="is broken"):
        roll(database, date(2027, 1, 15))

    assert [event.kind.value for event in contract_events(database, AUTO)[2:]] == [
        "obligation_closed",
        "line_rolled",
    ]


def test_what_the_calendar_did_counts_from_the_day_it_is_about(sqlite: Database) -> None:
    keep_books(sqlite)
    (harbor, auto) = sorted(roll(sqlite, date(2027, 3, 1)), key=lambda each: each.ref)

    assert [event.valid_from for event in harbor.events] == [date(2026, 7, 3), date(2026, 10, 1)]
    assert [event.valid_from for event in auto.events] == [date(2026, 11, 14), date(2027, 1, 15)]
    assert {event.actor for event in (*harbor.events, *auto.events)} == {"calendar"}
