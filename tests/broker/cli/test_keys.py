"""Keys from the command line: where the first one comes from."""

import json

from broker.access.scope import Role
from broker.clock import utc_now
from broker.flows.sign_in import sign_in
from broker.store.engine import Database
from tests.broker.cli.commands import PEPPER, run


def test_the_first_key_is_made_at_the_command_line_and_signs_in(
    database: Database, database_url: str
) -> None:
    result = run(
        "keys", "create", "--name", "ci", "--role", "admin", "--json", database_url=database_url
    )

    assert result.exit_code == 0
    made = json.loads(result.stdout)
    assert set(made) == {"id", "key"}
    found = sign_in(database, made["key"], pepper=PEPPER, clock=utc_now)
    assert (found.id, found.role) == (made["id"], Role.ADMIN)


def test_a_person_gets_the_key_alone_on_standard_output(sqlite: Database, sqlite_url: str) -> None:
    result = run("keys", "create", "--name", "ci", "--role", "viewer", database_url=sqlite_url)

    assert sign_in(sqlite, result.stdout.strip(), pepper=PEPPER, clock=utc_now).name == "ci"
    assert "shown this once" in result.stderr


def test_a_list_shows_keys_by_their_last_letters_only(sqlite_url: str) -> None:
    words = ("keys", "create", "--name", "ci", "--role", "viewer", "--expires-in-days", "30")
    made = json.loads(run(*words, "--json", database_url=sqlite_url).stdout)

    shown = run("keys", "list", database_url=sqlite_url).stdout
    told = run("keys", "list", "--json", database_url=sqlite_url).stdout

    assert made["id"] in shown
    assert made["key"] not in shown + told
    [entry] = json.loads(told)
    assert (entry["last4"], entry["state"]) == (made["key"][-4:], "live")
    assert entry["expires_at"] > entry["created_at"]


def test_a_key_is_revoked_by_id_or_by_name(sqlite_url: str) -> None:
    for name in ("one", "two"):
        run("keys", "create", "--name", name, "--role", "viewer", database_url=sqlite_url)
    entries = json.loads(run("keys", "list", "--json", database_url=sqlite_url).stdout)
    ids = {entry["name"]: entry["id"] for entry in entries}

    by_id = run("keys", "revoke", ids["one"], database_url=sqlite_url)
    by_name = run("keys", "revoke", "two", database_url=sqlite_url)

    assert (by_id.exit_code, by_name.exit_code) == (0, 0)
    after = json.loads(run("keys", "list", "--json", database_url=sqlite_url).stdout)
    assert {entry["state"] for entry in after} == {"revoked"}


def test_a_role_that_is_not_there_is_refused_with_those_that_are(sqlite_url: str) -> None:
    result = run("keys", "create", "--name", "ci", "--role", "king", database_url=sqlite_url)

    assert result.exit_code == 2
    assert "procurement" in result.stderr


def test_a_name_that_is_taken_is_refused(sqlite_url: str) -> None:
    words = ("keys", "create", "--name", "ci", "--role", "viewer")

    codes = [run(*words, database_url=sqlite_url).exit_code for _ in range(2)]

    assert codes == [0, 2]


def test_a_key_is_rotated_and_shown_once(sqlite: Database, sqlite_url: str) -> None:
    words = ("keys", "create", "--name", "ci", "--role", "scheduler", "--json")
    old = json.loads(run(*words, database_url=sqlite_url).stdout)

    told = run("keys", "rotate", "ci", "--overlap", "2h", "--json", database_url=sqlite_url)

    new = json.loads(told.stdout)
    assert new["replaced_id"] == old["id"]
    for key in (old["key"], new["key"]):
        assert sign_in(sqlite, key, pepper=PEPPER, clock=utc_now).principal == old["id"]
    shown = run("keys", "list", "--json", database_url=sqlite_url).stdout
    assert new["key"] not in shown
    entries = {entry["id"]: entry for entry in json.loads(shown)}
    assert entries[old["id"]]["replaced_by"] == new["id"]
    assert entries[old["id"]]["expires_at"] == new["replaced_until"]


def test_a_person_gets_the_new_key_alone_on_standard_output(
    sqlite: Database, sqlite_url: str
) -> None:
    run("keys", "create", "--name", "ci", "--role", "viewer", database_url=sqlite_url)

    result = run("keys", "rotate", "ci", database_url=sqlite_url)

    assert sign_in(sqlite, result.stdout.strip(), pepper=PEPPER, clock=utc_now).name == "ci"
    assert "opens nothing" in result.stderr


def test_an_overlap_that_cannot_be_read_is_refused(sqlite_url: str) -> None:
    run("keys", "create", "--name", "ci", "--role", "viewer", database_url=sqlite_url)

    result = run("keys", "rotate", "ci", "--overlap", "a while", database_url=sqlite_url)

    assert result.exit_code == 2
    assert "24h" in result.stderr
