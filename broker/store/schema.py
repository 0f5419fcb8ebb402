"""Brings a database to the newest schema, takes it back, and says whether it is as expected."""

from __future__ import annotations

from collections.abc import Callable

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from broker.errors import RefusedError
from broker.store.engine import Database
from broker.store.triggers import create_triggers, missing


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the database to `revision` and restore lost triggers; twice changes nothing."""
    _run(database, lambda config: command.upgrade(config, revision))
    with database.migrating() as connection:
        create_triggers(connection)


def downgrade(database: Database, revision: str) -> None:
    """Take the database back to `revision`."""
    _run(database, lambda config: command.downgrade(config, revision))


def newest() -> str | None:
    """Return the newest revision that this version of the product knows."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def faults(database: Database) -> list[str]:
    """Return what is wrong with the schema, each with what to do; empty when all is well."""
    if database.has_no_file:  # each connection would see a database of its own
        return ["a SQLite database needs a file, for instance sqlite:///tonnage.db"]
    with database.read_engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        if current != newest():
            return [
                f"the database is at revision {current or 'none'}, expected {newest()}; "
                "run: tonnage db upgrade"
            ]
        lost = [
            f"trigger {name} is missing; run: tonnage db upgrade" for name in missing(connection)
        ]
        if database.dialect == "postgresql":
            encoding = connection.execute(text("SHOW server_encoding")).scalar()
            if encoding != "UTF8":
                lost.append(f"the server encoding is {encoding}; create the database as UTF8")
        return lost


def require_ready(database: Database) -> None:
    """Raise RefusedError unless the schema is as expected."""
    wrong = faults(database)
    if wrong:
        raise RefusedError("; ".join(wrong))


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "broker.store:migrations")
    return config


def _run(database: Database, order: Callable[[Config], None]) -> None:
    config = _config()
    with database.migrating() as connection:
        config.attributes["connection"] = connection
        order(config)
