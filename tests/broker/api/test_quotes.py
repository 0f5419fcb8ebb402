"""Quotes over HTTP: recorded in the minute they arrive, and decided."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from broker.access.scope import Role
from broker.store.engine import Database
from tests.broker import story
from tests.broker.api.clients import a_client
from tests.builders import MAY_15

BETTER = {
    "supplier": "Harbor Compute",
    "kind": "renewal_offer",
    "renews": story.HARBOR,
    "gpu_model": "B200",
    "gpu_count": 1024,
    "term_months": 12,
    "unit_price": "4.45",
    "currency": "USD",
    "price_basis": "per_gpu_hour",
    "prepay_pct": "0",
    "received_on": "2026-05-15",
    "valid_until": "2026-06-14",
}


def a_buyer(database: Database) -> TestClient:
    return a_client(database, Role.PROCUREMENT, as_of=MAY_15)


def test_a_new_offer_changes_the_brief_in_the_same_minute(told: Database) -> None:
    buyer = a_buyer(told)

    made = buyer.post("/v1/quotes", json=BETTER)
    found = buyer.get("/v1/renewals").json()["items"][0]

    assert made.status_code == 201
    assert made.json()["renews"] == story.HARBOR
    assert made.json()["is_open"] is True
    assert found["offer"] == {"amount": "4.4500", "currency": "USD"}


def test_a_new_offer_raises_its_alert_in_the_same_minute(told: Database) -> None:
    buyer = a_buyer(told)
    before = buyer.get("/v1/alerts", params={"rule": "renewal_hike"}).json()["items"]

    buyer.post("/v1/quotes", json=BETTER)
    [alert] = buyer.get("/v1/alerts", params={"rule": "renewal_hike"}).json()["items"]

    assert before == []
    assert (alert["severity"], alert["raised_on"]) == ("critical", "2026-05-15")
    assert "4.45" not in alert["message"]


def test_the_same_offer_twice_is_one(told: Database) -> None:
    buyer = a_buyer(told)

    ids = {buyer.post("/v1/quotes", json=BETTER).json()["id"] for _ in range(2)}

    assert len(ids) == 1


def test_every_fault_of_a_quote_is_in_one_answer(told: Database) -> None:
    wrong = BETTER | {"gpu_model": "B2000", "currency": "USX", "unit_price": "5000"}

    answer = a_buyer(told).post("/v1/quotes", json=wrong)

    assert answer.status_code == 400
    assert {error["field"] for error in answer.json()["errors"]} == {"gpu_model", "currency"}
    assert "5000" not in answer.text


@pytest.mark.parametrize(
    ("verb", "state"),
    [
        ("accept", "accepted"),
        ("decline", "declined"),
        ("counter", "countered"),
        ("withdraw", "withdrawn"),
    ],
)
def test_what_became_of_a_quote_is_noted_with_its_reason(
    told: Database, verb: str, state: str
) -> None:
    buyer = a_buyer(told)
    quote_id = buyer.post("/v1/quotes", json=BETTER).json()["id"]

    answer = buyer.post(f"/v1/quotes/{quote_id}/{verb}", json={"reason": "decided"})

    assert answer.status_code == 200
    assert answer.json()["state"] == state


def test_a_lapsed_quote_is_refused_without_an_override_reason(told: Database) -> None:
    buyer = a_buyer(told)
    quote_id = buyer.post("/v1/quotes", json=BETTER).json()["id"]
    late: dict[str, Any] = {"reason": "signed", "on": "2026-06-15"}

    refused = buyer.post(f"/v1/quotes/{quote_id}/accept", json=late)
    taken = buyer.post(
        f"/v1/quotes/{quote_id}/accept", json=late | {"override_reason": "extended by mail"}
    )

    assert refused.status_code == 409
    assert taken.json()["state"] == "accepted"


def test_quotes_are_listed_by_day_and_state(told: Database) -> None:
    buyer = a_buyer(told)

    early = buyer.get("/v1/quotes", params={"as_of": "2026-04-20"}).json()
    decided = buyer.get("/v1/quotes", params={"state": "accepted"}).json()

    assert [quote["supplier_key"] for quote in early["items"]] == ["alder-ridge-compute"]
    assert decided["items"] == []


def test_reading_is_not_writing(told: Database) -> None:
    viewer = a_client(told, Role.VIEWER)

    assert viewer.get("/v1/quotes").status_code == 200
    assert viewer.post("/v1/quotes", json=BETTER).status_code == 403


def test_an_unknown_quote_is_not_found(told: Database) -> None:
    answer = a_buyer(told).post("/v1/quotes/nobody/decline", json={"reason": "x"})

    assert answer.status_code == 404
