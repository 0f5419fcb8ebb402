"""`tonnage obligations`: what must be done by a day, and that it was."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from broker.store.engine import Database
from tests.broker.cli.commands import run
from tests.broker.flows.ledger_book import HARBOR, keep_books

Command = Callable[..., Any]


@pytest.fixture
def command(sqlite: Database, sqlite_url: str) -> Command:
    """Return a way to run `tonnage obligations` over three contracts, on 15 May 2026."""
    keep_books(sqlite)

    def obligations(*words: str) -> Any:
        return run("obligations", *words, database_url=sqlite_url, TONNAGE_AS_OF="2026-05-15")

    return obligations


def first(command: Command) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(command("list", "--json").stdout)["items"][0]
    return found


def test_the_nearest_duty_stands_first_with_the_days_left(command: Command) -> None:
    row = command("list").stdout.splitlines()[1].split()

    assert row[:5] == ["2026-07-02", "48", "notice_deadline", "harbor-compute", f"{HARBOR}/1"]
    assert first(command)["computed_from"] == (
        "last day of service 2026-09-30 less P90D, weekends only: no country on file"
    )


def test_the_list_may_stop_so_many_days_ahead_and_start_from_another_day(command: Command) -> None:
    near = json.loads(command("list", "--within-days", "47", "--json").stdout)
    later = json.loads(command("list", "--as-of", "2026-07-04", "--json").stdout)

    assert near == {"as_of": "2026-05-15", "items": []}
    assert (later["as_of"], later["items"][0]["days_left"]) == ("2026-07-04", -2)
    assert command("list", "--within-days", "-1").exit_code == 2


def test_a_duty_is_closed_with_evidence_and_once(command: Command) -> None:
    words = ("close", first(command)["id"], "done", "--reason", "notice given")
    bare = command(*words)
    proven = command(*words, "--evidence", "registered letter of 1 June")
    again = command(*words, "--evidence", "the same letter")

    assert (bare.exit_code, "done with evidence" in bare.stderr) == (2, True)
    assert (proven.exit_code, proven.stdout) == (
        0,
        f"obligation of contract {HARBOR} is done\n",
    )
    assert (again.exit_code, "already closed" in again.stderr) == (2, True)
    assert (first(command)["kind"], first(command)["due_on"]) == ("expiry", "2026-09-30")


@pytest.mark.parametrize("outcome", ["open", "forgotten"])
def test_a_duty_is_done_waived_or_missed(command: Command, outcome: str) -> None:
    assert command("close", "x", outcome, "--reason", "y").exit_code == 2


def test_a_duty_that_there_is_not_is_told(command: Command) -> None:
    result = command("close", "nothing", "waived", "--reason", "y")

    assert (result.exit_code, result.stderr) == (2, "error: there is no obligation nothing\n")
