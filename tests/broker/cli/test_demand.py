"""Demand at the command line."""

import json
from pathlib import Path

import pytest

from tests.broker.cli.commands import run
from tests.broker.demand_sheets import (
    FORECAST,
    METERED,
    forecast_sheet_of,
    metered_sheet_of,
    models_of_one,
)

SERVEGEN = "model,t_s,req_per_s,in_tok_per_s,out_tok_per_s,active_clients\nm,0,1,100,10,3\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "forecast.csv").write_bytes(forecast_sheet_of(FORECAST))
    (tmp_path / "metered.csv").write_bytes(metered_sheet_of(METERED))
    (tmp_path / "models.json").write_bytes(models_of_one())
    (tmp_path / "trace.csv").write_text(SERVEGEN)
    return tmp_path


def loaded(folder: Path, url: str) -> None:
    for words in (("models", "import", "models.json"), ("import", "forecast.csv")):
        done = run("demand", *words[:-1], str(folder / words[-1]), database_url=url)
        assert done.exit_code == 0, done.stderr


def test_demand_is_imported_shown_and_sized(folder: Path, sqlite_url: str) -> None:
    loaded(folder, sqlite_url)
    run("demand", "import", str(folder / "metered.csv"), database_url=sqlite_url)
    day = ("--as-of", "2026-05-15")

    shown = run("demand", "show", *day, database_url=sqlite_url).stdout
    told = json.loads(run("demand", "show", *day, "--json", database_url=sqlite_url).stdout)
    sized = run("demand", "sizing", *day, "--quantile", "0.5", database_url=sqlite_url).stdout

    assert "13 x H100-tp2-fp8 (26 H100)" in shown
    assert told["items"][0]["forecast_tokens_per_second"] == 50000.5
    assert told["items"][0]["metered_tokens_per_second"] == 1.0
    assert "p50" in sized
    assert "chat-70b" in sized


def test_an_import_tells_a_program_what_it_did(folder: Path, sqlite_url: str) -> None:
    words = ("demand", "import", str(folder / "forecast.csv"), "--json")
    first, second = (json.loads(run(*words, database_url=sqlite_url).stdout) for _ in range(2))

    assert (first["status"], first["recorded"], first["unchanged"]) == ("ok", 1, 0)
    assert (second["recorded"], second["unchanged"]) == (0, 1)


def test_a_sheet_with_faults_says_where_and_exits_with_1(folder: Path, sqlite_url: str) -> None:
    path = folder / "wrong.csv"
    path.write_bytes(forecast_sheet_of(FORECAST.replace("2026-05", "May")))

    words = run("demand", "import", str(path), database_url=sqlite_url)
    program = run("demand", "import", str(path), "--json", database_url=sqlite_url)

    assert (words.exit_code, program.exit_code) == (1, 1)
    assert "line 2, month" in words.stderr
    (issue,) = json.loads(program.stdout)["issues"]
    assert (issue["line"], issue["field"]) == (2, "month")


def test_a_dry_run_writes_nothing(folder: Path, sqlite_url: str) -> None:
    words = run(
        "demand", "import", str(folder / "forecast.csv"), "--dry-run", database_url=sqlite_url
    )
    listed = run("demand", "forecasts", "--json", database_url=sqlite_url)

    assert "would be recorded: 1" in words.stdout
    assert json.loads(listed.stdout) == {"items": [], "by_month": []}


def test_forecasts_are_listed_by_month(folder: Path, sqlite_url: str) -> None:
    loaded(folder, sqlite_url)

    shown = run("demand", "forecasts", "--from", "2026-05", database_url=sqlite_url).stdout
    later = run("demand", "forecasts", "--from", "2026-06", "--json", database_url=sqlite_url)

    assert "50000.5" in shown
    assert json.loads(later.stdout)["items"] == []


def test_a_trace_needs_to_be_told_what_it_does_not_say(folder: Path, sqlite_url: str) -> None:
    words = ("demand", "import", str(folder / "trace.csv"), "--format", "servegen")
    node, start = ("--node", "us"), ("--started-at", "2026-05-01T00:00:00Z")

    nowhere = run(*words, database_url=sqlite_url)
    never = run(*words, *node, database_url=sqlite_url)
    unclear = run(*words, *node, "--started-at", "May", database_url=sqlite_url)
    done = run(*words, *node, *start, database_url=sqlite_url)

    assert [each.exit_code for each in (nowhere, never, unclear, done)] == [2, 2, 2, 0]
    assert "--node" in nowhere.stderr
    assert "--started-at" in never.stderr
    assert "metered windows recorded: 1" in done.stdout


def test_models_are_listed_with_their_sources_and_ended(folder: Path, sqlite_url: str) -> None:
    loaded(folder, sqlite_url)

    shown = run("demand", "models", "list", database_url=sqlite_url).stdout
    told = json.loads(run("demand", "models", "list", "--json", database_url=sqlite_url).stdout)
    ended = run("demand", "models", "end", "chat-70b", database_url=sqlite_url)
    again = run("demand", "models", "end", "chat-70b", database_url=sqlite_url)
    none = run("demand", "models", "list", database_url=sqlite_url)

    assert "performance overview, 2026-05-04" in shown
    assert told["items"][0]["configs"][0]["throughput"][0]["class"] == "chat"
    assert (ended.exit_code, again.exit_code) == (0, 2)
    assert "models import" in none.stderr


def test_a_model_that_does_not_fit_is_refused_with_the_figures(
    folder: Path, sqlite_url: str
) -> None:
    text = (folder / "models.json").read_text().replace('"gpus": 2', '"gpus": 1')
    (folder / "models.json").write_text(text)

    words = run("demand", "models", "import", str(folder / "models.json"), database_url=sqlite_url)
    program = run(
        "demand", "models", "import", str(folder / "models.json"), "--json", database_url=sqlite_url
    )

    assert (words.exit_code, program.exit_code) == (1, 1)
    assert "models[0].configs[0].gpus: does not fit: each of 1 GPUs" in words.stderr
    assert json.loads(program.stdout)["issues"][0]["field"] == "models[0].configs[0].gpus"


def test_published_figures_are_listed_for_a_gpu(sqlite_url: str) -> None:
    shown = run("demand", "models", "published", "--gpu", "h200", database_url=sqlite_url)
    unknown = run("demand", "models", "published", "--gpu", "H2000", database_url=sqlite_url)

    assert "1627" in shown.stdout
    assert "B200" not in shown.stdout
    assert unknown.exit_code == 2


def test_an_empty_book_says_what_to_import(sqlite_url: str) -> None:
    shown = run("demand", "show", database_url=sqlite_url)
    sized = run("demand", "sizing", database_url=sqlite_url)

    assert "tonnage demand import" in shown.stderr
    assert "tonnage demand import" in sized.stderr
