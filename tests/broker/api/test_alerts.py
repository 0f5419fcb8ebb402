"""The inbox over HTTP."""

from datetime import date

import pytest
from fastapi.testclient import TestClient

from broker.access.scope import Role
from broker.store.engine import Database
from tests.broker.api.clients import a_client
from tests.broker.story import load_contracts
from tests.builders import MAY_15, NOON


@pytest.fixture
def buyer(database: Database) -> TestClient:
    load_contracts(database)
    return a_client(database, Role.PROCUREMENT, as_of=MAY_15, clock=lambda: NOON)


def evaluated(client: TestClient, **body: str) -> list[dict[str, str]]:
    answer = client.post("/v1/alerts:evaluate", json=body)
    assert answer.status_code == 200, answer.text
    alerts: list[dict[str, str]] = answer.json()["alerts"]
    return alerts


def listed(client: TestClient, **query: str) -> list[dict[str, str]]:
    answer = client.get("/v1/alerts", params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, str]] = answer.json()["items"]
    return items


def test_an_evaluation_answers_with_what_it_raised(buyer: TestClient) -> None:
    first, second = evaluated(buyer), evaluated(buyer)
    again = evaluated(buyer, as_of="2026-05-15", since="2026-05-01")

    assert {each["rule"] for each in first} == {"notice_deadline", "expiry_no_successor"}
    assert second == []
    assert {each["fingerprint"] for each in again} == {each["fingerprint"] for each in first}
    assert not any(each["new"] for each in again)


def test_lists_are_filtered_and_newest_first(buyer: TestClient) -> None:
    evaluated(buyer)

    assert {each["rule"] for each in listed(buyer, rule="notice_deadline")} == {"notice_deadline"}
    assert listed(buyer, state="resolved") == []
    assert listed(buyer, severity="critical") == []
    assert listed(buyer, since="2026-05-16") == []
    assert len(listed(buyer, limit="2")) == 2
    days = [each["raised_on"] for each in listed(buyer)]
    assert days == sorted(days, reverse=True)


def test_an_alert_goes_through_the_inbox(buyer: TestClient) -> None:
    alert = evaluated(buyer)[0]
    place, reason = f"/v1/alerts/{alert['fingerprint'][:12]}", {"reason": "as discussed"}

    steps = [
        ("acknowledge", reason),
        ("assign", {**reason, "to": "kim"}),
        ("snooze", {**reason, "until": "2026-05-20"}),
        ("resolve", reason),
        ("reopen", reason),
    ]
    answers = [buyer.post(f"{place}/{step}", json=body) for step, body in steps]
    found = buyer.get(place).json()

    assert [answer.status_code for answer in answers] == [200] * len(steps)
    assert [each["action"] for each in found["events"]] == [
        "raised",
        "acknowledged",
        "assigned",
        "snoozed",
        "resolved",
        "reopened",
    ]
    assert (found["id"], found["assignee"]) == (alert["id"], "kim")


@pytest.mark.parametrize(
    ("step", "body", "status"),
    [
        ("acknowledge", {}, 422),
        ("acknowledge", {"reason": " "}, 422),
        ("reopen", {"reason": "x"}, 409),
        ("snooze", {"reason": "x", "until": "2030-01-01"}, 409),
        ("assign", {"reason": "x", "to": " "}, 422),
    ],
)
def test_a_move_that_cannot_be_is_refused(
    buyer: TestClient, step: str, body: dict[str, str], status: int
) -> None:
    alert = evaluated(buyer)[0]

    answer = buyer.post(f"/v1/alerts/{alert['id']}/{step}", json=body)

    assert answer.status_code == status
    assert buyer.get(f"/v1/alerts/{alert['id']}").json()["state"] == "open"


def test_an_alert_that_is_not_there_is_not_found(buyer: TestClient) -> None:
    assert buyer.get("/v1/alerts/0000000000").status_code == 404
    assert buyer.get("/v1/alerts/%25%25%25%25").status_code == 422


def test_since_after_the_last_day_is_bad_input(buyer: TestClient) -> None:
    body = {"as_of": "2026-05-01", "since": "2026-05-02"}

    assert buyer.post("/v1/alerts:evaluate", json=body).status_code == 400


def test_rules_are_read_and_set_within_a_scope(buyer: TestClient) -> None:
    place = "/v1/alert-rules/list_price_jump"
    body = {"scope": "supplier:acme", "values": {"step_rise": "0.3", "flips": 3}}

    made, again = buyer.put(place, json=body), buyer.put(place, json=body)
    rules = {each["rule"]: each for each in buyer.get("/v1/alert-rules").json()["items"]}
    emptied = buyer.put(place, json={"scope": "supplier:acme", "values": {}}).json()

    assert (made.status_code, made.json()) == (200, again.json())
    (override,) = rules["list_price_jump"]["overrides"]
    assert (override["scope"], override["values"]) == (body["scope"], body["values"])
    assert rules["list_price_jump"]["thresholds"]["step_rise"] == "0.15"
    assert emptied["overrides"] == []


@pytest.mark.parametrize(
    ("rule", "values"),
    [
        ("renewal_hike", {"warn": {"raise_above": "0.2", "clear_at": "0.15"}}),
        ("notice_deadline", {"steps": [30, 7, "passed"]}),
    ],
)
def test_bands_and_steps_come_back_as_they_were_set(
    buyer: TestClient, rule: str, values: dict[str, object]
) -> None:
    answer = buyer.put(f"/v1/alert-rules/{rule}", json={"values": values})

    assert answer.status_code == 200, answer.text
    assert answer.json()["thresholds"].items() >= values.items()


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"step_rise": 0.3}, 422),
        ({"flips": True}, 422),
        ({"step_rise": "much"}, 400),
        ({"window": 3}, 400),
        ({"memory_days": 3}, 400),
    ],
)
def test_thresholds_that_cannot_hold_are_refused(
    buyer: TestClient, values: dict[str, object], status: int
) -> None:
    answer = buyer.put("/v1/alert-rules/list_price_jump", json={"values": values})

    assert answer.status_code == status
    assert "overrides" not in answer.json()


def test_a_viewer_reads_the_inbox_and_moves_nothing(database: Database) -> None:
    viewer = a_client(database, Role.VIEWER, as_of=date(2026, 5, 15))

    assert viewer.get("/v1/alerts").status_code == 200
    assert viewer.post("/v1/alerts:evaluate", json={}).status_code == 403
