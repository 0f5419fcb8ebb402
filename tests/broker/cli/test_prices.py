"""`tonnage prices`: what a person and a program see."""

import json
from pathlib import Path

import pytest

from broker.store.engine import Database
from tests.broker.cli.commands import run
from tests.market_sheets import a_market_sheet, a_price, import_lines

SELLERS = ("atlas", "basalt", "cinder", "delphi", "ember")


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    """Return a sheet with a price, a slice and a card nobody knows."""
    path = tmp_path / "market.csv"
    slice_ = a_price(gpu="h100-sxm", vram_gb=40, usd_per_gpu_hour="1.1")
    path.write_bytes(a_market_sheet(a_price(), slice_, a_price(gpu="x9000")))
    return path


def test_an_import_is_told_to_a_program_in_its_published_shape(
    database_url: str, sheet: Path
) -> None:
    result = run("prices", "import", str(sheet), "--json", database_url=database_url)

    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert told.pop("import_id")
    (unmapped,) = told.pop("unmapped")
    (issue,) = told.pop("issues")
    assert told == {
        "file": "market.csv",
        "status": "ok",
        "dry_run": False,
        "rows": 3,
        "series": 2,
        "new_sightings": 2,
        "levels": 2,
        "newly_mapped": 0,
        "notices": {"memory_differs": 1},
    }
    assert (unmapped["line"], unmapped["gpu"]) == (4, "x9000")
    assert (issue["line"], issue["severity"], issue["code"]) == (3, "warning", "memory_differs")


def test_an_import_tells_a_person_what_was_added_and_what_deserves_a_look(
    sqlite_url: str, sheet: Path
) -> None:
    result = run("prices", "import", str(sheet), database_url=sqlite_url)

    assert result.stdout == "market.csv: 3 rows of 2 series; added 2 rows; 2 price levels\n"
    assert "notice: memory_differs in 1 rows, such as lines 3" in result.stderr
    assert "warning: line 4 set aside: 'x9000'" in result.stderr


def test_a_dry_run_leaves_the_books_alone(sqlite_url: str, sheet: Path) -> None:
    tried = run("prices", "import", str(sheet), "--dry-run", database_url=sqlite_url)
    listed = run("prices", "list", "--as-of", "2026-05-11", database_url=sqlite_url)

    assert "would add 2 rows" in tried.stdout
    assert "no such price is on record" in listed.stderr


def test_faults_go_to_standard_error_line_by_line_and_the_exit_code_says_so(
    sqlite_url: str, tmp_path: Path
) -> None:
    sheet = tmp_path / "bad.csv"
    sheet.write_bytes(a_market_sheet(a_price(usd_per_gpu_hour="-1"), a_price(kind="weekly")))

    person = run("prices", "import", str(sheet), database_url=sqlite_url)
    program = run("prices", "import", str(sheet), "--json", database_url=sqlite_url)

    assert (person.exit_code, program.exit_code) == (1, 1)
    assert "line 2, usd_per_gpu_hour: a price is above zero" in person.stderr
    assert "line 3, kind: 'weekly' is none of" in person.stderr
    told = json.loads(program.stdout)
    assert told["status"] == "errors"
    assert [(issue["line"], issue["severity"]) for issue in told["issues"]] == [
        (2, "error"),
        (3, "error"),
    ]


def test_a_list_shows_known_and_unknown_prices_and_what_was_left_out(
    sqlite: Database, sqlite_url: str
) -> None:
    import_lines(
        sqlite,
        a_price(gpu="h100-sxm", vram_gb=80, usd_per_gpu_hour="2.6"),
        a_price(gpu="h100-sxm", vram_gb=80, provider="ember", date="2026-01-01"),
        a_price(gpu="h100-sxm", vram_gb=40, provider="granite-ai"),
    )
    words = ("prices", "list", "--gpu", "H100", "--as-of", "2026-05-12")

    person = run(*words, database_url=sqlite_url).stdout
    program = json.loads(run(*words, "--json", database_url=sqlite_url).stdout)

    assert "carried forward" in person
    assert "UNKNOWN: too-old" in person
    assert "compared with nothing: 1 series" in person
    known, unknown = program["items"]
    assert (known["low"], known["age_days"], known["stale"]) == ("2.6", 1, True)
    assert (unknown["low"], unknown["unknown_because"]) == (None, "too-old")
    assert (unknown["observed_on"], program["excluded_count"]) == ("2026-01-01", 1)


def test_the_day_that_is_set_counts_as_today(sqlite: Database, sqlite_url: str) -> None:
    import_lines(sqlite, a_price())

    told = run(
        "prices", "list", "--json", database_url=sqlite_url, TONNAGE_AS_OF="2026-05-11"
    ).stdout

    assert json.loads(told)["items"][0]["age_days"] == 0


def test_a_history_and_its_sources_lead_from_a_level_to_a_line(
    sqlite: Database, sqlite_url: str
) -> None:
    import_lines(sqlite, a_price(date="2026-05-08"), a_price(), file="may.csv")
    words = ("--gpu", "b200", "--json")

    (told,) = json.loads(run("prices", "history", *words, database_url=sqlite_url).stdout)["items"]
    sources = json.loads(run("prices", "sources", *words, database_url=sqlite_url).stdout)
    person = run("prices", "history", "--gpu", "b200", database_url=sqlite_url).stdout

    assert told["levels"] == [
        {"price": "5", "first_seen_on": "2026-05-08", "last_seen_on": "2026-05-11"}
    ]
    assert told["gaps"] == [{"first_day": "2026-05-09", "days": 2}]
    assert [(row["file"], row["line"]) for row in sources["items"]] == [
        ("may.csv", 3),
        ("may.csv", 2),
    ]
    assert "2026-05-08" in person


def test_a_market_is_shown_with_its_benchmark(sqlite: Database, sqlite_url: str) -> None:
    levels = ("4", "4.4", "5", "5.6", "6")
    import_lines(
        sqlite,
        *(
            a_price(provider=seller, usd_per_gpu_hour=level)
            for seller, level in zip(SELLERS, levels, strict=True)
        ),
    )

    shown = run(
        "prices", "market", "--gpu", "b200", "--as-of", "2026-05-11", database_url=sqlite_url
    ).stdout

    assert "list benchmark: median 5, quartiles 4.4 to 5.6, MAD 0.6, n = 5" in shown


def test_an_unknown_gpu_is_refused_in_words(sqlite_url: str) -> None:
    result = run("prices", "list", "--gpu", "x9000", database_url=sqlite_url)

    assert result.exit_code == 2
    assert "alias table" in result.stderr


def test_rates_are_imported_and_their_faults_told(sqlite_url: str, tmp_path: Path) -> None:
    sheet = tmp_path / "fx.csv"
    sheet.write_text("base,quote,date,rate,source\nEUR,USD,2026-05-11,1.094,invented\n")
    good = run("prices", "fx", str(sheet), database_url=sqlite_url)
    sheet.write_text("base,quote,date,rate,source\nEUR,USD,2026-05-11,1.1,invented\n")
    bad = run("prices", "fx", str(sheet), database_url=sqlite_url)

    assert (good.exit_code, good.stdout) == (0, "fx.csv: 1 rates, 1 new\n")
    assert bad.exit_code == 1
    assert "conflict_on_record" in bad.stderr
