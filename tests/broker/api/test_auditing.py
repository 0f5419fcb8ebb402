"""Who did what over HTTP is on record, also what was refused."""

import logging
from typing import Annotated, Any

import pytest
from fastapi import APIRouter
from sqlalchemy import text

from broker.access.scope import Role, Scope
from broker.api.wiring import Caller, requires
from broker.flows.keep_audit import verify_audit
from broker.store.engine import Database
from broker.store.triggers import drop_triggers
from tests.broker.api.clients import a_client, a_key, signed_by

RULE = "/v1/alert-rules/notice_deadline"


def entries(database: Database, **wanted: Any) -> list[dict[str, Any]]:
    answer = a_client(database, Role.ADMIN).get("/v1/audit", params=wanted)
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def requests_in(database: Database) -> list[tuple[str, int]]:
    """Method and route with the status, of requests only, oldest first."""
    told = entries(database, limit=1000)[::-1]
    return [(entry["action"], entry["status"]) for entry in told if entry["status"]]


def test_a_change_is_on_record_with_who_what_and_from_where(database: Database) -> None:
    key = a_key(database, Role.ADMIN, name="ops")
    client = a_client(database)

    answer = client.post("/v1/keys", headers=signed_by(key), json={"name": "bot", "role": "viewer"})

    [request] = entries(database, action="POST /v1/keys")
    assert (request["actor"], request["key_id"], request["status"]) == ("ops", key.id, 201)
    assert request["object_id"] == "/v1/keys"
    assert request["request_id"] == answer.headers["X-Request-Id"]
    assert request["address"] == "testclient"
    made = next(entry for entry in entries(database) if entry["object_id"] == answer.json()["id"])
    assert (made["action"], made["request_id"]) == ("key.created", request["request_id"])
    assert verify_audit(database).ok


def test_a_route_is_named_without_the_values_in_its_path(sqlite: Database) -> None:
    client, key = a_client(sqlite, Role.ADMIN), a_key(sqlite, Role.VIEWER)

    client.post(f"/v1/keys/{key.id}/rotate", json={"overlap_seconds": 60})

    [request] = entries(sqlite, action="POST /v1/keys/{key_id}/rotate")
    assert (request["object_id"], request["status"]) == (f"/v1/keys/{key.id}/rotate", 201)


def test_what_was_refused_is_on_record_too(sqlite: Database) -> None:
    admin, viewer = a_client(sqlite, Role.ADMIN), a_client(sqlite, Role.VIEWER)

    viewer.post("/v1/keys", json={"name": "bot", "role": "admin"})
    admin.post("/v1/keys", json={"name": "bot", "role": "king"})
    admin.delete("/v1/keys/nobody00")

    assert requests_in(sqlite) == [
        ("POST /v1/keys", 403),
        ("POST /v1/keys", 422),
        ("DELETE /v1/keys/{key_id}", 404),
    ]


def test_reading_is_not_on_record_nor_is_a_stranger(sqlite: Database) -> None:
    admin = a_client(sqlite, Role.ADMIN)

    admin.get("/v1/keys")
    a_client(sqlite).post("/v1/keys", json={"name": "bot", "role": "admin"})

    assert requests_in(sqlite) == []


router = APIRouter(prefix="/v1")


@router.post("/lease")
def lease(_: Annotated[Caller, requires(Scope.CAPACITY_WRITE)]) -> None:
    """Stands for the hot path, which writes its own record."""


@router.post("/crash")
def crash(_: Annotated[Caller, requires(Scope.CAPACITY_ADMIN)]) -> None:
    raise RuntimeError("a bug")


def test_leases_are_on_record_elsewhere_and_cost_no_entry(sqlite: Database) -> None:
    client = a_client(sqlite, Role.SCHEDULER, extra=[router])

    assert client.post("/v1/lease").status_code == 200

    assert requests_in(sqlite) == []


def test_a_request_that_crashed_is_on_record(sqlite: Database) -> None:
    client = a_client(sqlite, Role.ADMIN, extra=[router])

    assert client.post("/v1/crash").status_code == 500

    assert requests_in(sqlite) == [("POST /v1/crash", 500)]


def test_an_entry_that_cannot_be_written_costs_the_entry_and_is_in_the_log(
    sqlite: Database, caplog: pytest.LogCaptureFixture
) -> None:
    client = a_client(sqlite, Role.PROCUREMENT)
    with sqlite.migrating() as connection:
        drop_triggers(connection)
        connection.execute(text("DROP TABLE audit"))

    with caplog.at_level(logging.ERROR):
        answer = client.put(RULE, json={"scope": "global", "values": {}})

    assert answer.status_code == 200
    [record] = [one for one in caplog.records if "missing in the audit log" in one.message]
    assert record.__dict__["request_id"] == answer.headers["X-Request-Id"]


def test_a_key_is_not_made_when_that_cannot_be_put_on_record(sqlite: Database) -> None:
    admin = a_client(sqlite, Role.ADMIN)
    with sqlite.migrating() as connection:
        drop_triggers(connection)
        connection.execute(text("DROP TABLE audit"))

    answer = admin.post("/v1/keys", json={"name": "bot", "role": "viewer"})

    assert answer.status_code == 503
    assert [entry["name"] for entry in admin.get("/v1/keys").json()["items"]] != ["bot"]
    assert len(admin.get("/v1/keys").json()["items"]) == 1


def test_the_log_is_read_page_by_page(sqlite: Database) -> None:
    for _ in range(5):
        a_key(sqlite, Role.VIEWER)
    admin = a_client(sqlite, Role.ADMIN)

    seen, before = [], None
    for _ in range(10):
        page = admin.get("/v1/audit", params={"limit": 2, **({"before": before} if before else {})})
        seen += [entry["seq"] for entry in page.json()["items"]]
        before = page.json()["next_before"]
        if before is None:
            break

    assert seen == [6, 5, 4, 3, 2, 1]
