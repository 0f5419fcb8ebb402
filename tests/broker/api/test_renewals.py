"""Renewals over HTTP: the list, the brief, and who may see them."""

from decimal import Decimal

import pytest

from broker.access.scope import Role
from broker.api.wire.renewals import brief_json
from broker.flows.review_renewals import review_renewal
from broker.store.engine import Database
from tests.broker import story
from tests.broker.api.clients import a_client
from tests.builders import MAY_15


def test_the_list_leads_to_the_brief(told: Database) -> None:
    viewer = a_client(told, Role.VIEWER, as_of=MAY_15)

    listed = viewer.get("/v1/renewals").json()
    first = listed["items"][0]
    found = viewer.get(f"/v1/renewals/{first['line_id']}/brief")

    assert listed["as_of"] == "2026-05-15"
    assert first["contract_ref"] == "HC-2025-B200-01"
    assert first["exposure"] == {"amount": "22156492.80", "currency": "USD"}
    assert found.status_code == 200
    assert found.json()["recommendation"]["action"] == first["action"] == "counter"


def test_the_brief_is_the_same_by_http_and_by_the_flow(told: Database) -> None:
    expected = brief_json(review_renewal(told, story.HARBOR, as_of=MAY_15))
    line_id = expected["header"]["line_id"]

    answer = a_client(told, Role.VIEWER).get(f"/v1/renewals/{line_id}/brief?as_of=2026-05-15")

    assert answer.json() == expected


def test_the_list_is_of_the_day_asked_about_and_as_near_as_asked(told: Database) -> None:
    viewer = a_client(told, Role.VIEWER, as_of=MAY_15)

    near = viewer.get("/v1/renewals", params={"as_of": "2026-07-01", "within_days": 1}).json()

    assert near["as_of"] == "2026-07-01"
    assert {entry["days_left"] for entry in near["items"]} == {1}


def test_figures_cross_as_strings(told: Database) -> None:
    viewer = a_client(told, Role.VIEWER, as_of=MAY_15)

    first = viewer.get("/v1/renewals").json()["items"][0]

    assert isinstance(first["hike"], str)
    assert Decimal(first["hike"]) == Decimal("0.9392")
    assert first["risk_low"] == "77.6"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/renewals/nobody/brief", 404),
        ("/v1/renewals?within_days=-1", 422),
        ("/v1/renewals?as_of=tomorrow", 422),
    ],
)
def test_what_cannot_be_answered_says_so(told: Database, path: str, status: int) -> None:
    answer = a_client(told, Role.VIEWER).get(path)

    assert answer.status_code == status


@pytest.mark.parametrize("path", ["/v1/renewals", "/v1/renewals/x/brief", "/v1/quotes"])
def test_contract_prices_are_not_for_the_scheduler(told: Database, path: str) -> None:
    assert a_client(told, Role.SCHEDULER).get(path).status_code == 403
    assert a_client(told).get(path).status_code == 401
