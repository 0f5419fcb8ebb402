"""Whether the server runs and can work, as a load balancer asks it."""

from broker.flows.prepare_database import open_database
from broker.store import schema
from broker.store.engine import Database
from tests.broker.api.clients import a_client


def test_a_server_with_its_database_is_healthy_and_ready(database: Database) -> None:
    client = a_client(database)

    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}


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
