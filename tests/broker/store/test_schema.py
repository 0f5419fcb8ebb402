"""Migrations go up, match the tables, and come down, on both databases."""

from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from broker.store import keys, schema
from broker.store.engine import Database
from broker.store.tables import ApiKeyRow, Table
from broker.store.triggers import APPEND_ONLY, expected, missing


def test_the_newest_schema_is_what_the_tables_say(database: Database) -> None:
    with database.read_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})

        assert compare_metadata(context, Table.metadata) == []


def test_a_schema_goes_down_to_nothing_and_up_again(database: Database) -> None:
    schema.downgrade(database, "base")
    assert "tonnage db upgrade" in schema.faults(database)[0]

    schema.upgrade(database)
    assert schema.faults(database) == []


def test_keys_that_were_rotated_do_not_stand_in_the_way_down(database: Database) -> None:
    for key_id, replaced_by in (("old00000", "new00000"), ("new00000", None)):
        with database.writing() as session:
            session.add(
                ApiKeyRow(
                    id=key_id,
                    name="dana",
                    role="viewer",
                    digest="00",
                    last4="abcd",
                    created_at=datetime(2026, 5, 15, tzinfo=UTC),
                    replaced_by=replaced_by,
                )
            )

    schema.downgrade(database, "0002")
    schema.upgrade(database)

    with database.reading() as session:
        assert [key.id for key in keys.bearing(session, "dana")] == ["new00000"]
    assert schema.faults(database) == []


def test_upgrading_twice_changes_nothing(database: Database) -> None:
    schema.upgrade(database)

    assert schema.faults(database) == []


def test_a_lost_trigger_is_noticed(database: Database) -> None:
    trigger = expected(database.dialect)[0]
    suffix = f" ON {trigger.table}" if database.dialect == "postgresql" else ""
    with database.migrating() as connection:
        connection.execute(text(f"DROP TRIGGER {trigger.name}{suffix}"))

    assert any(trigger.name in fault for fault in schema.faults(database))
    with database.read_engine.connect() as connection:
        assert missing(connection) == [trigger.name]

    schema.upgrade(database)
    assert schema.faults(database) == []


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_append_only_tables_have_their_triggers(table: str) -> None:
    guarded = {trigger.when for trigger in expected("sqlite") if trigger.table == table}
    on_postgresql = {trigger.when for trigger in expected("postgresql") if trigger.table == table}

    assert guarded == {"BEFORE UPDATE", "BEFORE DELETE"}
    assert on_postgresql == guarded | {"BEFORE TRUNCATE"}


@pytest.mark.postgres
@pytest.mark.parametrize("table", APPEND_ONLY)
def test_an_append_only_table_is_not_emptied_at_one_stroke(postgres: Database, table: str) -> None:
    with postgres.write_engine.connect() as connection, pytest.raises(DBAPIError, match="append"):
        connection.execute(text(f"TRUNCATE {table} CASCADE"))
