"""Offers and suppliers over HTTP."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from broker.access.scope import Role
from broker.flows.poll_prices import poll_suppliers
from broker.store.engine import Database
from providers import registry
from providers.access import Access
from providers.supplier import Ask
from tests.broker.api.clients import a_client
from tests.broker.flows.ledger_book import keep_books
from tests.broker.lambda_server import lambda_answers
from tests.builders import ACTOR, NOON
from tests.providers.exchanges import FIXTURES


@pytest.fixture
def polled(database: Database) -> Database:
    """Books in which Lambda was polled at noon."""
    with lambda_answers() as environment:
        poll_suppliers(
            database,
            [registry.supplier("lambda")],
            Ask(),
            lambda _key: Access(environment=environment, now=lambda: NOON),
            actor=ACTOR,
            clock=lambda: NOON,
        )
    return database


def client(database: Database, role: Role = Role.VIEWER) -> TestClient:
    return a_client(database, role, clock=lambda: NOON + timedelta(hours=3))


def prices(database: Database, **query: object) -> list[str]:
    params = {name: str(value) for name, value in query.items()}
    answer = client(database).get("/v1/offers", params=params)
    assert answer.status_code == 200, answer.text
    return [item["usd_per_gpu_hour"] for item in answer.json()["items"]]


def test_offers_come_cheapest_first_with_their_age(polled: Database) -> None:
    items = client(polled).get("/v1/offers").json()["items"]

    assert [item["usd_per_gpu_hour"] for item in items] == ["1.99", "3.99", "3.99", "6.69", "6.99"]
    assert {item["age_seconds"] for item in items} == {3 * 3600}


def test_offers_are_asked_for_by_what_matters(polled: Database) -> None:
    assert prices(polled, gpu="b200") == ["6.69", "6.99"]
    assert prices(polled, gpu="B200", count=8) == ["6.69"]
    assert prices(polled, gpu="H100-SXM", region="us-east-3") == ["3.99"]
    assert prices(polled, max_price="3.99") == ["1.99", "3.99", "3.99"]
    assert prices(polled, obtainable="true", gpu="B200") == ["6.69"]
    assert prices(polled, spot="true") == []
    assert prices(polled, terms="on-demand", limit=1) == ["1.99"]
    assert prices(polled, supplier="nebius") == []


def test_what_cannot_be_asked_is_a_problem(polled: Database) -> None:
    assert client(polled).get("/v1/offers", params={"gpu": "Zorblax"}).status_code == 400
    assert client(polled).get("/v1/offers", params={"count": 0}).status_code == 422
    assert client(polled).get("/v1/offers", params={"max_price": "-1"}).status_code == 422


def test_what_we_own_stands_beside_the_market(polled: Database) -> None:
    keep_books(polled)
    query = {"gpu": "B200"}

    seen = client(polled).get("/v1/offers", params=query).json()["owned"]
    by_scheduler = client(polled, Role.SCHEDULER).get("/v1/offers", params=query).json()["owned"]

    harbor = next(each for each in seen if "HC-2025-B200-01" in each["name"])
    assert harbor["gpus"] == 1024
    assert harbor["price_per_gpu_hour"] == {"amount": "2.63", "currency": "USD"}
    assert len(by_scheduler) == len(seen)
    assert {each["price_per_gpu_hour"] for each in by_scheduler} == {None}


def test_suppliers_are_listed_with_their_last_poll(polled: Database) -> None:
    providers = client(polled).get("/v1/providers").json()["providers"]

    found = next(each for each in providers if each["supplier"] == "lambda")
    assert (found["state"], found["offers"], found["skips"]) == ("ok", 5, {"no_gpu": 1})
    assert found["is_stale"]
    assert [each["supplier"] for each in providers] == list(registry.SUPPLIERS)


def test_an_offer_has_a_past(polled: Database) -> None:
    (offer,) = client(polled).get("/v1/offers", params={"gpu": "GH200"}).json()["items"]

    told = client(polled).get(f"/v1/offers/{offer['id']}/changes").json()

    assert [(each["price_per_instance"], each["stock_state"]) for each in told["items"]] == [
        ("1.99", "in-stock")
    ]
    assert client(polled).get("/v1/offers/nobody/changes").status_code == 404


def test_what_a_supplier_tells_in_confidence_is_for_those_who_buy(database: Database) -> None:
    sheet = FIXTURES / "coreweave" / "price_sheet.csv"
    poll_suppliers(
        database,
        [registry.supplier("coreweave")],
        Ask(),
        lambda _key: Access(
            environment={"TONNAGE_COREWEAVE_PRICE_SHEET": str(sheet)}, now=lambda: NOON
        ),
        actor=ACTOR,
        clock=lambda: NOON,
    )

    def seen_by(role: Role) -> set[str]:
        items = client(database, role).get("/v1/offers").json()["items"]
        return {item["sharing"] for item in items}

    assert seen_by(Role.PROCUREMENT) == {"confidential"}
    assert seen_by(Role.VIEWER) == set()
