"""Explanations, losses and what-ifs over HTTP, and the client that asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from broker.access.scope import Role
from broker.api.client import BadInputError, Client, NotFoundError
from broker.flows.make_plan import make_from_document
from broker.flows.offer_query import confidential_suppliers
from broker.flows.plan_placement import Asking, keep_plan
from broker.store.engine import Database
from broker.store.plans import PlanKind
from tests.broker.api.clients import a_client
from tests.broker.flows.plans import too_much, two_providers
from tests.dashboards.serving import Served, serving

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def a_plan(client: Any, document: dict[str, Any] | None = None) -> str:
    body = {"snapshot": document or two_providers(), "budget_seconds": 5}
    plan_id: str = client.post("/v1/plans", json=body).json()["id"]
    return plan_id


def a_confidential_plan(database: Database) -> str:
    """A plan from the books that buys of a supplier whose terms keep its prices within the team."""
    document = two_providers()
    secret = sorted(confidential_suppliers())[0]
    document["providers"][0]["provider"] = secret
    for pool in document["pools"][:2]:
        pool["provider"] = secret
    document["demand"][0]["tokens_per_second"] = 2500
    made = make_from_document(document)
    return keep_plan(
        database, made, PlanKind.LIVE, Asking(actor="dana"), clock=lambda: NOW
    ).entry.id


def test_a_loss_is_answered_with_a_repair_and_a_plan(database: Database) -> None:
    client = a_client(database, Role.PROCUREMENT)
    plan_id = a_plan(client)

    answer = client.post(f"/v1/plans/{plan_id}/replans", json={"lost": "p1", "budget_seconds": 2})

    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert {told[name]["kind"] for name in ("repair", "plan")} == {"replan"}
    assert {told[name]["parent_id"] for name in ("repair", "plan")} == {plan_id}
    assert told["repair_comparison"]["after"]["served_share"] == 1
    assert told["comparison"]["after"]["new"] == "24"
    assert answer.headers["Location"] == f"/v1/plans/{told['plan']['id']}"
    assert client.get(answer.headers["Location"]).json() == told["plan"]


def test_changes_are_supposed_in_their_order(sqlite: Database) -> None:
    client = a_client(sqlite, Role.ADMIN)
    plan_id = a_plan(client)
    offer = two_providers()["pools"][0] | {"pool": "p2/offer", "provider": "p2"}
    changes = [
        {"kind": "lose-provider", "provider": "p1"},
        {"kind": "close-pool", "pool": "p2/H100"},
        {"kind": "scale-demand", "factor": 2, "model": "m1"},
        {"kind": "add-pool", "pool": offer},
        {"kind": "scale-prices", "factor": "1.5", "provider": "p2"},
    ]

    answer = client.post(f"/v1/plans/{plan_id}/what-ifs", json={"changes": changes})

    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert told["comparison"]["changes"][0] == "p1 is lost"
    assert told["plan"]["purchases"] == [
        {"pool": "p2/offer", "gpus": 16, "price_per_gpu_hour": "3"}
    ]
    assert (told["plan"]["kind"], told["plan"]["parent_id"]) == ("what-if", plan_id)


@pytest.mark.parametrize(
    ("route", "body", "field"),
    [
        ("what-ifs", {}, "changes"),
        ("what-ifs", {"changes": [{"kind": "close-pool", "pool": "x"}]}, "changes[0].pool"),
        ("what-ifs", {"changes": [{"kind": "burn"}]}, "changes[0].kind"),
        ("what-ifs", {"changes": [], "budget_seconds": -1}, "budget_seconds"),
        ("replans", {"lost": "p9"}, "provider"),
        ("replans", {"lost": 9}, "lost"),
        ("replans", [], "$"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_fault(
    sqlite: Database, route: str, body: object, field: str
) -> None:
    client = a_client(sqlite, Role.ADMIN)

    answer = client.post(f"/v1/plans/{a_plan(client)}/{route}", json=body)

    assert answer.status_code == 400
    assert field in {each["field"] for each in answer.json()["errors"]}


def test_a_plan_is_explained_with_figures_and_sentences(sqlite: Database) -> None:
    client = a_client(sqlite, Role.ADMIN)
    plan_id = a_plan(client, too_much())

    told = client.get(f"/v1/plans/{plan_id}/explanation", params={"model": "m1"}).json()

    assert told["plan_id"] == plan_id
    assert told["relaxations"][0]["gpus"] == 56
    assert told["relaxations"][0]["sentence"].startswith("m1: 56 more H100 in world would do")
    assert told["withheld"] == 0
    unknown = client.get(f"/v1/plans/{plan_id}/explanation", params={"pool": "p9"})
    assert unknown.status_code == 404


def test_prices_within_the_buying_team_are_in_no_explanation_and_no_sum(sqlite: Database) -> None:
    plan_id = a_confidential_plan(sqlite)
    path = f"/v1/plans/{plan_id}"
    lost = {"lost": "p2", "budget_seconds": 1}

    full = a_client(sqlite, Role.PROCUREMENT).get(f"{path}/explanation").json()
    seen = a_client(sqlite, Role.VIEWER).get(f"{path}/explanation").json()
    scheduler = a_client(sqlite, Role.SCHEDULER)
    replanned = scheduler.post(f"{path}/replans", json=lost).json()

    secret = sorted(confidential_suppliers())[0]
    assert any(each["pool"] == "p1/H100" for each in full["worths"] + full["choices"])
    assert seen["withheld"] > 0
    told = [*seen["choices"], *seen["worths"]]
    assert not any("p1/H100" in each["sentence"].split() for each in told)
    for side in ("before", "after"):
        figures = replanned["comparison"][side]
        assert [figures[name] for name in ("new", "money", "bound", "sunk")] == [None] * 4
    changes = [{"kind": "scale-prices", "factor": 2, "provider": "p2"}]
    refused = scheduler.post(f"{path}/what-ifs", json={"changes": changes})
    assert refused.status_code == 403
    assert secret in refused.json()["detail"]


@pytest.fixture
def served(sqlite: Database) -> Iterator[Served]:
    with serving(str(sqlite.read_engine.url)) as found:
        yield found


def test_the_client_makes_reads_explains_and_changes_plans(served: Served) -> None:
    with Client(served.url, served.a_key(Role.PROCUREMENT)) as api:
        made = api.plans.make(two_providers(), budget_seconds=2, idempotency_key="one")
        again = api.plans.make(two_providers(), budget_seconds=2, idempotency_key="one")
        lost = api.plans.replan(made.id, lost="p1", budget_seconds=2)
        supposed = api.plans.what_if(
            made.id, [{"kind": "scale-demand", "factor": 2}], budget_seconds=2
        )
        listed = api.plans.list(limit=2)

        assert made == again == api.plans.one(made.id)
        assert lost.comparison.after.new == "24"
        assert supposed.comparison.after.gpus_bought == 16
        assert [each.id for each in listed.items] == [supposed.plan.id, lost.plan.id]
        rest = api.plans.list(page_token=listed.next_page_token)
        assert [each.id for each in rest.items] == [lost.repair.id, made.id]
        assert api.plans.explanation(made.id, model="m1").plan_id == made.id
        with pytest.raises(BadInputError, match="no provider 'p9'"):
            api.plans.replan(made.id, lost="p9")
        with pytest.raises(NotFoundError, match="no plan unknown"):
            api.plans.one("unknown")
