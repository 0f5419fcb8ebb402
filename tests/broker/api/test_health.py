"""Whether the server runs and can work, as a load balancer asks it."""

import threading
from datetime import timedelta
from threading import Event

import pytest
from sqlalchemy import event

from broker.api.readiness import Readiness
from broker.errors import UnreachableError
from broker.flows.prepare_database import open_database
from broker.store import schema
from broker.store.engine import Database
from tests.broker.api.clients import a_client
from tests.broker.capacity_rows import put_sweep


def test_a_server_with_its_database_is_healthy_and_ready(database: Database) -> None:
    client = a_client(database)

    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready", "sweep_age_seconds": None}


def test_a_server_on_an_old_schema_is_healthy_but_not_ready(database: Database) -> None:
    schema.downgrade(database, "base")
    client = a_client(database)

    answer = client.get("/readyz")

    assert client.get("/healthz").status_code == 200
    assert answer.status_code == 503
    assert "tonnage db upgrade" in answer.json()["detail"]
    assert "Retry-After" in answer.headers


def test_a_server_without_its_database_is_healthy_but_not_ready() -> None:
    client = a_client(open_database("postgresql+psycopg://dana:hunter2@127.0.0.1:1/books"))

    answer = client.get("/readyz")

    assert client.get("/healthz").status_code == 200
    assert answer.status_code == 503
    assert "127.0.0.1" not in answer.text


def test_a_ready_server_tells_how_long_ago_leases_were_swept(database: Database) -> None:
    put_sweep(database, ago=timedelta(seconds=30))

    answer = a_client(database).get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["sweep_age_seconds"] >= 30


def test_a_database_that_takes_the_connection_and_says_nothing_is_not_waited_for(
    sqlite: Database,
) -> None:
    asked, may_answer = [], Event()

    @event.listens_for(sqlite.read_engine, "before_cursor_execute")
    def _hang(*_: object) -> None:
        asked.append(1)
        may_answer.wait()

    readiness = Readiness(sqlite, patience=timedelta(milliseconds=1))
    for _ in range(3):
        with pytest.raises(UnreachableError, match="has not answered within"):
            readiness.require()

    assert len(asked) <= 1
    may_answer.set()
    for thread in threading.enumerate():
        if thread.name == "ping":
            thread.join()
    event.remove(sqlite.read_engine, "before_cursor_execute", _hang)


class Engine:
    """An engine of which one can say whether its task still runs."""

    def __init__(self, *, is_alive: bool) -> None:
        self.is_alive = is_alive


def test_a_server_whose_engine_has_stopped_is_not_ready(sqlite: Database) -> None:
    readiness = Readiness(sqlite, patience=timedelta(minutes=1))

    assert readiness.require(Engine(is_alive=True)) is None
    with pytest.raises(UnreachableError, match="start the process again"):
        readiness.require(Engine(is_alive=False))


def test_a_process_without_an_engine_may_be_ready(sqlite: Database) -> None:
    assert Readiness(sqlite, patience=timedelta(minutes=1)).require() is None
