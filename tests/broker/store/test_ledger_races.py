"""The book of record under real processes at once, and under one that is killed, on both databases.

Races cannot be seen from one process: each test starts its own, lets them go at the same moment and
looks at what is in the books afterwards.
"""

from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import select

from broker.contracts.event import EventKind, contract_stream, supplier_stream
from broker.contracts.line_terms import RenewalType
from broker.flows.describe_supplier import describe_supplier
from broker.flows.import_contracts import import_contracts
from broker.flows.record_quote import import_quotes
from broker.flows.roll_ledger import roll_ledger
from broker.store import ledger
from broker.store.contracts import contract_by_id
from broker.store.engine import Database
from broker.store.tables import ContractRow, EventRow, ImportBatchRow, QuoteRow, SupplierRow
from tests.broker.store.races import PATIENCE_SECONDS, PROCESS, together
from tests.builders import (
    ACTOR,
    NOON,
    a_draft,
    contract_recorded,
    line_recorded,
    some_terms,
    supplier_recorded,
)

PROCESSES, EVENTS_EACH = 4, 6
STREAM = contract_stream("c1")
SUPPLIER = "harbor-compute"
SHEET = Path(__file__).parents[3] / "fixtures" / "contracts" / "contracts_clean.csv"
QUOTES = SHEET.parents[1] / "quotes" / "quotes_2026-05.csv"

PROCESS.set_forkserver_preload([__name__])


def a_book(database: Database) -> None:
    terms = some_terms(renewal_type=RenewalType.AUTO, renewal_term_months=6)
    with database.writing() as session:
        described = supplier_recorded(SUPPLIER)
        ledger.append(session, supplier_stream(SUPPLIER), [described], recorded_at=NOON)
        drafts = [contract_recorded(), line_recorded(terms)]
        ledger.append(session, STREAM, drafts, recorded_at=NOON)


def is_whole(database: Database) -> bool:
    with database.reading() as session:
        return ledger.verify(session) is None and ledger.drift(session) == []


def rows(database: Database, table: Any) -> int:
    with database.reading() as session:
        return session.exec(select(sa.func.count()).select_from(table)).one()


def take_notes(database: Database, who: int) -> int:
    for number in range(EVENTS_EACH):
        note = {"line_no": 1, "owner": f"owner {who}", "notes": f"note {number}"}
        with database.writing() as session:
            draft = a_draft(EventKind.NOTE_CHANGED, note)
            ledger.append(session, STREAM, [draft], recorded_at=NOON)
    return who


def test_many_processes_write_one_chain(database: Database, database_url: str) -> None:
    a_book(database)

    together(take_notes, database_url, range(PROCESSES))

    with database.reading() as session:
        events = ledger.events_of(session, STREAM)
    assert [event.seq for event in events] == list(range(1, 3 + PROCESSES * EVENTS_EACH))
    assert sorted(event.payload["owner"] for event in events[2:]) == sorted(
        f"owner {who}" for who in range(PROCESSES) for _ in range(EVENTS_EACH)
    )
    assert is_whole(database)


def move_house(database: Database, who: int) -> int:
    for country in ("FI", "US", "DE", "US") * 2:
        describe_supplier(
            database,
            SUPPLIER,
            legal_name=None,
            country=country,
            aliases=(f"alias {who}",),
            actor=ACTOR,
            clock=lambda: NOON,
        )
    return who


def either(database: Database, who: int) -> int:
    return take_notes(database, who) if who % 2 else move_house(database, who)


def test_a_supplier_that_moves_meanwhile_leaves_no_stale_deadline(
    database: Database, database_url: str
) -> None:
    a_book(database)

    together(either, database_url, range(PROCESSES))

    assert is_whole(database)
    with database.reading() as session:
        supplier = session.get_one(SupplierRow, SUPPLIER)
    assert supplier.aliases == '["alias 0", "alias 2"]'


def import_sheet(database: Database, _who: object) -> dict[str, int]:
    plan, _ = import_contracts(
        database,
        SHEET.read_bytes(),
        file=SHEET.name,
        actor=ACTOR,
        clock=lambda: NOON,
        dry_run=False,
    )
    assert plan.issues == ()
    return {name: count for name, count in plan.summary.items() if count}


def test_a_file_that_two_import_at_once_is_in_the_books_once(
    database: Database, database_url: str
) -> None:
    answers = together(import_sheet, database_url, range(2))

    assert sorted(answers, key=str) == [{"create": 10}, {"unchanged": 10}]
    assert rows(database, ImportBatchRow) == 1
    with database.reading() as session:
        refs = session.exec(select(ContractRow.ref)).all()
    assert len(refs) == len(set(refs)) == 9
    assert is_whole(database)


def import_offers(database: Database, _who: object) -> tuple[int, int]:
    report = import_quotes(
        database, QUOTES.read_bytes(), file=QUOTES.name, actor=ACTOR, clock=lambda: NOON
    )
    assert report.faults == ()
    return len(report.recorded), report.unchanged


def test_quotes_that_two_import_at_once_are_in_the_books_once(
    database: Database, database_url: str
) -> None:
    answers = together(import_offers, database_url, range(PROCESSES))

    assert sorted(answers) == [(0, 7)] * (PROCESSES - 1) + [(7, 0)]
    assert rows(database, QuoteRow) == 7
    assert is_whole(database)


def let_the_day_turn(database: Database, _who: object) -> int:
    as_of = date(2028, 1, 1)
    return sum(len(each.events) for each in roll_ledger(database, as_of=as_of, clock=lambda: NOON))


def test_a_day_that_turns_twice_at_once_turns_once(database: Database, database_url: str) -> None:
    a_book(database)

    answers = together(let_the_day_turn, database_url, range(PROCESSES))

    with database.reading() as session:
        line = contract_by_id(session, "c1").line(1)
    assert line.last_day_of_service == date(2028, 3, 31)
    assert sorted(answers)[:-1] == [0] * (PROCESSES - 1)
    assert is_whole(database)


def import_and_hang(url: str, after: str, told: Connection) -> None:
    """Import the sheet, and stop for ever at a statement, in the middle of the transaction."""
    database = Database(url)
    wanted = int(after.removeprefix("event ")) if after.startswith("event") else 0
    inserted = 0

    def hang(*_: object) -> None:
        told.send("in the middle")
        told.recv()

    def count(_c: object, _k: object, statement: str, *_: object) -> None:
        nonlocal inserted
        inserted += statement.startswith("INSERT INTO event ")
        if inserted == wanted:
            hang()

    if wanted:
        sa.event.listen(database.write_engine, "after_cursor_execute", count)
    else:
        sa.event.listen(database.write_engine, "commit", hang)
    import_sheet(database, None)


@pytest.mark.parametrize("after", ["event 1", "event 12", "all is said, before it is committed"])
def test_a_process_that_is_killed_in_the_middle_of_an_import_leaves_nothing(
    database: Database, database_url: str, after: str
) -> None:
    ours, theirs = PROCESS.Pipe()
    process = PROCESS.Process(target=import_and_hang, args=(database_url, after, theirs))
    process.start()
    assert ours.poll(PATIENCE_SECONDS)
    assert ours.recv() == "in the middle"
    process.kill()
    process.join(PATIENCE_SECONDS)

    assert process.exitcode == -9
    assert [rows(database, table) for table in (EventRow, ContractRow, SupplierRow)] == [0, 0, 0]
    assert import_sheet(database, None) == {"create": 10}
    assert is_whole(database)
