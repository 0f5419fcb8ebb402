"""`tonnage holdings` and `tonnage reconciliation capacity`."""

import json
from decimal import Decimal

from broker.flows.prepare_database import open_database
from pricing.money import USD, Money
from tests.broker.cli.commands import run
from tests.broker.flows.ledger_book import keep_books
from tests.broker.holdings_shown import show


def test_differences_are_listed_and_end_with_1(sqlite_url: str) -> None:
    run("holdings", "list", database_url=sqlite_url)
    database = open_database(sqlite_url)
    keep_books(database)
    show(database, quantity=1000)
    database.close()

    told = run("reconciliation", "capacity", "--on", "2026-05-15", database_url=sqlite_url)
    as_json = run(
        "reconciliation", "capacity", "--on", "2026-05-15", "--json", database_url=sqlite_url
    )

    assert told.exit_code == 1
    assert "1000 GPUs" in told.stdout
    assert "harbor-compute/HC-2025-B200-01/1" in told.stdout
    assert "quantity" in {each["difference"] for each in json.loads(as_json.stdout)["items"]}


def test_books_without_differences_end_with_0(sqlite_url: str) -> None:
    told = run("reconciliation", "capacity", database_url=sqlite_url)

    assert told.exit_code == 0
    assert "0 differences" in told.stderr


def test_a_holding_is_listed_and_adopted(sqlite_url: str) -> None:
    assert "tonnage prices poll" in run("holdings", "list", database_url=sqlite_url).stderr
    database = open_database(sqlite_url)
    show(database, price_per_gpu_hour=Money(Decimal("4.35"), USD))
    database.close()
    words = ("holdings", "adopt", "harbor-compute", "res-1")

    listed = run("holdings", "list", database_url=sqlite_url)
    adopted = run(*words, "--ref", "NEW-1", database_url=sqlite_url)
    again = run(*words, "--json", database_url=sqlite_url)
    wrong = run(*words, "--price", "4,35", database_url=sqlite_url)

    assert "res-1" in listed.stdout
    assert adopted.stdout == "draft NEW-1 of harbor-compute: 1024 B200 from 2025-10-01\n"
    assert (again.exit_code, wrong.exit_code) == (2, 2)
    assert "adopted before" in again.stderr
    assert "plain digits" in wrong.stderr
