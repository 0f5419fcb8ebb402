"""Procurement plans over HTTP: made, listed, read, and without prices for who may not see them."""

from fastapi.testclient import TestClient

from broker.access.scope import Role
from broker.store.engine import Database
from tests.broker.api.clients import a_client
from tests.broker.procurement.cases import the_story_document
from tests.builders import MAY_15

STORY = {"input": the_story_document(), "with_sheets": False}


def made(database: Database) -> tuple[TestClient, str]:
    buyer = a_client(database, Role.PROCUREMENT, as_of=MAY_15)
    answer = buyer.post("/v1/procurement-plans", json=STORY)
    assert answer.status_code == 201
    return buyer, answer.json()["id"]


def test_a_plan_from_a_document_is_kept_and_read_again(database: Database) -> None:
    buyer, plan_id = made(database)

    found = buyer.get(f"/v1/procurement-plans/{plan_id}").json()
    [head] = buyer.get("/v1/procurement-plans").json()["items"]

    assert [each["gpus"] for each in found["plan"]["sign"]] == [256, 189]
    assert found["plan"]["sign"][0]["price_per_gpu_hour"] == "3.05"
    assert (head["id"], head["signatures"], head["leavings"]) == (plan_id, 2, 1)


def test_a_scheduler_sees_gpus_and_days_and_no_price(database: Database) -> None:
    _, plan_id = made(database)
    scheduler = a_client(database, Role.SCHEDULER, as_of=MAY_15)

    found = scheduler.get(f"/v1/procurement-plans/{plan_id}")
    refused = scheduler.post("/v1/procurement-plans", json=STORY)

    plan = found.json()["plan"]
    assert [each["gpus"] for each in plan["sign"]] == [256, 189]
    assert plan["sign"][0]["first_day_of_service"] == "2026-11-01"
    assert found.json()["input"] is None
    assert (plan["cost"], plan["cost_by_month"], plan["negotiation_sheets"]) == (None, [], [])
    assert "3.05" not in found.text
    assert refused.status_code == 403


def test_a_bad_document_is_refused_with_every_fault(database: Database) -> None:
    buyer = a_client(database, Role.PROCUREMENT, as_of=MAY_15)
    document = the_story_document()
    document["as_of"] = "soon"
    document["policy"]["survival"] = 2

    answer = buyer.post("/v1/procurement-plans", json={"input": document})

    assert answer.status_code == 400
    assert {fault["field"] for fault in answer.json()["errors"]} == {"as_of", "policy.survival"}


def test_a_plan_that_is_not_there_is_not_found(database: Database) -> None:
    buyer = a_client(database, Role.VIEWER, as_of=MAY_15)

    assert buyer.get("/v1/procurement-plans/none").status_code == 404
