"""An empty database gets its schema; an older one is left alone; failures name no secret."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from broker.errors import BadInputError, RefusedError, UnreachableError
from broker.flows.prepare_database import (
    database_faults,
    open_database,
    prepare_database,
    require_answers,
    upgrade_database,
)
from broker.store import schema
from broker.store.engine import Database


def emptied(database: Database) -> None:
    schema.downgrade(database, "base")
    with database.migrating() as connection:
        connection.execute(sa.text("DROP TABLE alembic_version"))


def test_a_database_without_any_table_gets_its_schema(database: Database) -> None:
    emptied(database)

    prepare_database(database)

    assert database_faults(database) == []


def test_a_prepared_database_stays_as_it_is(database: Database) -> None:
    prepare_database(database)

    require_answers(database)


def test_an_older_database_is_not_touched_and_the_refusal_names_the_command(
    database: Database,
) -> None:
    schema.downgrade(database, "base")

    with pytest.raises(RefusedError, match="run: tonnage db upgrade"):
        prepare_database(database)

    assert database_faults(database) != []


def test_somebody_elses_database_is_not_touched(sqlite: Database) -> None:
    emptied(sqlite)
    with sqlite.migrating() as connection:
        connection.execute(sa.text("CREATE TABLE payroll (id INTEGER)"))

    with pytest.raises(RefusedError):
        prepare_database(sqlite)

    with sqlite.read_engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == ["payroll"]


def test_an_upgrade_brings_an_older_database_to_the_newest_schema(database: Database) -> None:
    schema.downgrade(database, "base")

    assert upgrade_database(database) == schema.newest()
    assert database_faults(database) == []


def test_a_file_that_is_no_database_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("this is not a database, but long enough to be looked at as one" * 20)
    database = open_database(f"sqlite:///{path}")

    with pytest.raises(UnreachableError, match=r"notes\.txt cannot be used"):
        prepare_database(database)
    database.close()


def test_a_server_that_is_away_is_named_without_its_password() -> None:
    database = open_database("postgresql+psycopg://dana:hunter2@127.0.0.1:1/books?user=hunter3")

    with pytest.raises(UnreachableError) as refused:
        database_faults(database)

    assert "127.0.0.1/books" in str(refused.value)
    assert "hunter" not in str(refused.value)


def test_whoever_asks_a_server_whether_it_is_ready_does_not_learn_where_its_database_is() -> None:
    database = open_database("postgresql+psycopg://dana:hunter2@127.0.0.1:1/books")

    with pytest.raises(UnreachableError) as refused:
        require_answers(database)

    assert str(refused.value) == "the database does not answer"


def test_a_driver_that_is_missing_is_told_with_what_installs_it() -> None:
    with pytest.raises(BadInputError, match=r"tonnage\[postgres\]"):
        open_database("postgresql+psycopg2://dana@127.0.0.1/books")
