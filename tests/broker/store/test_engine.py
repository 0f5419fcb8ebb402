"""One way to read and one way to write, and addresses that cannot be read."""

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import select

from broker.errors import BadInputError, RefusedError
from broker.store import schema
from broker.store.engine import Database
from broker.store.tables import SupplierRow, SupplierTierRow
from tests.builders import MAY_15

SECRET = "hunter2"


def a_supplier(key: str = "harbor-compute") -> SupplierRow:
    return SupplierRow(key=key, legal_name=key, aliases="[]")


def a_tier(key: str, *, tier: str = "neocloud") -> SupplierTierRow:
    return SupplierTierRow(
        supplier_key=key,
        position=0,
        scheme="market-class",
        edition="",
        tier=tier,
        on=MAY_15,
        source="here",
    )


def suppliers(database: Database) -> list[str]:
    with database.reading() as session:
        return list(session.exec(select(SupplierRow.key)))


@pytest.mark.parametrize(
    "url",
    [
        "tonnage.db",
        "",
        f"postgresql+psycopg://user:{SECRET}@host:port/name",
        f"postgresql+psycopg://user:{SECRET}@[::1/name",
    ],
)
def test_an_address_that_cannot_be_read_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(BadInputError, match="sqlite:///FILE") as refusal:
        Database(url)

    assert SECRET not in str(refusal.value)


def test_another_kind_of_database_is_refused_by_name() -> None:
    with pytest.raises(BadInputError, match="kind mysql are not supported"):
        Database(f"mysql://user:{SECRET}@host/name")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_never_ready(url: str) -> None:
    database = Database(url)

    with pytest.raises(RefusedError, match="needs a file"):
        schema.require_ready(database)
    database.close()


def test_what_is_written_is_there_for_the_next_reader(database: Database) -> None:
    with database.writing() as session:
        session.add(a_supplier())

    assert suppliers(database) == ["harbor-compute"]


def test_a_step_that_fails_writes_nothing(database: Database) -> None:
    with pytest.raises(IntegrityError), database.writing() as session:
        session.add_all([a_supplier(), a_tier("nobody")])

    assert suppliers(database) == []


def test_a_dry_run_sees_what_it_writes_and_leaves_nothing(database: Database) -> None:
    with database.trying() as session:
        session.add(a_supplier())
        session.flush()
        assert session.exec(select(SupplierRow.key)).all() == ["harbor-compute"]

    assert suppliers(database) == []


def test_reading_leaves_nothing_either(database: Database) -> None:
    with database.reading() as session:
        session.add(a_supplier())
        session.flush()

    assert suppliers(database) == []


def test_a_reader_does_not_wait_for_a_writer_and_sees_what_was_there(database: Database) -> None:
    with database.writing() as session:
        session.add(a_supplier("first"))
    with database.writing() as writer:
        writer.add(a_supplier("second"))
        writer.flush()

        assert suppliers(database) == ["first"]

    assert sorted(suppliers(database)) == ["first", "second"]


def test_a_writer_does_not_wait_for_a_reader(database: Database) -> None:
    with database.reading() as reader:
        assert reader.exec(select(SupplierRow)).all() == []
        with database.writing() as session:
            session.add(a_supplier())

        assert reader.exec(select(SupplierRow)).all() == []


def test_all_that_one_reader_sees_is_of_one_moment(database: Database) -> None:
    with database.reading() as reader:
        before = reader.execute(text("SELECT count(*) FROM supplier")).scalar_one()
        with database.writing() as session:
            session.add(a_supplier())
        after = reader.execute(text("SELECT count(*) FROM supplier")).scalar_one()

    assert (before, after) == (0, 0)


def test_a_second_writer_on_sqlite_waits_and_then_says_so(sqlite: Database) -> None:
    with sqlite.writing() as session, sqlite.read_engine.connect() as other:
        session.add(a_supplier())
        session.flush()
        other.exec_driver_sql("PRAGMA busy_timeout=1")
        with pytest.raises(OperationalError, match="locked"):
            other.exec_driver_sql("UPDATE supplier SET country = 'US'")


def test_a_failed_statement_does_not_tell_its_values(sqlite: Database) -> None:
    with pytest.raises(IntegrityError) as failure, sqlite.writing() as session:
        session.add(a_tier("nobody", tier="the price is 2.63"))

    assert "[SQL parameters hidden" in str(failure.value)
    assert "2.63" not in str(failure.value)


def test_a_migration_that_orphans_rows_changes_nothing(sqlite: Database) -> None:
    with sqlite.writing() as session:
        session.add(a_supplier())

    contract = (
        "INSERT INTO contract (id, supplier_key, ref, folded_ref, currency, timezone, state, "
        "head_hash, recorded_at) VALUES ('c', 'nobody', 'r', 'r', 'USD', 'UTC', 'draft', '', 0)"
    )
    with pytest.raises(RefusedError, match="point nowhere"), sqlite.migrating() as connection:
        connection.execute(text(contract))

    with sqlite.reading() as session:
        assert session.execute(text("SELECT count(*) FROM contract")).scalar_one() == 0


def test_foreign_keys_are_on_where_rows_are_written(database: Database) -> None:
    with pytest.raises(IntegrityError), database.writing() as session:
        session.add(a_tier("nobody"))


def test_a_database_in_a_folder_that_is_not_there_does_not_open(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/nowhere/x.db")

    with pytest.raises(OperationalError), database.reading() as session:
        session.exec(select(SupplierRow)).all()
    database.close()
