"""The database: SQLite by default, PostgreSQL by URL, one way to read and one way to write.

SQLite has one writer. A transaction that begins by reading and then wants to write fails at once
if somebody else wrote meanwhile, whatever the busy timeout; so writing transactions begin with
BEGIN IMMEDIATE, through an engine of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError
from sqlmodel import Session

from broker.errors import BadInputError, RefusedError

BUSY_TIMEOUT_MS = 10_000
POOL_SIZE = 45
"""FastAPI answers in up to 40 threads; fewer connections than threads would starve them."""


class Database:
    """Sessions for reading and for writing.

    The values of a statement never reach an error message or the log: they are contract prices.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        try:
            parsed = make_url(url)
            self.dialect = parsed.get_backend_name()
            self.has_no_file = self.dialect == "sqlite" and not _names_a_file(parsed)
        except (ArgumentError, ValueError) as unreadable:  # ValueError: a port that is no number
            raise BadInputError(
                "TONNAGE_DATABASE_URL cannot be read; expected sqlite:///FILE or "
                "postgresql+psycopg://USER@HOST/NAME"
            ) from unreadable
        if self.dialect == "sqlite":
            self.write_engine = _sqlite(url, begin="BEGIN IMMEDIATE")
            self.read_engine = _sqlite(url, begin="BEGIN")
        elif self.dialect == "postgresql":
            self.write_engine = create_engine(
                url, pool_size=POOL_SIZE, pool_pre_ping=True, hide_parameters=True
            )
            # What is read together is of one moment, as on SQLite: a chain and its head, say.
            self.read_engine = self.write_engine.execution_options(
                isolation_level="REPEATABLE READ"
            )
        else:
            raise BadInputError(f"databases of kind {self.dialect} are not supported")

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session that writes nothing: closing it rolls back whatever it changed."""
        with Session(self.read_engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open the one transaction of a flow's step: committed at the end, or rolled back whole."""
        with Session(self.write_engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def trying(self) -> Iterator[Session]:
        """Open a writing transaction that is always rolled back: a dry run of the real thing."""
        with Session(self.write_engine) as session:
            session.begin()
            yield session

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """Open the one transaction of a schema change.

        SQLite rebuilds tables to change them, so foreign keys are off meanwhile and checked at the
        end; the pragma is ignored inside a transaction, hence a connection of its own.
        """
        if self.dialect != "sqlite":
            with self.write_engine.begin() as connection:
                connection.exec_driver_sql("SET LOCAL lock_timeout = '5s'")
                yield connection
            return
        engine = _sqlite(self._url, begin="BEGIN IMMEDIATE", foreign_keys=False)
        try:
            with engine.begin() as connection:
                yield connection
                if connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                    raise RefusedError(
                        "the migration left rows that point nowhere; nothing was changed"
                    )
        finally:
            engine.dispose()

    def close(self) -> None:
        """Give all connections back."""
        self.write_engine.dispose()
        self.read_engine.dispose()


def _names_a_file(url: URL) -> bool:
    return (url.database or ":memory:") != ":memory:"


def _sqlite(url: str, *, begin: str, foreign_keys: bool = True) -> Engine:
    engine = create_engine(
        url,
        pool_size=POOL_SIZE,
        hide_parameters=True,
        connect_args={"check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute(f"PRAGMA foreign_keys={int(foreign_keys)}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
