"""What all commands share: how they open the books, print, and complain."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from broker.cli.console import actor, complain, print_json, print_table
from broker.errors import BadInputError, Fault, RefusedError
from broker.flows.prepare_database import database_faults
from broker.store import schema
from broker.store.engine import Database
from tests.broker.cli.commands import run


def test_a_first_command_on_a_new_file_finds_the_books_ready(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"

    result = run("keys", "list", "--json", database_url=url)

    assert (result.exit_code, json.loads(result.stdout)) == (0, [])
    database = Database(url)
    assert database_faults(database) == []
    database.close()


def test_older_books_are_refused_with_the_command_that_helps(
    database: Database, database_url: str
) -> None:
    schema.downgrade(database, "base")

    result = run("keys", "list", database_url=database_url)

    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert "run: tonnage db upgrade" in result.stderr
    assert result.stdout == ""


def test_books_that_are_away_are_named_without_their_password() -> None:
    result = run("keys", "list", database_url="postgresql+psycopg://dana:hunter2@127.0.0.1:1/books")

    assert result.exit_code == 2
    assert "127.0.0.1/books" in result.stderr
    assert "hunter2" not in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("url", ["books", "mysql://dana:hunter2@h/books", ":hunter2:"])
def test_a_database_url_that_cannot_be_is_refused_without_repeating_it(url: str) -> None:
    result = run("keys", "list", database_url=url)

    assert result.exit_code == 2
    assert "hunter2" not in result.output


def test_every_wrong_setting_is_named_and_none_is_repeated() -> None:
    result = run(
        "keys", "list", database_url="sqlite://", TONNAGE_AS_OF="hunter2", TONNAGE_LOG_LEVEL="loud"
    )

    assert result.exit_code == 2
    assert "TONNAGE_AS_OF" in result.stderr
    assert "TONNAGE_LOG_LEVEL" in result.stderr
    assert "hunter2" not in result.output


def test_json_keeps_every_script_readable_and_refuses_amounts_that_are_not_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_json({"supplier": "Žižkov 算力", "price": "2.63"})

    assert "Žižkov 算力" in capsys.readouterr().out
    with pytest.raises(TypeError):
        print_json({"price": Decimal("2.63")})
    with pytest.raises(ValueError, match="JSON"):
        print_json({"price": float("nan")})


def test_a_table_aligns_numbers_and_cuts_nothing_in_a_pipe(
    capsys: pytest.CaptureFixture[str],
) -> None:
    long = "a supplier with a name " * 12
    print_table(
        ["supplier", "price"],
        [[long, "2.63"], ["[bold]x", "12.5"], [None, None]],
        numeric=["price"],
    )

    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 4
    assert lines[1].startswith(long.rstrip())
    assert len({len(line) for line in lines}) == 1
    assert lines[2].startswith("[bold]x")
    assert lines[3].endswith("—")


def test_a_complaint_has_every_fault_on_its_own_line(capsys: pytest.CaptureFixture[str]) -> None:
    complain(
        BadInputError(
            "2 faults",
            (
                Fault(code="bad-price", message="write 2.63", line=3, field="price"),
                Fault(code="no-header", message="add a header"),
            ),
        )
    )

    assert capsys.readouterr().err.splitlines() == [
        "error: 2 faults",
        "  line 3, price: write 2.63 [bad-price]",
        "  add a header [no-header]",
    ]


def test_a_file_cannot_steer_the_terminal_through_a_complaint(
    capsys: pytest.CaptureFixture[str],
) -> None:
    complain(RefusedError("supplier \x1b[2J\x07 is not known"))

    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize(("user", "name"), [("dana", "dana"), ("", "cli")])
def test_the_books_name_who_sits_at_the_keyboard(
    monkeypatch: pytest.MonkeyPatch, user: str, name: str
) -> None:
    monkeypatch.setenv("USER", user)

    assert actor() == name
