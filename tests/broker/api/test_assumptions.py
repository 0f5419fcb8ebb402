"""Assumptions over HTTP."""

import pytest

from broker.access.scope import Role
from broker.store.engine import Database
from tests.broker import story
from tests.broker.api.clients import a_client
from tests.builders import MAY_15

BUSY = {
    "name": "busy_fraction",
    "scope": f"line:{story.HARBOR}",
    "value": "0.90",
    "source": "capacity, May",
}


def test_a_statement_counts_from_today_and_is_in_force(told: Database) -> None:
    buyer = a_client(told, Role.PROCUREMENT, as_of=MAY_15)

    made = buyer.post("/v1/assumptions", json=BUSY)
    listed = buyer.get("/v1/assumptions").json()

    assert made.status_code == 201
    assert made.json()["valid_from"] == "2026-05-15"
    entry = next(each for each in listed["items"] if each["id"] == made.json()["id"])
    assert (entry["value"], entry["scope"], entry["in_force"]) == ("0.9", BUSY["scope"], True)


def test_a_narrower_statement_changes_the_brief(told: Database) -> None:
    buyer = a_client(told, Role.PROCUREMENT, as_of=MAY_15)
    line_id = buyer.get("/v1/renewals").json()["items"][0]["line_id"]

    buyer.post("/v1/assumptions", json=BUSY)

    brief = buyer.get(f"/v1/renewals/{line_id}/brief").json()
    assert brief["economics"]["now"]["effective_price_per_used_gpu_hour"]["amount"] == "2.9222"


@pytest.mark.parametrize(
    ("wrong", "status", "field"),
    [
        ({"value": "90 %"}, 400, "value"),
        ({"scope": "line:XX/1"}, 400, "scope"),
        ({"name": "busyness"}, 422, "body.name"),
        ({"source": ""}, 422, "body.source"),
    ],
)
def test_a_statement_that_cannot_be_read_is_refused(
    told: Database, wrong: dict[str, str], status: int, field: str
) -> None:
    answer = a_client(told, Role.PROCUREMENT).post("/v1/assumptions", json=BUSY | wrong)

    assert answer.status_code == status
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_reading_is_not_writing(told: Database) -> None:
    viewer = a_client(told, Role.VIEWER)

    assert viewer.get("/v1/assumptions").status_code == 200
    assert viewer.post("/v1/assumptions", json=BUSY).status_code == 403
