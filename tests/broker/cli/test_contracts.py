"""`tonnage contracts`: what a person and a program see, and with which exit code."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from broker.flows.import_contracts import import_contracts
from broker.store.engine import Database
from tests.broker.cli.commands import run
from tests.broker.flows.ledger_book import AUTO, HARBOR, SHEET, SIGNED, SMALL, keep_books
from tests.builders import ACTOR, NOON

PRICES = ("2.63", "1.98", "4.40", "4.4", "2.55", "9.87")
Command = Callable[..., Any]


@pytest.fixture
def command(sqlite_url: str) -> Command:
    """Return a way to run `tonnage contracts` on 15 May 2026."""

    def contracts(*words: str) -> Any:
        return run("contracts", *words, database_url=sqlite_url, TONNAGE_AS_OF="2026-05-15")

    return contracts


@pytest.fixture
def sheet(tmp_path: Path) -> Callable[[bytes], str]:
    """Return a way to put a sheet into a file."""

    def file(content: bytes) -> str:
        path = tmp_path / "sheet.csv"
        path.write_bytes(content)
        return str(path)

    return file


def test_a_clean_sheet_is_written_and_the_second_time_changes_nothing(command: Command) -> None:
    first = command("import", str(SHEET))
    second = command("import", str(SHEET))

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert first.stdout.splitlines()[-1] == "10 create: written"
    assert second.stdout.splitlines()[-1] == "10 unchanged: nothing to write"
    assert second.stderr == ""


def test_a_dry_run_says_so_and_writes_nothing(command: Command) -> None:
    tried = command("import", str(SHEET), "--dry-run")
    listed = command("list")

    assert tried.exit_code == 0
    assert tried.stdout.splitlines()[-1] == "10 create: dry run, nothing was written"
    assert "No contracts yet" in listed.stderr


def test_a_program_gets_the_whole_plan(command: Command) -> None:
    told = json.loads(command("import", str(SHEET), "--json").stdout)

    assert set(told) == {
        "file",
        "status",
        "detected",
        "mapping",
        "rows",
        "issues",
        "skipped_lines",
        "absent_keys",
        "summary",
    }
    assert (told["status"], len(told["rows"])) == ("ok", 10)


def test_every_complaint_of_a_bad_sheet_is_told_and_no_price(
    command: Command, sheet: Callable[[bytes], str]
) -> None:
    bad = SMALL.replace(b",2.63,", b",2.63-9.87,").replace(b",1.98,USD,", b",1.98,$,")
    result = command("import", sheet(bad))

    assert result.exit_code == 1
    assert "sheet.csv:2, unit_price: error: this is a range" in result.stderr
    assert "sheet.csv:3, currency: error: '$' is not the ISO 4217 code" in result.stderr
    assert "1 create, 2 error: nothing was written; correct the file" in result.stderr
    assert not [price for price in PRICES if price in result.stderr]
    assert "No contracts yet" in command("list").stderr


def test_what_the_books_refuse_is_told_without_prices(
    command: Command, sheet: Callable[[bytes], str]
) -> None:
    command("import", sheet(SMALL))
    result = command("import", sheet(SMALL.replace(b",45,signed,", b",45,draft,")))

    assert result.exit_code == 1
    assert "cannot become draft" in result.stderr
    assert not [price for price in PRICES if price in result.stderr]


def test_faulty_rows_are_written_to_a_file_of_their_own(
    command: Command, sheet: Callable[[bytes], str], tmp_path: Path
) -> None:
    errors = tmp_path / "errors.csv"
    command("import", sheet(SMALL.replace(b",2.63,", b",-2.63,")), "--errors", str(errors))

    header, row = errors.read_text(encoding="utf-8").splitlines()
    assert header.endswith("line,field,code,message")
    assert "negative_value" in row
    assert row.startswith(f"{HARBOR},1,")


def test_files_that_cannot_be_read_or_written_are_refused_in_words(
    command: Command, sheet: Callable[[bytes], str], tmp_path: Path
) -> None:
    missing = command("import", str(tmp_path / "nothing.csv"))
    folder = command("import", str(tmp_path))
    bad = sheet(SMALL.replace(b",2.63,", b",x,"))
    unwritable = command("import", bad, "--errors", str(tmp_path))

    assert [one.exit_code for one in (missing, folder, unwritable)] == [2, 2, 2]
    assert "cannot be read: No such file" in missing.stderr
    assert "cannot be written" in unwritable.stderr


def test_the_template_can_be_imported(command: Command, sheet: Callable[[bytes], str]) -> None:
    template = command("template").stdout

    assert command("import", sheet(template.encode()), "--dry-run").exit_code == 0


def test_contracts_are_listed_line_by_line(command: Command, sqlite: Database) -> None:
    keep_books(sqlite)
    result = command("list")

    rows = result.stdout.splitlines()
    assert rows[0].split() == (
        [
            "supplier",
            "contract/line",
            "state",
            "GPU",
            "GPUs",
            "region",
            "start",
            "last",
            "day",
            "renewal",
            "notice",
            "owner",
        ]
    )
    assert rows[1].split() == [
        "harbor-compute",
        f"{HARBOR}/1",
        "active",
        "B200",
        "1,024",
        "us-central",
        "2025-10-01",
        "2026-09-30",
        "none",
        "P90D",
        "capacity",
    ]
    assert len(rows) == 4


def test_a_program_gets_the_list_with_prices_as_text(command: Command, sqlite: Database) -> None:
    keep_books(sqlite)
    told = json.loads(command("list", "--json").stdout)

    harbor = next(each for each in told["items"] if each["contract_ref"] == HARBOR)
    assert told["as_of"] == "2026-05-15"
    assert harbor["lines"][0]["price_per_gpu_hour"] == "2.63"
    assert harbor["lines"][0]["end_date"] == "2026-09-30"


def test_one_contract_is_shown_of_any_day_and_any_belief(
    command: Command, sqlite: Database
) -> None:
    keep_books(sqlite)

    now = json.loads(command("show", HARBOR.lower()).stdout)
    over = json.loads(command("show", HARBOR, "--as-of", "2026-10-01").stdout)
    known = command("show", HARBOR, "--known-at", "2026-05-15T12:00:00Z")
    unknown = command("show", HARBOR, "--known-at", "2026-05-15T13:59:59+02:00")

    assert now["lines"][0]["delivered_gpus"] == 1024
    assert (over["lines"][0]["delivered_gpus"], over["lines"][0]["price_per_gpu_hour"]) == (0, None)
    assert json.loads(known.stdout) == now
    assert (unknown.exit_code, "nothing was known" in unknown.stderr) == (2, True)


@pytest.mark.parametrize("known_at", ["2026-05-15T12:00:00", "yesterday", "2026-05-15"])
def test_a_belief_needs_an_instant_with_its_offset(command: Command, known_at: str) -> None:
    assert command("show", HARBOR, "--known-at", known_at).exit_code == 2


@pytest.mark.parametrize("words", [("show",), ("events",)])
def test_a_contract_that_there_is_not_is_told(command: Command, words: tuple[str, ...]) -> None:
    result = command(*words, "nothing")

    assert result.exit_code == 2
    assert result.stderr == "error: there is no contract nothing; see: tonnage contracts list\n"


def test_the_chain_of_a_contract_is_told(command: Command, sqlite: Database) -> None:
    keep_books(sqlite)
    people, program = command("events", HARBOR), command("events", HARBOR, "--json")

    events = json.loads(program.stdout)
    assert [event["kind"] for event in events] == ["contract_recorded", "line_recorded"]
    assert events[1]["prev_hash"] == events[0]["hash"]
    assert "imported from sheet.csv:2" in people.stdout
    assert events[0]["hash"][:12] in people.stdout
    assert not [price for price in PRICES if price in people.stdout]


def test_notice_is_moved_with_its_evidence(command: Command, sqlite: Database) -> None:
    keep_books(sqlite)
    bare = command("move", HARBOR, "in_notice", "--reason", "too dear")
    proven = command("move", HARBOR, "in_notice", "--reason", "too dear", "--evidence", "letter")

    assert (bare.exit_code, "how and when it was given" in bare.stderr) == (2, True)
    assert (proven.exit_code, proven.stdout) == (
        0,
        f"contract {HARBOR} of harbor-compute is now in_notice\n",
    )
    event = json.loads(command("events", HARBOR, "--json").stdout)[-1]
    assert (event["actor"], event["valid_from"]) == ("dana", "2026-05-15")


def test_a_successor_is_named_and_shown(command: Command, sqlite: Database) -> None:
    keep_books(sqlite)
    named = command("succeed", HARBOR, SIGNED, "--reason", "moves on")
    refused = command("succeed", SIGNED, HARBOR, "--reason", "moves back")
    successor = json.loads(command("show", SIGNED).stdout)

    assert (named.exit_code, refused.exit_code) == (0, 2)
    assert json.loads(command("show", HARBOR).stdout)["successor_id"] == successor["id"]


def test_a_move_needs_a_state_and_a_reason(command: Command, sqlite: Database) -> None:
    keep_books(sqlite)

    assert command("move", HARBOR, "gone", "--reason", "x").exit_code == 2
    assert command("move", HARBOR, "in_notice").exit_code == 2
    assert "needs a reason" in command("move", HARBOR, "terminated", "--reason", " ").stderr


@pytest.mark.parametrize(
    "words", [("show", "\udcff"), ("move", HARBOR, "expired", "--reason", "\udcff")]
)
def test_bytes_that_are_no_text_are_refused(
    command: Command, sqlite: Database, words: tuple[str, ...]
) -> None:
    keep_books(sqlite)
    result = command(*words)

    assert (result.exit_code, "no UTF-8 text" in result.stderr) == (2, True)


def test_a_delivery_is_accepted(command: Command, sqlite: Database) -> None:
    keep_books(sqlite)
    words = ("accept", SIGNED, "--line", "1", "--tranche", "1", "--on")
    early, good = command(*words, "2026-06-30"), command(*words, "2026-07-02")

    assert (early.exit_code, "accept it on that day or later" in early.stderr) == (2, True)
    assert (good.exit_code, good.stdout) == (
        0,
        f"contract {SIGNED} line 1: 256 GPUs accepted by 2026-07-02\n",
    )


def test_changed_terms_wait_for_approval(
    command: Command, sheet: Callable[[bytes], str], sqlite: Database
) -> None:
    keep_books(sqlite)
    changed = command("import", sheet(SMALL.replace(b",2.63,", b",2.55,")))
    listed = command("amendments", "list")
    (told,) = json.loads(command("amendments", "list", "--json").stdout)

    assert changed.stdout.splitlines()[-1] == "1 amend, 2 unchanged: written"
    assert "wait for approval: tonnage contracts amendments list" in changed.stderr
    assert "unit_price: 2.63 → 2.55" in listed.stdout
    assert told["changes"]["unit_price"] == {"from": "2.63", "to": "2.55"}
    words = ("amendments", "approve", HARBOR, told["id"], "--reason", "agreed")
    assert command(*words, "--from", "2026-07-01").stdout == f"amendment of {HARBOR} approved\n"
    shown = json.loads(command("show", HARBOR, "--as-of", "2026-07-01").stdout)
    assert shown["lines"][0]["price_per_gpu_hour"] == "2.55"
    assert command(*words).exit_code == 2


def test_an_amendment_is_rejected(
    command: Command, sheet: Callable[[bytes], str], sqlite: Database
) -> None:
    keep_books(sqlite)
    command("import", sheet(SMALL.replace(b",2.63,", b",2.55,")))
    (told,) = json.loads(command("amendments", "list", "--json").stdout)

    rejected = command("amendments", "reject", HARBOR, told["id"], "--reason", "not agreed")

    assert rejected.stdout == f"amendment of {HARBOR} rejected\n"
    assert json.loads(command("amendments", "list", "--json").stdout) == []


def test_a_typing_error_is_corrected_at_once(
    command: Command, sheet: Callable[[bytes], str], sqlite: Database
) -> None:
    keep_books(sqlite)
    result = command(
        "import", sheet(SMALL.replace(b",2.63,", b",2.55,")), "--correction", "typed 2.63"
    )
    shown = json.loads(command("show", HARBOR, "--as-of", "2025-10-01").stdout)

    assert (result.exit_code, result.stderr) == (0, "")
    assert shown["lines"][0]["price_per_gpu_hour"] == "2.55"
    assert command("import", sheet(SMALL), "--correction", " ").exit_code == 2


def test_lines_that_a_file_leaves_out_are_told(
    command: Command, sheet: Callable[[bytes], str], sqlite: Database
) -> None:
    keep_books(sqlite)
    header, *rows = SMALL.splitlines()
    shorter = b"\n".join([header, *(row for row in rows if AUTO.encode() not in row)])

    result = command("import", sheet(shorter))

    assert f"not in the file, kept: harbor-compute {AUTO}/1" in result.stderr
    assert result.exit_code == 0


def test_a_command_finds_the_same_books_on_either_database(
    database: Database, database_url: str
) -> None:
    import_contracts(database, SMALL, file="s.csv", actor=ACTOR, clock=lambda: NOON, dry_run=False)

    result = run("contracts", "list", "--json", database_url=database_url)

    refs = [each["contract_ref"] for each in json.loads(result.stdout)["items"]]
    assert refs == [HARBOR, AUTO, SIGNED]
