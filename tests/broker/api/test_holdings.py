"""Owned capacity over HTTP."""

from decimal import Decimal

from broker.access.scope import Role
from broker.store.engine import Database
from pricing.money import USD, Money
from tests.broker.api.clients import a_client
from tests.broker.flows.ledger_book import keep_books
from tests.broker.holdings_shown import show
from tests.builders import MAY_15

ADOPTION = {"supplier": "harbor-compute", "resource_id": "res-1", "ref": "NEW-1"}


def test_holdings_are_listed_with_their_gpus(sqlite: Database) -> None:
    show(sqlite, price_per_gpu_hour=Money(Decimal("4.350000"), USD))

    (item,) = a_client(sqlite, Role.VIEWER).get("/v1/holdings").json()["items"]

    assert (item["gpu"], item["gpus"], item["gpus_used"]) == ("B200-SXM", 1024, 900)
    assert item["price_per_gpu_hour"] == {"amount": "4.35", "currency": "USD"}
    nobody = a_client(sqlite, Role.VIEWER).get("/v1/holdings", params={"supplier": "nobody"})
    assert nobody.json() == {"items": []}


def test_differences_are_told_with_both_figures(sqlite: Database) -> None:
    keep_books(sqlite)
    show(sqlite, quantity=1000)

    told = a_client(sqlite, Role.VIEWER, as_of=MAY_15).get("/v1/reconciliation/capacity").json()

    quantities = [each for each in told["items"] if each["difference"] == "quantity"]
    assert [(each["stated"], each["contracted"]) for each in quantities] == [
        ("1000 GPUs", "1024 GPUs")
    ]
    assert told["on"] == "2026-05-15"


def test_a_holding_is_adopted_once(sqlite: Database) -> None:
    show(sqlite, price_per_gpu_hour=Money(Decimal("4.35"), USD))
    client = a_client(sqlite, Role.PROCUREMENT)

    adopted = client.post("/v1/holdings:adopt", json=ADOPTION)
    again = client.post("/v1/holdings:adopt", json=ADOPTION)

    assert (adopted.status_code, adopted.json()["gpu_count"]) == (201, 1024)
    assert again.status_code == 409
    (item,) = client.get("/v1/holdings").json()["items"]
    assert item["contract_id"] == adopted.json()["contract_id"]


def test_a_viewer_adopts_nothing(sqlite: Database) -> None:
    show(sqlite)

    assert (
        a_client(sqlite, Role.VIEWER).post("/v1/holdings:adopt", json=ADOPTION).status_code == 403
    )
