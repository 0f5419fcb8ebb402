"""The role that the product runs as on PostgreSQL: it adds to the books and never changes them."""

from pathlib import Path

import pytest
import sqlalchemy as sa

import broker.store
from broker.store.engine import Database
from broker.store.triggers import APPEND_ONLY, drop_triggers

ROLES = Path(str(broker.store.__file__)).with_name("roles.sql")

pytestmark = pytest.mark.postgres


@pytest.fixture
def guarded(postgres: Database) -> sa.Engine:
    with postgres.migrating() as connection:
        drop_triggers(connection)  # so that only the rights are left to refuse
        connection.exec_driver_sql(ROLES.read_text())
    return postgres.write_engine


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("order", ["DELETE FROM {}", "UPDATE {} SET {} = NULL", "TRUNCATE {}"])
def test_the_role_cannot_change_what_is_written(guarded: sa.Engine, table: str, order: str) -> None:
    column = sa.inspect(guarded).get_columns(table)[0]["name"]
    with guarded.connect() as connection:
        connection.exec_driver_sql("SET ROLE tonnage_app")

        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
            connection.exec_driver_sql(order.format(table, column))


def test_the_role_can_add_to_the_books(guarded: sa.Engine) -> None:
    with guarded.connect() as connection:
        connection.exec_driver_sql("SET ROLE tonnage_app")
        connection.exec_driver_sql(
            "INSERT INTO event (stream, seq, kind, payload, valid_from, recorded_at, actor, reason,"
            " prev_hash, hash) VALUES ('s', 1, 'k', '{}', '2026-05-15', now(), 'a', 'r', '0', '1')"
        )

        assert connection.exec_driver_sql("SELECT count(*) FROM event").scalar() == 1
