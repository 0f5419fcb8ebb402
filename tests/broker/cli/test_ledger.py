"""`tonnage ledger`: is the book whole, make the tables anew, let the day turn."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from broker.store.engine import Database
from tests.broker.cli.commands import run
from tests.broker.flows.ledger_book import AUTO, HARBOR, keep_books

Command = Callable[..., Any]


@pytest.fixture
def command(sqlite_url: str) -> Command:
    """Return a way to run `tonnage ledger`."""

    def ledger(*words: str) -> Any:
        return run("ledger", *words, database_url=sqlite_url, TONNAGE_AS_OF="2027-02-01")

    return ledger


def tamper(database: Database, *statements: str) -> None:
    """Change the file as an outsider would, past everything that the product does."""
    path = str(database.read_engine.url.database)
    with closing(sqlite3.connect(path)) as outsider, outsider:
        for statement in statements:
            outsider.execute(statement)


UNGUARD = ("DROP TRIGGER event_no_update", "DROP TRIGGER event_no_delete")
CHEAPER = "UPDATE event SET payload = replace(payload, '2.63', '2.36') WHERE payload LIKE '%2.63%'"


def test_a_whole_book_verifies(command: Command, sqlite: Database) -> None:
    keep_books(sqlite)
    people, program = command("verify"), command("verify", "--json")

    told = json.loads(program.stdout)
    assert (people.exit_code, program.exit_code) == (0, 0)
    assert people.stdout == f"8 events verify; root {told['root']}\n"
    assert (told["ok"], told["broken"], told["drift"], told["unguarded"]) == (True, None, [], [])


def test_a_payload_changed_in_the_file_is_named_and_not_its_price(
    command: Command, sqlite: Database
) -> None:
    keep_books(sqlite)
    tamper(sqlite, *UNGUARD, CHEAPER)
    people, program = command("verify"), command("verify", "--json")

    told = json.loads(program.stdout)
    assert (people.exit_code, program.exit_code) == (1, 1)
    assert people.stderr == (
        f"broken: event 2 of {told['broken']['stream']}: its content does not match its hash\n"
    )
    assert told["broken"]["seq"] == 2
    assert "2.36" not in people.stderr


def test_an_event_that_is_gone_is_named(command: Command, sqlite: Database) -> None:
    keep_books(sqlite)
    tamper(sqlite, *UNGUARD, "DELETE FROM event WHERE kind = 'contract_recorded' AND id < 4")

    result = command("verify")

    assert result.exit_code == 1
    assert "one is missing or out of order" in result.stderr


def test_a_broken_book_is_neither_rebuilt_nor_written_to(
    command: Command, sqlite: Database, sqlite_url: str
) -> None:
    keep_books(sqlite)
    tamper(sqlite, *UNGUARD, CHEAPER)
    rebuilt = command("rebuild")
    moved = run("contracts", "move", HARBOR, "terminated", "--reason", "x", database_url=sqlite_url)

    assert (rebuilt.exit_code, moved.exit_code) == (2, 2)
    assert "trigger event_no_update is missing; run: tonnage db upgrade" in moved.stderr
    run("db", "upgrade", database_url=sqlite_url)
    rebuilt = command("rebuild")
    moved = run("contracts", "move", HARBOR, "terminated", "--reason", "x", database_url=sqlite_url)
    assert (rebuilt.exit_code, moved.exit_code) == (2, 2)
    for refused in (rebuilt, moved):
        assert "nothing is written to a broken chain" in refused.stderr


def test_a_table_changed_by_hand_is_found_and_repaired(command: Command, sqlite: Database) -> None:
    keep_books(sqlite)
    tamper(sqlite, "UPDATE contract_line SET gpu_count = 4096 WHERE gpu_count = 1024")

    checked = command("rebuild", "--check")
    assert checked.exit_code == 1
    assert "contract_line differs from its events" in checked.stderr
    assert "repair with: tonnage ledger rebuild" in checked.stderr
    repaired = command("rebuild")
    assert (repaired.exit_code, repaired.stdout) == (0, "5 streams rebuilt\n")
    assert command("rebuild", "--check").exit_code == 0
    assert json.loads(command("rebuild", "--json").stdout) == {"streams": 5}


def test_a_row_out_of_nowhere_is_found_and_removed(command: Command, sqlite: Database) -> None:
    keep_books(sqlite)
    tamper(sqlite, "UPDATE tranche SET line_id = 'nobody' WHERE gpu_count = 1024")

    assert "tranche: rows that belong to nothing" in command("rebuild", "--check").stderr
    command("rebuild")
    assert command("rebuild", "--check").exit_code == 0


def test_lost_guards_are_told_with_the_way_to_restore_them(
    command: Command, sqlite: Database
) -> None:
    keep_books(sqlite)
    tamper(sqlite, *UNGUARD)

    result = command("verify")
    assert result.exit_code == 1
    assert "unguarded: trigger event_no_update is gone; run: tonnage db upgrade" in result.stderr


def test_a_database_without_a_book_is_told(tmp_path: Path) -> None:
    result = run("ledger", "verify", database_url=f"sqlite:///{tmp_path}/empty.db")

    assert result.exit_code == 2
    assert "holds no book yet; run: tonnage db upgrade" in result.stderr


def test_a_day_turns_once(command: Command, sqlite: Database) -> None:
    keep_books(sqlite)
    words = ("roll", "--as-of", "2027-01-15")
    first, second = command(*words), command(*words)

    assert first.exit_code == 0
    lines = first.stdout.splitlines()
    assert lines[-1] == "4 events up to 2027-01-15"
    assert (
        f"2027-01-15  harbor-compute {AUTO}: line_rolled, renewed tacitly for 12 months: no notice "
        "on record"
    ) in lines
    assert second.stdout == "0 events up to 2027-01-15\n"


def test_a_day_that_has_not_come_does_not_turn(command: Command, sqlite: Database) -> None:
    keep_books(sqlite)
    result = command("roll", "--as-of", "2027-02-02")

    assert result.exit_code == 2
    assert "2027-02-02 has not come, today is 2027-02-01" in result.stderr


def test_a_program_gets_what_the_calendar_did(sqlite: Database, sqlite_url: str) -> None:
    keep_books(sqlite)
    result = run("ledger", "roll", "--json", database_url=sqlite_url, TONNAGE_AS_OF="2026-07-03")

    told = json.loads(result.stdout)
    assert told["as_of"] == "2026-07-03"
    assert [(each["contract_ref"], each["event"]) for each in told["events"]] == [
        (HARBOR, "obligation_closed")
    ]
