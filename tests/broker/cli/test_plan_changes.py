"""`tonnage plan replan`, `what-if` and `explain`, from files and from plans on record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.broker.cli.commands import run
from tests.broker.flows.plans import too_much, two_providers, written

NOWHERE = "sqlite:////nowhere/at/all.db"
"""Plans of files need no database."""


def files(tmp_path: Path, document: dict[str, Any] | None = None) -> tuple[str, ...]:
    """The words that name a snapshot and its plan."""
    snapshot = written(document or two_providers(), tmp_path / "snapshot.json")
    out = str(tmp_path / "plan.json")
    assert run("plan", "--snapshot", snapshot, "--out", out, database_url=NOWHERE).exit_code == 0
    return "--snapshot", snapshot, "--current", out


def keep(tmp_path: Path, url: str, document: dict[str, Any] | None = None) -> str:
    snapshot = written(document or two_providers(), tmp_path / "snapshot.json")
    told = run("plan", "--snapshot", snapshot, "--keep", "--json", database_url=url)
    plan_id: str = json.loads(told.stdout)["id"]
    return plan_id


def test_the_page_of_a_loss_tells_the_repair_the_plan_and_the_difference(tmp_path: Path) -> None:
    result = run("plan", "replan", "--lost", "p1", *files(tmp_path), database_url=NOWHERE)

    assert result.exit_code == 0
    for words in ("p1 is lost: repaired in", "100% of demand is served", "the full plan"):
        assert words in result.stdout
    (bought,) = [line for line in result.stdout.splitlines() if line.startswith("purchases, $/h")]
    assert bought.split()[-3:] == ["16.00", "24.00", "+8.00"]
    assert "1 replicas start, 1 stop or are lost" in result.stdout


def test_a_loss_is_told_to_programs_and_written(tmp_path: Path) -> None:
    out = tmp_path / "after.json"
    result = run(
        "plan", "replan", "--lost", "p1", *files(tmp_path), "--json", "--out", str(out),
        database_url=NOWHERE,
    )  # fmt: skip

    told = json.loads(result.stdout)
    assert told["repair"]["placements"] == told["plan"]["placements"]
    assert told["repair_comparison"]["after"]["served_share"] == 1
    assert told["comparison"]["changes"] == ["p1 is lost"]
    assert json.loads(out.read_text()) == told["plan"]


def test_a_loss_on_record_keeps_both_plans_after_the_one_that_ran(
    tmp_path: Path, sqlite_url: str
) -> None:
    plan_id = keep(tmp_path, sqlite_url)

    result = run("plan", "replan", "--lost", "p1", database_url=sqlite_url)

    entries = json.loads(run("plan", "list", "--json", database_url=sqlite_url).stdout)
    assert [(each["kind"], each["parent_id"]) for each in entries] == [
        ("replan", plan_id),
        ("replan", plan_id),
        ("snapshot", None),
    ]
    assert f"on record as plan {entries[0]['id']}" in result.stdout


def test_every_change_that_is_supposed_is_a_sentence_above_two_columns(tmp_path: Path) -> None:
    pool = two_providers()["pools"][0] | {"pool": "p2/offer", "provider": "p2"}
    offer = written(pool | {"price_per_gpu_hour": "0.5"}, tmp_path / "offer.json")
    result = run(
        "plan", "what-if", "--drop", "p1", "--close", "p2/H100", "--prices", "1.5",
        "--demand", "m1=2", "--offer", offer, *files(tmp_path), database_url=NOWHERE,
    )  # fmt: skip

    assert result.exit_code == 0
    assert [line for line in result.stdout.splitlines() if line.startswith("what if")] == [
        "what if: p1 is lost",
        "what if: pool p2/H100 is gone",
        "what if: prices of all providers times 1.5",
        "what if: demand for m1 times 2",
        "what if: 16 GPUs more: p2/offer",
    ]
    (bought,) = [line for line in result.stdout.splitlines() if line.startswith("purchases, $/h")]
    assert bought.split()[-3:] == ["16.00", "8.00", "-8.00"]


def test_what_is_supposed_of_a_plan_on_record_is_kept_beside_it(
    tmp_path: Path, sqlite_url: str
) -> None:
    plan_id = keep(tmp_path, sqlite_url)

    result = run(
        "plan", "what-if", "--prices", "p1=3", "--plan", plan_id, "--json", database_url=sqlite_url
    )

    told = json.loads(result.stdout)
    assert (told["plan"]["kind"], told["plan"]["parent_id"]) == ("what-if", plan_id)
    assert told["plan"]["purchases"][0]["pool"] == "p2/H100"
    assert (told["comparison"]["before"]["new"], told["comparison"]["after"]["new"]) == ("16", "24")
    assert told["comparison"]["replicas_started"] == 1


def test_a_short_plan_fails_only_where_that_is_asked_for(tmp_path: Path) -> None:
    ground = files(tmp_path)
    for words in (
        ("replan", "--lost", "p1", "--budget-seconds", "1"),
        ("what-if", "--demand", "9"),
    ):
        usual = run("plan", *words, *ground, database_url=NOWHERE)
        strict = run("plan", *words, *ground, "--fail-if-short", database_url=NOWHERE)

        is_short = words[0] == "what-if"
        assert (usual.exit_code, strict.exit_code) == (0, int(is_short))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("what-if",), "nothing is changed"),
        (("what-if", "--prices", "dear"), "[PROVIDER=]FACTOR"),
        (("what-if", "--prices", "nan"), "factor from 0 to 1000"),
        (("what-if", "--demand", "=2"), "[MODEL=]FACTOR"),
        (("what-if", "--drop", "p9"), "changes[0].provider"),
        (("what-if", "--offer", "nowhere.json"), "cannot be read"),
        (("replan", "--lost", "p9"), "no provider 'p9'; known: p1, p2"),
        (("explain", "--model", "m9"), "no model 'm9'"),
        (("explain", "x"), "by its files or by its id"),
    ],
)
def test_what_cannot_be_done_is_told_in_words(
    tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    result = run("plan", *words, *files(tmp_path), database_url=NOWHERE)

    assert result.exit_code == 2
    assert told in result.stderr


def test_every_fault_of_an_offer_is_told(tmp_path: Path) -> None:
    offer = written({"pool": "x", "kind": "spot"}, tmp_path / "offer.json")

    result = run("plan", "what-if", "--offer", offer, *files(tmp_path), database_url=NOWHERE)

    assert result.exit_code == 2
    for field in ("provider", "node", "capacity_gpus", "price_per_gpu_hour"):
        assert f"{field} is missing" in result.stderr


def test_a_snapshot_without_its_plan_is_refused(tmp_path: Path) -> None:
    result = run("plan", "explain", *files(tmp_path)[:2], database_url=NOWHERE)

    assert result.exit_code == 2
    assert "--snapshot and --current go together" in result.stderr


def test_a_plan_is_explained_as_a_page_and_for_programs(tmp_path: Path, sqlite_url: str) -> None:
    plan_id = keep(tmp_path, sqlite_url, too_much())

    page = run("plan", "explain", database_url=sqlite_url)
    told = run("plan", "explain", plan_id, "--model", "m1", "--json", database_url=sqlite_url)
    of_files = run("plan", "explain", *files(tmp_path, too_much()), database_url=NOWHERE)

    assert page.exit_code == of_files.exit_code == 0
    assert "What short models would need" in page.stdout
    assert "m1: 56 more H100 in world would do" in page.stdout
    assert page.stdout == of_files.stdout
    found = json.loads(told.stdout)
    assert (found["plan_id"], found["withheld"]) == (plan_id, 0)
    assert found["relaxations"][0]["dollars_per_hour"] == "112"


def test_of_a_plan_with_nothing_to_say_that_is_said(tmp_path: Path) -> None:
    document = two_providers()
    document["demand"] = []

    result = run("plan", "explain", *files(tmp_path, document), database_url=NOWHERE)

    assert "nothing to explain" in result.stdout
