from __future__ import annotations

import json
from typing import Any

import pytest

from broker.access.scope import Role
from broker.api.limits import SMALL_BODY_BYTES
from broker.api.wire.plans import PlanOut
from broker.flows.plan_placement import newest
from broker.store.engine import Database
from tests.broker.api.clients import a_client
from tests.broker.flows.plans import a_snapshot_document, too_much


def asked(**more: Any) -> dict[str, Any]:
    return {"snapshot": a_snapshot_document(), "budget_seconds": 5, **more}


def test_a_snapshot_becomes_a_plan_on_record(database: Database) -> None:
    client = a_client(database, Role.PROCUREMENT)

    answer = client.post("/v1/plans", json=asked())

    assert answer.status_code == 201
    plan = answer.json()
    assert plan["status"] == "optimal"
    assert plan["cost_per_hour"] == {
        "new": "16", "sunk": "25.36", "starts": "0", "opportunity": "0.16",
    }  # fmt: skip
    assert plan["serving"][0]["class"] == "default"
    assert answer.headers["Location"] == f"/v1/plans/{plan['id']}"
    assert client.get(f"/v1/plans/{plan['id']}").json() == plan
    (entry,) = client.get("/v1/plans").json()["items"]
    assert (entry["id"], entry["hash"]) == (plan["id"], plan["hash"])


def test_plans_are_read_page_by_page(sqlite: Database) -> None:
    client = a_client(sqlite, Role.ADMIN)
    made = [client.post("/v1/plans", json=asked()).json()["id"] for _ in range(3)]

    first = client.get("/v1/plans", params={"limit": 2}).json()
    second = client.get(
        "/v1/plans", params={"limit": 2, "page_token": first["next_page_token"]}
    ).json()

    assert [each["id"] for each in (*first["items"], *second["items"])] == made[::-1]
    assert second["next_page_token"] is None


def test_a_plan_that_falls_short_is_an_answer_and_no_error(sqlite: Database) -> None:
    answer = a_client(sqlite, Role.ADMIN).post("/v1/plans", json=asked(snapshot=too_much()))

    assert answer.status_code == 201
    assert answer.json()["status"] == "short"
    assert answer.json()["unserved"][0]["tokens_per_second"] == pytest.approx(7000)


def test_a_bad_snapshot_gets_every_fault_with_its_path(sqlite: Database) -> None:
    document = a_snapshot_document()
    document["pools"][0] |= {"node": "moon", "capacity_gpus": True}

    answer = a_client(sqlite, Role.ADMIN).post("/v1/plans", json=asked(snapshot=document))

    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert {each["field"] for each in answer.json()["errors"]} == {
        "pools[0].node",
        "pools[0].capacity_gpus",
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "snapshot"),
        ({"live": True, "snapshot": {}}, "snapshot"),
        ({"live": "yes"}, "live"),
        ({"live": True, "budget_seconds": 1e9}, "budget_seconds"),
        ({"live": True, "budget": 3}, "budget"),
        ([], "$"),
    ],
)
def test_a_request_that_is_none_is_refused_with_its_fault(
    sqlite: Database, body: object, field: str
) -> None:
    answer = a_client(sqlite, Role.ADMIN).post("/v1/plans", json=body)

    assert answer.status_code == 400
    assert field in {each["field"] for each in answer.json()["errors"]}


def test_a_body_that_is_no_json_is_refused(sqlite: Database) -> None:
    client = a_client(sqlite, Role.ADMIN)

    assert client.post("/v1/plans", content=b"{}").status_code == 415
    headers = {"Content-Type": "application/json"}
    assert client.post("/v1/plans", content=b"{", headers=headers).status_code == 400


def test_a_snapshot_may_be_large(sqlite: Database) -> None:
    document = a_snapshot_document()
    pool = document["pools"][0]
    document["pools"] += [pool | {"pool": f"p1/{number}"} for number in range(500)]
    assert len(json.dumps(document)) > SMALL_BODY_BYTES

    answer = a_client(sqlite, Role.ADMIN).post("/v1/plans", json=asked(snapshot=document))

    assert answer.status_code == 201


def test_the_same_key_gets_the_same_plan(sqlite: Database) -> None:
    client = a_client(sqlite, Role.SCHEDULER)
    key = {"Idempotency-Key": "round-17"}

    first = client.post("/v1/plans", json=asked(), headers=key)
    again = client.post("/v1/plans", json=asked(), headers=key)
    other = client.post("/v1/plans", json=asked(budget_seconds=6), headers=key)

    assert first.json() == again.json()
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert other.status_code == 422


def test_what_contracts_cost_is_for_those_who_read_contracts(sqlite: Database) -> None:
    scheduler = a_client(sqlite, Role.SCHEDULER)

    plan = scheduler.post("/v1/plans", json=asked()).json()

    assert plan["cost_per_hour"]["sunk"] is None
    assert plan["gap_managed"] is None
    assert plan["cost_per_hour"]["new"] == "16"
    seen = a_client(sqlite, Role.VIEWER).get(f"/v1/plans/{plan['id']}").json()
    assert seen["cost_per_hour"]["sunk"] == "25.36"


def test_the_placements_of_a_plan_run_when_the_next_is_made(sqlite: Database) -> None:
    client = a_client(sqlite, Role.ADMIN)
    document = a_snapshot_document()
    document["models"][0]["start_cost"] = "5"
    first = client.post("/v1/plans", json=asked(snapshot=document)).json()

    after = client.post("/v1/plans", json=asked(snapshot=document, current_plan=first["id"])).json()

    assert (first["cost_per_hour"]["starts"], after["cost_per_hour"]["starts"]) == ("5", "0")
    assert after["parent_id"] == first["id"]
    unknown = client.post("/v1/plans", json=asked(current_plan="unknown"))
    assert unknown.status_code == 404


def test_books_without_demand_say_what_is_lacking(sqlite: Database) -> None:
    answer = a_client(sqlite, Role.ADMIN).post("/v1/plans", json={"live": True})

    assert answer.status_code == 400
    assert "tonnage demand import" in answer.json()["errors"][0]["message"]


def test_more_plans_at_once_than_there_are_processors_for_are_put_off(sqlite: Database) -> None:
    client = a_client(sqlite, Role.ADMIN)
    turns = client.app.state.wiring.plan_turns  # type: ignore[attr-defined]
    while turns.acquire(blocking=False):
        pass

    answer = client.post("/v1/plans", json=asked())

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


def test_prices_of_confidential_suppliers_take_their_sums_with_them(sqlite: Database) -> None:
    a_client(sqlite, Role.ADMIN).post("/v1/plans", json=asked())

    seen = PlanOut.of(newest(sqlite), hidden_suppliers={"p1"})

    assert seen.purchases[0].price_per_gpu_hour is None
    assert (seen.cost_per_hour.new, seen.bound_per_hour, seen.gap_variable) == (None, None, None)
    assert [each.pool for each in seen.shadow_prices if each.pool == "p1/H100"] == []
