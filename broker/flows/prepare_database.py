"""Opens the database that is set, gives an empty one its schema, and says what is wrong with it."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from broker.errors import BadInputError, RefusedError, UnreachableError
from broker.store import schema
from broker.store.engine import Database


def open_database(url: str) -> Database:
    """Return the database at a URL without talking to it; raise BadInputError if that is no URL."""
    try:
        return Database(url)
    except ModuleNotFoundError as missing:
        raise BadInputError(
            f"the database driver {missing.name} is not installed; for PostgreSQL install "
            "tonnage[postgres] and begin TONNAGE_DATABASE_URL with postgresql+psycopg://"
        ) from missing


def prepare_database(database: Database) -> None:
    """Make sure the schema is as expected; only a database without any table is changed.

    Raises UnreachableError when the database does not answer, RefusedError when its schema is
    older, newer or damaged.
    """
    try:
        if _is_empty(database):
            _create_schema(database)
        schema.require_ready(database)
    except SQLAlchemyError as failure:
        raise unanswered(database, failure) from failure


def upgrade_database(database: Database) -> str | None:
    """Bring the schema to the newest revision and return it."""
    try:
        schema.upgrade(database)
        schema.require_ready(database)
    except SQLAlchemyError as failure:
        raise unanswered(database, failure) from failure
    return schema.newest()


def database_faults(database: Database) -> list[str]:
    """Return what is wrong with the schema; raise UnreachableError if nobody answers."""
    try:
        return schema.faults(database)
    except SQLAlchemyError as failure:
        raise unanswered(database, failure) from failure


def require_answers(database: Database) -> None:
    """Raise UnreachableError unless the database answers and its schema is as expected.

    Anybody may ask this of a server, so the message does not say where the database is.
    """
    try:
        wrong = schema.faults(database)
    except SQLAlchemyError as failure:
        raise UnreachableError("the database does not answer") from failure
    if wrong:
        raise UnreachableError("; ".join(wrong))


def unanswered(database: Database, failure: SQLAlchemyError) -> UnreachableError:
    """Return the refusal for a failure; it names the place, but no user, password or statement."""
    url = database.read_engine.url
    place = url.database if database.dialect == "sqlite" else f"{url.host}/{url.database}"
    return UnreachableError(
        f"the {database.dialect} database {place} cannot be used ({type(failure).__name__}); "
        "check TONNAGE_DATABASE_URL, that the database runs, and that it may be read and written"
    )


def _is_empty(database: Database) -> bool:
    with database.read_engine.connect() as connection:
        return not sa.inspect(connection).get_table_names()


def _create_schema(database: Database) -> None:
    try:
        schema.upgrade(database)
    except (SQLAlchemyError, RefusedError):
        # Two programs that start together both find the database empty; the second to write loses.
        if schema.faults(database):
            raise
