"""The book of record over HTTP: whether it verifies."""

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from broker.access.scope import Role
from broker.store.engine import Database
from tests.broker.api.clients import a_client
from tests.broker.flows.ledger_book import HARBOR, keep_books


@pytest.fixture
def client(database: Database) -> TestClient:
    """Return a client of the administrator, over three contracts."""
    keep_books(database)
    return a_client(database, Role.ADMIN)


def verification(client: TestClient) -> dict[str, object]:
    answer = client.get("/v1/ledger/verification")
    assert answer.status_code == 200, answer.text
    told: dict[str, object] = answer.json()
    return told


def change(database: Database, *statements: str) -> None:
    with database.writing() as session:
        for statement in statements:
            session.execute(text(statement))


def without_guards(database: Database) -> None:
    on = " ON event" if database.dialect == "postgresql" else ""
    change(database, f"DROP TRIGGER event_no_update{on}", f"DROP TRIGGER event_no_delete{on}")


def test_a_whole_book_verifies_and_tells_its_root(client: TestClient) -> None:
    told = verification(client)

    assert (told["ok"], told["events"], told["broken"]) == (True, 8, None)
    assert (told["drift"], told["unguarded"]) == ([], [])
    assert len(str(told["root"])) == 64


def test_the_first_broken_event_is_named_and_nothing_is_written_behind_it(
    client: TestClient, database: Database
) -> None:
    without_guards(database)
    change(database, "UPDATE event SET actor = 'eve' WHERE payload LIKE '%2.63%'")

    told = verification(client)
    assert told["ok"] is False
    broken = told["broken"]
    assert isinstance(broken, dict)
    assert (broken["seq"], broken["what"]) == (2, "its content does not match its hash")
    assert told["unguarded"] == ["event_no_update", "event_no_delete"]

    moved = client.post(
        f"/v1/contracts/{HARBOR}/transitions", json={"to": "terminated", "reason": "x"}
    )
    assert moved.status_code == 409
    assert moved.json()["code"] == "broken-ledger"


def test_a_contract_whose_event_cannot_be_read_is_a_problem_and_no_crash(
    client: TestClient, database: Database
) -> None:
    without_guards(database)
    change(database, "UPDATE event SET payload = 'x' WHERE payload LIKE '%2.63%'")

    answer = client.get(f"/v1/contracts/{HARBOR}")

    assert answer.status_code == 409
    assert "tonnage ledger verify" in answer.json()["detail"]


def test_a_table_that_differs_from_its_events_is_named(
    client: TestClient, database: Database
) -> None:
    change(database, "UPDATE contract SET state = 'draft' WHERE ref = 'KC-10'")

    (told,) = client.get("/v1/ledger/verification").json()["drift"]
    assert told.endswith(": contract")
