"""The doctor from the command line."""

import json

from broker.store import schema
from broker.store.engine import Database
from tests.broker.cli.commands import run


def test_warnings_alone_are_no_failure_and_stand_in_the_table(sqlite_url: str) -> None:
    result = run("doctor", database_url=sqlite_url)

    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].split() == ["check", "state", "found", "to", "do"]
    assert "never ended well" in result.stdout
    assert "start tonnage work" in result.stdout


def test_a_failure_is_exit_code_1_and_tells_a_program_what_to_do(
    sqlite: Database, sqlite_url: str
) -> None:
    schema.downgrade(sqlite, "base")

    result = run("doctor", "--json", database_url=sqlite_url)

    assert result.exit_code == 1
    checks = {each["check"]: each for each in json.loads(result.stdout)["checks"]}
    assert (checks["schema"]["state"], checks["schema"]["to_do"]) == (
        "fail",
        "run: tonnage db upgrade",
    )
    assert checks["database"]["to_do"] is None


def test_a_database_that_is_away_is_a_finding_and_no_crash() -> None:
    url = "postgresql+psycopg://dana:hunter2@127.0.0.1:1/books"

    result = run("doctor", "--json", database_url=url)

    assert result.exit_code == 1
    assert json.loads(result.stdout)["checks"][-1]["check"] == "database"
    assert "hunter2" not in result.output
