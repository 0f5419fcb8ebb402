"""The book of record: append-only, chained, and the source of every other table."""

import sqlite3
from contextlib import closing
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select

from broker.contracts.event import (
    EventKind,
    canonical,
    contract_stream,
    seal,
    supplier_stream,
)
from broker.contracts.fold import fold
from broker.errors import BrokenLedgerError, RefusedError
from broker.store import ledger
from broker.store.engine import Database
from broker.store.tables import (
    ContractRow,
    EventRow,
    ObligationRow,
    PricePeriodRow,
    QuoteRow,
    StreamHeadRow,
)
from tests.broker.contracts.happenings import amendment_proposed
from tests.builders import (
    NOON,
    a_draft,
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


def record_everything(session: Session) -> None:
    """At least one row in each table."""
    record(session)
    stream = supplier_stream("harbor-compute")
    tier = {"scheme": "market-class", "edition": "", "tier": "neocloud", "on": "2026-05-01"}
    rated = a_draft(EventKind.SUPPLIER_TIER_RECORDED, {**tier, "source": "report"})
    ledger.append(session, stream, [rated], recorded_at=NOON)
    proposed = amendment_proposed(some_terms(region="us-east"))
    ledger.append(
        session, STREAM, [quote_recorded(a_quote(valid_until=None)), proposed], recorded_at=NOON
    )


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


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE event SET payload = 'not json' WHERE seq = 2",
        "UPDATE event SET payload = '[1]' WHERE seq = 2",
        "UPDATE event SET payload = replace(payload, '1024', '1024.0') WHERE seq = 2",
        "UPDATE event SET payload = payload || ' ' WHERE seq = 2",
        "UPDATE event SET kind = 'gift' WHERE seq = 2",
    ],
)
def test_an_event_that_nobody_of_us_wrote_is_named_and_is_no_crash(
    sqlite: Database, tampering: str
) -> None:
    with sqlite.writing() as session:
        record(session)
        without_triggers(session)
        session.execute(text(f"{tampering} AND stream = '{STREAM}'"))

    with sqlite.reading() as session:
        fault = ledger.verify(session)
    assert fault is not None
    assert (fault.stream, fault.seq, fault.what) == (STREAM, 2, "it is not as it was written")


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE event SET valid_from = 'soon'",
        "UPDATE event SET recorded_at = 'soon'",
        "UPDATE event SET recorded_at = 9223372036854775807",
    ],
)
def test_a_value_that_is_none_of_its_kind_is_named_and_is_no_crash(
    sqlite: Database, tampering: str
) -> None:
    with sqlite.writing() as session:
        record(session)
        without_triggers(session)
        session.execute(text(f"{tampering} WHERE seq = 2"))

    with sqlite.reading() as session:
        fault = ledger.verify(session)
    assert fault is not None
    assert (fault.stream, fault.seq) == (STREAM, 2)
    with sqlite.reading() as session, pytest.raises(BrokenLedgerError, match="ledger verify"):
        ledger.append(session, STREAM, [quote_recorded()], recorded_at=NOON)


@pytest.mark.parametrize(
    "tampering",
    [
        "DELETE FROM event WHERE seq = 2",
        "UPDATE event SET actor = 'eve' WHERE seq = 1",
        "DELETE FROM event WHERE seq > 0",
    ],
)
def test_nothing_is_written_behind_a_broken_chain(database: Database, tampering: str) -> None:
    with database.writing() as session:
        record(session)
        without_triggers(session)
        session.execute(text(f"{tampering} AND stream = '{STREAM}'"))

    with database.writing() as session, pytest.raises(BrokenLedgerError, match="is broken"):
        ledger.append(session, STREAM, [contract_recorded()], recorded_at=NOON)


def test_a_broken_chain_is_not_made_into_tables(database: Database) -> None:
    with database.writing() as session:
        record(session)
        without_triggers(session)
        session.execute(text("UPDATE event SET payload = replace(payload, '2.63', '2.36')"))

    with database.writing() as session, pytest.raises(BrokenLedgerError, match=STREAM):
        ledger.rebuild(session)
    with database.reading() as session:
        price = session.exec(select(PricePeriodRow)).one()
        assert price.price_per_gpu_hour == Decimal("2.63")


def test_events_that_cannot_be_in_this_order_are_told_as_drift(database: Database) -> None:
    with database.writing() as session:
        record(session)
        head = ledger.events_of(session, STREAM)[-1]
        forged = seal(state_changed("signed"), stream=STREAM, recorded_at=NOON, before=head)
        session.add(
            EventRow(
                stream=STREAM,
                seq=forged.seq,
                kind=forged.kind.value,
                payload=canonical(forged.payload),
                valid_from=forged.valid_from,
                recorded_at=forged.recorded_at,
                actor=forged.actor,
                reason=forged.reason,
                prev_hash=forged.prev_hash,
                hash=forged.hash,
            )
        )
        session.merge(StreamHeadRow(stream=STREAM, seq=forged.seq, hash=forged.hash))

    with database.reading() as session:
        assert ledger.verify(session) is None
        (told,) = ledger.drift(session)
    assert "cannot become signed" in told


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
    with database.writing() as session:
        assert ledger.rebuild(session) == 2
    with database.reading() as session:
        assert ledger.drift(session) == []


def test_an_offer_without_events_is_noticed(database: Database) -> None:
    with database.writing() as session:
        record(session)
        ledger.append(session, STREAM, [quote_recorded()], recorded_at=NOON)
        offer = session.exec(select(QuoteRow)).one().model_dump()
        session.add(QuoteRow(**{**offer, "id": "ghost", "contract_id": None, "stream": "x"}))
        session.add(QuoteRow(**{**offer, "id": "mine", "contract_id": None}))

    with database.reading() as session:
        assert ledger.drift(session) == [f"{STREAM}: quote", "x: rows without events"]


def test_a_row_that_belongs_to_nothing_is_noticed(sqlite: Database) -> None:
    with sqlite.writing() as session:
        record(session)
    path = sqlite.read_engine.url.database
    with closing(sqlite3.connect(str(path))) as outsider, outsider:  # keys are off out there
        outsider.execute("UPDATE tranche SET line_id = 'nobody'")

    with sqlite.reading() as session:
        assert ledger.drift(session) == [
            f"{STREAM}: tranche",
            "tranche: rows that belong to nothing",
        ]
    with sqlite.writing() as session:
        ledger.rebuild(session)
    with sqlite.reading() as session:
        assert ledger.drift(session) == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE contract SET state = 'draft'",
        "UPDATE tranche SET accepted_on = NULL",
        "UPDATE price_period SET price_per_gpu_hour = 1",
        "UPDATE renewal_term SET notice_period = NULL",
        "UPDATE obligation SET due_on = '2027-01-01'",
        "DELETE FROM obligation",
        "UPDATE quote SET state = 'declined'",
        "UPDATE amendment SET changes = '{}' || ' '",
        "UPDATE supplier SET country = 'FI'",
        "UPDATE supplier_tier SET tier = 'gold'",
    ],
)
def test_any_table_changed_by_hand_is_found_and_made_anew(sqlite: Database, change: str) -> None:
    table = change.removeprefix("DELETE FROM ").removeprefix("UPDATE ").split()[0]
    with sqlite.writing() as session:
        record_everything(session)
        assert ledger.drift(session) == []
        session.execute(text(change))

    with sqlite.reading() as session:
        assert {told.split(": ")[1] for told in ledger.drift(session)} >= {table}
    with sqlite.writing() as session:
        ledger.rebuild(session)
    with sqlite.reading() as session:
        assert ledger.drift(session) == []


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
