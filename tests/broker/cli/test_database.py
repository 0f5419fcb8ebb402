"""The schema from the command line."""

import json

from broker.store import schema
from broker.store.engine import Database
from tests.broker.cli.commands import run


def test_a_good_database_is_found_good(database_url: str) -> None:
    result = run("db", "check", "--json", database_url=database_url)

    assert (result.exit_code, json.loads(result.stdout)) == (0, {"faults": []})


def test_an_older_database_is_found_out_and_upgraded(database: Database, database_url: str) -> None:
    schema.downgrade(database, "base")

    found = run("db", "check", "--json", database_url=database_url)
    upgraded = run("db", "upgrade", database_url=database_url)
    again = run("db", "check", database_url=database_url)

    assert found.exit_code == 1
    assert "tonnage db upgrade" in json.loads(found.stdout)["faults"][0]
    assert upgraded.exit_code == 0
    assert str(schema.newest()) in upgraded.stdout
    assert again.exit_code == 0
