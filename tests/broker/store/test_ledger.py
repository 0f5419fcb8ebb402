"""The book of record: append-only, chained, and the source of every other table."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select

from broker.contracts.event import contract_stream, supplier_stream
from broker.contracts.fold import fold
from broker.errors import RefusedError
from broker.store import ledger
from broker.store.engine import Database
from broker.store.tables import ContractRow, ObligationRow, PricePeriodRow
from tests.builders import (
    NOON,
    a_quote,
    chained,
    contract_recorded,
    line_recorded,
    quote_recorded,
    some_terms,
    state_changed,
    supplier_recorded,
)

STREAM = contract_stream("c1")


def record(session: Session, *, country: str | None = "US") -> None:
    stream = supplier_stream("harbor-compute")
    ledger.append(session, stream, [supplier_recorded(country=country)], recorded_at=NOON)
    ledger.append(session, STREAM, [contract_recorded(), line_recorded()], recorded_at=NOON)


def test_a_recorded_contract_stands_in_the_tables(database: Database) -> None:
    with database.writing() as session:
        record(session)

    with database.reading() as session:
        contract = session.exec(select(ContractRow)).one()
        price = session.exec(select(PricePeriodRow)).one()
    assert (contract.state, contract.end_on) == ("active", date(2026, 10, 1))
    assert price.price_per_gpu_hour == Decimal("2.63")


def test_the_chain_verifies_and_the_tables_agree_with_it(database: Database) -> None:
    with database.writing() as session:
        record(session)
        ledger.append(session, STREAM, [quote_recorded()], recorded_at=NOON)

    with database.reading() as session:
        assert ledger.verify(session) is None
        assert ledger.drift(session) == []
        assert ledger.count(session) == 4


@pytest.mark.parametrize("verb", ["UPDATE event SET actor = 'eve'", "DELETE FROM event"])
def test_nobody_changes_an_event(database: Database, verb: str) -> None:
    with database.writing() as session:
        record(session)

    with pytest.raises(DBAPIError, match="append-only"), database.writing() as session:
        session.execute(text(verb))


def without_triggers(session: Session) -> None:
    suffix = " ON event" if session.get_bind().dialect.name == "postgresql" else ""
    session.execute(text(f"DROP TRIGGER event_no_update{suffix}"))
    session.execute(text(f"DROP TRIGGER event_no_delete{suffix}"))


@pytest.mark.parametrize(
    ("tampering", "seq", "what"),
    [
        ("UPDATE event SET payload = replace(payload, '2.63', '2.36') WHERE seq = 2", 2, "content"),
        ("UPDATE event SET actor = 'eve' WHERE seq = 1", 1, "content"),
        ("UPDATE event SET reason = 'nothing' WHERE seq = 2", 2, "content"),
        ("UPDATE event SET valid_from = '2024-01-01' WHERE seq = 2", 2, "content"),
        ("DELETE FROM event WHERE seq = 1", 2, "missing"),
        ("DELETE FROM event WHERE seq = 2", 2, "lost"),
    ],
)
def test_tampering_names_the_first_broken_event(
    database: Database, tampering: str, seq: int, what: str
) -> None:
    with database.writing() as session:
        record(session)
        without_triggers(session)
        session.execute(text(f"{tampering} AND stream = '{STREAM}'"))

    with database.reading() as session:
        fault = ledger.verify(session)
    assert fault is not None
    assert (fault.stream, fault.seq) == (STREAM, seq)
    assert what in fault.what


def test_a_stream_that_is_wholly_gone_is_noticed(database: Database) -> None:
    with database.writing() as session:
        record(session)
        without_triggers(session)
        session.execute(text("DELETE FROM event WHERE stream = :gone"), {"gone": STREAM})

    with database.reading() as session:
        fault = ledger.verify(session)
    assert fault is not None
    assert fault.stream == STREAM


def test_a_table_changed_by_hand_differs_from_its_events(database: Database) -> None:
    with database.writing() as session:
        record(session)
        session.execute(text("UPDATE contract_line SET gpu_count = 2048"))

    with database.reading() as session:
        assert ledger.drift(session) == [f"{STREAM}: contract_line"]
    with database.writing() as session:
        ledger.rebuild(session)
    with database.reading() as session:
        assert ledger.drift(session) == []


def test_a_contract_row_without_events_is_noticed(database: Database) -> None:
    with database.writing() as session:
        record(session)
        session.add(
            ContractRow(
                id="ghost",
                supplier_key="harbor-compute",
                ref="X",
                folded_ref="x",
                currency="USD",
                timezone="UTC",
                state="active",
                head_hash="0",
                recorded_at=NOON,
            )
        )

    with database.reading() as session:
        assert ledger.drift(session) == ["contract/ghost: rows without events"]


def test_what_the_rules_refuse_leaves_no_trace(database: Database) -> None:
    with database.writing() as session:
        record(session)

    with pytest.raises(RefusedError, match="cannot become signed"), database.writing() as session:
        ledger.append(session, STREAM, [state_changed("signed")], recorded_at=NOON)

    with database.reading() as session:
        assert ledger.count(session) == 3
        assert ledger.verify(session) is None


def test_the_database_refuses_two_prices_on_one_day(database: Database) -> None:
    with database.writing() as session:
        record(session)

        row = session.exec(select(PricePeriodRow)).one()
    changes = {"position": 1, "valid_from": date(2026, 9, 30), "valid_to": date(2027, 1, 1)}

    with pytest.raises(DBAPIError, match="same day"), database.writing() as session:
        session.add(PricePeriodRow(**{**row.model_dump(), **changes}))


def test_a_price_may_begin_the_day_another_ends(database: Database) -> None:
    with database.writing() as session:
        record(session)
        row = session.exec(select(PricePeriodRow)).one()
        fields = {**row.model_dump(), "position": 1, "valid_from": row.valid_to, "valid_to": None}
        session.add(PricePeriodRow(**fields))

    with database.reading() as session:
        assert len(session.exec(select(PricePeriodRow)).all()) == 2


def test_a_clock_that_steps_back_does_not_run_the_chain_back(database: Database) -> None:
    with database.writing() as session:
        record(session)
        earlier = NOON - timedelta(hours=1)
        ledger.append(session, STREAM, [quote_recorded()], recorded_at=earlier)

    with database.reading() as session:
        events = ledger.events_of(session, STREAM)
    assert events[-1].recorded_at == NOON


def test_a_suppliers_country_moves_its_notice_deadlines(database: Database) -> None:
    # 90 days before 1 October 2026 is Friday 3 July: a holiday in the United States.
    terms = some_terms(end_date=date(2026, 10, 1))
    with database.writing() as session:
        stream = supplier_stream("harbor-compute")
        ledger.append(session, stream, [supplier_recorded(country=None)], recorded_at=NOON)
        drafts = [contract_recorded(), line_recorded(terms)]
        ledger.append(session, STREAM, drafts, recorded_at=NOON)
        before = session.exec(select(ObligationRow)).one().due_on
        ledger.append(session, stream, [supplier_recorded(country="US")], recorded_at=NOON)
        after = session.exec(select(ObligationRow)).one().due_on

    assert (before, after) == (date(2026, 7, 3), date(2026, 7, 2))


def test_the_root_changes_with_every_event(database: Database) -> None:
    with database.writing() as session:
        record(session)
        before = ledger.root(session)
        ledger.append(session, STREAM, [quote_recorded(a_quote())], recorded_at=NOON)

        assert ledger.root(session) != before


def test_the_stored_events_are_the_ones_that_were_sealed(database: Database) -> None:
    with database.writing() as session:
        record(session)
        sealed = ledger.append(session, STREAM, [quote_recorded()], recorded_at=NOON)

    with database.reading() as session:
        stored = ledger.events_of(session, STREAM)
    assert stored[-1] == sealed[0]
    assert fold(stored).quotes[0].price_per_gpu_hour == Decimal("5.10")


def test_a_chain_is_the_same_wherever_it_is_sealed() -> None:
    drafts = [contract_recorded(), line_recorded()]

    assert [event.hash for event in chained(*drafts)] == [event.hash for event in chained(*drafts)]
