"""The audit log from the command line."""

import json

from sqlalchemy import text

from broker.store.engine import Database
from broker.store.triggers import drop_triggers
from tests.broker.cli.commands import run


def make_keys(database_url: str, *names: str) -> None:
    for name in names:
        run("keys", "create", "--name", name, "--role", "viewer", database_url=database_url)


def test_what_is_done_at_the_command_line_is_listed_under_who_did_it(
    database_url: str, database: Database
) -> None:
    make_keys(database_url, "one", "two")
    run("keys", "revoke", "one", database_url=database_url)

    told = run("audit", "list", "--json", database_url=database_url)
    shown = run("audit", "list", "--action", "key.revoked", database_url=database_url)

    entries = json.loads(told.stdout)
    assert [(entry["actor"], entry["action"]) for entry in entries] == [
        ("dana", "key.revoked"),
        ("dana", "key.created"),
        ("dana", "key.created"),
    ]
    assert entries[0]["object_id"] in shown.stdout
    assert shown.stdout.count("key.revoked") == 1
    assert "key.created" not in shown.stdout


def test_a_whole_chain_verifies_and_shows_its_head(database_url: str, database: Database) -> None:
    make_keys(database_url, "one", "two")

    told = run("audit", "verify", "--json", database_url=database_url)
    said = run("audit", "verify", database_url=database_url)

    report = json.loads(told.stdout)
    assert (told.exit_code, said.exit_code) == (0, 0)
    assert (report["ok"], report["entries"], report["broken"]) == (True, 2, None)
    assert said.stdout == f"2 entries verify; head {report['head']}\n"
    kept = run("audit", "verify", "--kept", report["head"], database_url=database_url)
    assert kept.exit_code == 0


def test_a_chain_that_was_changed_is_told_with_exit_code_1(
    database_url: str, database: Database
) -> None:
    make_keys(database_url, "one", "two")
    with database.migrating() as connection:
        drop_triggers(connection)
        connection.execute(text("UPDATE audit SET actor = 'eve' WHERE seq = 1"))

    said = run("audit", "verify", database_url=database_url)
    told = run("audit", "verify", "--json", database_url=database_url)

    assert (said.exit_code, told.exit_code) == (1, 1)
    assert said.stderr == "broken: entry 1: its content does not match its hash\n"
    assert json.loads(told.stdout)["broken"]["seq"] == 1


def test_a_head_that_is_not_in_the_chain_is_told_with_exit_code_1(sqlite_url: str) -> None:
    make_keys(sqlite_url, "one")

    said = run("audit", "verify", "--kept", "f" * 64, database_url=sqlite_url)

    assert said.exit_code == 1
    assert "lost or rewritten" in said.stderr
