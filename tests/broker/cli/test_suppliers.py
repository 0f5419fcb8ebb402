"""`tonnage suppliers`: who sells to us, and what rating schemes say of them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.broker.cli.commands import run

Command = Callable[..., Any]
RATE = ("rate", "harbor-compute", "--scheme", "market-class", "--on", "2026-04-01")


@pytest.fixture
def command(sqlite_url: str) -> Command:
    """Return a way to run `tonnage suppliers`."""

    def suppliers(*words: str) -> Any:
        return run("suppliers", *words, database_url=sqlite_url)

    return suppliers


def test_a_supplier_is_described_and_listed(command: Command) -> None:
    words = ("describe", "harbor-compute", "--name", "Harbor Compute", "--country", "us")
    described = command(*words, "--alias", "HCI", "--alias", "Harbour")
    told = json.loads(command("list", "--json").stdout)

    assert described.stdout == "harbor-compute: Harbor Compute, country US\n"
    assert told == [
        {
            "key": "harbor-compute",
            "legal_name": "Harbor Compute",
            "aliases": ["HCI", "Harbour"],
            "country": "US",
            "tiers": [],
        }
    ]


def test_what_rating_schemes_say_stands_side_by_side(command: Command) -> None:
    command("describe", "harbor-compute")
    command(*RATE, "--tier", "neocloud", "--source", "page 3", "--edition", "2026")
    words = ("--scheme", "other", "--tier", "gold", "--on", "2026-04-01", "--source", "page 9")
    rated = command("rate", "harbor-compute", *words)

    assert rated.stdout == "harbor-compute: other says gold on 2026-04-01\n"
    assert "market-class 2026: neocloud, other: gold" in command("list").stdout


def test_what_cannot_be_is_refused_in_words(command: Command) -> None:
    key = command("describe", "Harbor Compute")
    country = command("describe", "harbor-compute", "--country", "Atlantis")
    nobody = command(*RATE, "--tier", "neocloud", "--source", "page 3")
    source = command(*RATE, "--tier", "neocloud")

    assert [one.exit_code for one in (key, country, nobody, source)] == [2, 2, 2, 2]
    assert "write 'harbor-compute'" in key.stderr
    assert "no holiday calendar" in country.stderr
    assert "no supplier harbor-compute" in nobody.stderr
