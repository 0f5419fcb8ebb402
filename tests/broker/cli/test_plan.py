from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.broker.cli.commands import run
from tests.broker.flows.plans import SMALLEST, a_snapshot_document, too_much, written

NOWHERE = "sqlite:////nowhere/at/all.db"
"""A plan of a file needs no database."""


def planned(tmp_path: Path, document: dict[str, Any], *words: str, url: str = NOWHERE) -> Any:
    name = written(document, tmp_path / "snapshot.json")
    return run("plan", "--snapshot", name, *words, database_url=url)


def test_a_snapshot_file_becomes_a_plan_without_any_database(tmp_path: Path) -> None:
    result = planned(tmp_path, a_snapshot_document(), "--json")

    assert result.exit_code == 0
    plan = json.loads(result.stdout)
    assert plan["status"] == "optimal"
    assert plan["placements"] == [
        {"model": "m1", "config": "H100-tp8", "pool": "p1/H100", "replicas": 1}
    ]
    assert plan["cost_per_hour"]["new"] == "16"


def test_a_plan_that_cannot_meet_everything_is_a_plan(tmp_path: Path) -> None:
    result = planned(tmp_path, too_much())

    assert result.exit_code == 0
    assert "not served" in result.stdout
    assert "7,000.0" in result.stdout


def test_a_short_plan_fails_where_that_is_asked_for(tmp_path: Path, sqlite_url: str) -> None:
    short = planned(tmp_path, too_much(), "--fail-if-short")
    kept = planned(tmp_path, too_much(), "--keep", "--fail-if-short", url=sqlite_url)
    shown = run("plan", "show", database_url=sqlite_url)
    met = planned(tmp_path, a_snapshot_document(), "--fail-if-short")

    assert (short.exit_code, kept.exit_code, shown.exit_code, met.exit_code) == (1, 1, 0, 0)
    assert run("plan", "show", "--fail-if-short", database_url=sqlite_url).exit_code == 1


def test_beside_a_plan_stands_what_would_help_and_where_to_read_more(tmp_path: Path) -> None:
    result = planned(tmp_path, too_much())

    assert "What short models would need" in result.stdout
    assert "56 more H100 in world would do, about 112.00 USD an hour" in result.stdout
    assert "why it is so: tonnage plan explain --snapshot" in result.stdout


def test_the_page_says_what_runs_what_to_buy_and_what_it_costs(tmp_path: Path) -> None:
    result = planned(tmp_path, a_snapshot_document())

    assert result.exit_code == 0
    for words in ("placements", "H100-tp8", "to buy", "16.00", "25.36", "gap 0.00%", "hash"):
        assert words in result.stdout


def test_the_plan_is_written_to_a_file_that_checks_against_its_snapshot(tmp_path: Path) -> None:
    out = str(tmp_path / "plan.json")
    planned(tmp_path, a_snapshot_document(), "--out", out)

    snapshot = str(tmp_path / "snapshot.json")
    result = run("plan", "check", snapshot, out, "--json", database_url=NOWHERE)

    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"violations": []}


def test_a_plan_that_was_tampered_with_does_not_check(tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    planned(tmp_path, a_snapshot_document(), "--out", str(out))
    plan = json.loads(out.read_text())
    plan["placements"][0]["replicas"] = 5
    out.write_text(json.dumps(plan))

    result = run("plan", "check", str(tmp_path / "snapshot.json"), str(out), database_url=NOWHERE)

    assert result.exit_code == 1
    assert "over_capacity" in result.stdout


def test_every_fault_of_a_snapshot_is_told_with_its_path(tmp_path: Path) -> None:
    document = a_snapshot_document()
    document["pools"][0] |= {"node": "wrld", "capacity_gpus": -1}

    result = planned(tmp_path, document)

    assert result.exit_code == 2
    assert "pools[0].node" in result.stderr
    assert 'did you mean "world"?' in result.stderr
    assert "pools[0].capacity_gpus" in result.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no JSON"),
        ('{"as_of": 1, "as_of": 2}', "stands twice"),
        ("[" * 100_000, "nested too deep"),
        (f'{{"as_of": {"9" * 5000}}}', "nobody can mean"),
        ('{"as_of": 1e99999999999}', "nobody can mean"),
        ("[]", "a list stands where an object must"),
        ('{"as_of": "\\ud800"}', "as_of"),
    ],
)
def test_what_is_no_snapshot_is_refused_in_words(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "snapshot.json"
    file.write_text(text)

    result = run("plan", "--snapshot", str(file), database_url=NOWHERE)

    assert result.exit_code == 2
    assert words in result.stderr


def test_files_that_cannot_be_read_or_written_are_told(tmp_path: Path) -> None:
    missing = run("plan", "--snapshot", str(tmp_path / "none.json"), database_url=NOWHERE)
    unwritten = planned(tmp_path, a_snapshot_document(), "--out", str(tmp_path / "no" / "plan"))

    assert (missing.exit_code, unwritten.exit_code) == (2, 2)
    assert "cannot be read" in missing.stderr
    assert "cannot be written" in unwritten.stderr


def test_replicas_of_an_earlier_plan_need_no_new_start(tmp_path: Path) -> None:
    document = a_snapshot_document()
    document["models"][0]["start_cost"] = "5"
    out = str(tmp_path / "plan.json")
    first = json.loads(planned(tmp_path, document, "--json", "--out", out).stdout)

    second = json.loads(planned(tmp_path, document, "--json", "--current", out).stdout)

    assert first["cost_per_hour"]["starts"] == "5"
    assert second["cost_per_hour"]["starts"] == "0"
    assert second["moves"] == []


def test_a_plan_that_is_kept_is_listed_and_shown(tmp_path: Path, sqlite_url: str) -> None:
    kept = planned(tmp_path, a_snapshot_document(), "--keep", "--json", url=sqlite_url)
    plan_id = json.loads(kept.stdout)["id"]

    (entry,) = json.loads(run("plan", "list", "--json", database_url=sqlite_url).stdout)
    listed = run("plan", "list", database_url=sqlite_url)
    shown = run("plan", "show", plan_id, "--json", database_url=sqlite_url)
    newest = run("plan", "show", database_url=sqlite_url)

    assert (entry["id"], entry["kind"], entry["actor"]) == (plan_id, "snapshot", "dana")
    assert plan_id in listed.stdout
    assert json.loads(shown.stdout) == json.loads(kept.stdout)
    assert f"on record as plan {plan_id}" in newest.stdout


def test_without_any_plan_the_list_says_how_to_make_one(sqlite_url: str) -> None:
    listed = run("plan", "list", database_url=sqlite_url)
    shown = run("plan", "show", database_url=sqlite_url)

    assert (listed.exit_code, shown.exit_code) == (0, 2)
    assert "tonnage plan" in listed.stdout


def test_books_without_demand_say_what_is_lacking(sqlite_url: str) -> None:
    result = run("plan", database_url=sqlite_url)

    assert result.exit_code == 2
    assert "tonnage demand import FILE" in result.stderr


def test_the_samples_are_planned_by_their_file(tmp_path: Path) -> None:
    result = run("plan", "--snapshot", str(SMALLEST), "--json", database_url=NOWHERE)

    assert result.exit_code == 0
    assert json.loads(result.stdout)["status"] == "short"  # its survival cannot be met
    assert float(json.loads(result.stdout)["cost_per_hour"]["new"]) > 0
