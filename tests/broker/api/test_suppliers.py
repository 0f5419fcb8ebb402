"""Suppliers over HTTP: who they are, and what rating schemes say of them."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from broker.access.scope import Role
from broker.store.engine import Database
from tests.broker.api.clients import a_client

HARBOR = "/v1/suppliers/harbor-compute"
TIER = {
    "scheme": "market-class",
    "edition": "2026",
    "tier": "neocloud",
    "on": "2026-04-01",
    "source": "page 3",
}


@pytest.fixture
def client(database: Database) -> TestClient:
    """Return a client of procurement."""
    return a_client(database, Role.PROCUREMENT)


def test_a_supplier_is_described_bit_by_bit(client: TestClient) -> None:
    client.put(HARBOR, json={"legal_name": "Harbor Compute, Inc.", "aliases": ["HCI"]})
    answer = client.put(HARBOR, json={"country": "us", "aliases": ["Harbour"]})

    described = {
        "key": "harbor-compute",
        "legal_name": "Harbor Compute, Inc.",
        "aliases": ["HCI", "Harbour"],
        "country": "US",
        "tiers": [],
    }
    assert answer.json() == described
    assert client.get("/v1/suppliers").json() == {"items": [described]}


def test_tiers_of_two_schemes_stand_side_by_side(client: TestClient) -> None:
    client.put(HARBOR, json={})
    other = {**TIER, "scheme": "other", "tier": "gold"}
    for tier in (TIER, TIER, other):
        answer = client.post(f"{HARBOR}/tiers", json=tier)

    assert answer.json()["tiers"] == [TIER, other]


@pytest.mark.parametrize(
    ("path", "body", "status", "why"),
    [
        ("/v1/suppliers/Harbor%20Compute", {}, 400, "write 'harbor-compute'"),
        (HARBOR, {"country": "ZZ"}, 400, "no holiday calendar"),
        (HARBOR, {"country": "Germany"}, 422, "see errors"),
        (HARBOR, {"legal_name": ""}, 422, "see errors"),
        (HARBOR, {"name": "x"}, 422, "see errors"),
        (HARBOR, {"aliases": ["\0"]}, 400, "no letter or digit"),
    ],
)
def test_what_cannot_be_is_refused(
    client: TestClient, path: str, body: dict[str, Any], status: int, why: str
) -> None:
    answer = client.put(path, json=body)

    assert answer.status_code == status, answer.text
    assert why in answer.json()["detail"]
    assert client.get("/v1/suppliers").json() == {"items": []}


def test_a_name_of_another_supplier_is_refused(client: TestClient) -> None:
    client.put("/v1/suppliers/kestrel-cloud", json={})

    answer = client.put(HARBOR, json={"aliases": ["Kestrel Cloud"]})
    assert answer.status_code == 400
    assert "already a name of the supplier kestrel-cloud" in answer.json()["detail"]


def test_a_tier_needs_its_supplier_and_every_part(client: TestClient) -> None:
    assert client.post(f"{HARBOR}/tiers", json=TIER).status_code == 404
    client.put(HARBOR, json={})
    for name in TIER:
        body = {key: value for key, value in TIER.items() if key != name}
        assert client.post(f"{HARBOR}/tiers", json=body).status_code == 422
