"""Whether this process can serve: the database answers soon, its schema and the engine are well."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import timedelta
from threading import Lock, Thread
from typing import Final, Protocol

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from broker.errors import UnreachableError
from broker.flows.prepare_database import require_answers
from broker.store.engine import Database
from broker.store.job_runs import database_now
from broker.store.measures import swept_at

PATIENCE: Final = timedelta(seconds=1)
"""How long the database may take to answer; a load balancer asks again soon."""


class TellsLife(Protocol):
    """Something with a task of its own that may have died."""

    @property
    def is_alive(self) -> bool:
        """Say whether it still works."""
        ...


class Readiness:
    """Asks the database with a deadline: it may take the connection and then say nothing.

    A question that nobody waits for any more cannot be taken back, so there is never more than
    one under way; whoever comes meanwhile waits for the answer to that one.
    """

    def __init__(self, database: Database, *, patience: timedelta = PATIENCE) -> None:
        self._database = database
        self._patience = patience
        self._lock = Lock()
        self._asked: Future[None] | None = None

    def require(self, engine: TellsLife | None = None) -> timedelta | None:
        """Return how long ago leases were swept, None if never; UnreachableError if not ready.

        An old sweep is told and does not make a process unready: no other would be better.
        """
        self._require_answer()
        require_answers(self._database)
        if engine is not None and not engine.is_alive:
            raise UnreachableError(
                "the engine that grants leases has stopped; start the process again"
            )
        try:
            with self._database.reading() as session:
                at = swept_at(session)
                return None if at is None else database_now(session) - at
        except SQLAlchemyError as failure:
            raise UnreachableError("the database does not answer") from failure

    def _require_answer(self) -> None:
        with self._lock:
            if self._asked is None or self._asked.done():
                self._asked = Future()
                Thread(target=self._ask, args=(self._asked,), name="ping", daemon=True).start()
            asked = self._asked
        try:
            asked.result(timeout=self._patience.total_seconds())
        except TimeoutError as late:
            seconds = self._patience.total_seconds()
            raise UnreachableError(
                f"the database has not answered within {seconds:g} seconds"
            ) from late
        except SQLAlchemyError as failure:
            raise UnreachableError("the database does not answer") from failure

    def _ask(self, asked: Future[None]) -> None:
        try:
            with self._database.read_engine.connect() as connection:
                connection.execute(text("SELECT 1"))
            asked.set_result(None)
        except SQLAlchemyError as failure:
            asked.set_exception(failure)
        finally:
            if not asked.done():  # or everybody after would wait for this answer
                asked.set_exception(UnreachableError("the database could not be asked"))
