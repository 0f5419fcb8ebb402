"""`tonnage renewals`, `quotes` and `assumptions`, as the deal desk types them."""

import json
from pathlib import Path

from broker.store.engine import Database
from tests.broker import story
from tests.broker.cli.commands import run

MAY_15 = {"TONNAGE_AS_OF": "2026-05-15"}
LONGEST_PAGE = 90


def test_the_page_for_the_call_fits_the_terminal(told_url: str) -> None:
    result = run("renewals", "brief", story.HARBOR, database_url=told_url, **MAY_15)

    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert len(lines) <= LONGEST_PAGE
    assert max(len(line) for line in lines) <= 100
    assert "Counter at 4.40 USD; walk away above 4.6743 USD." in result.stdout
    for figure in ("+93.92 %", "+15.91 %", "22,156,492.80", "above 6 of 7", "2026-07-02", "77.6"):
        assert figure in result.stdout


def test_the_page_says_what_is_unknown_and_how_to_state_it(told_url: str) -> None:
    result = run("renewals", "brief", "CC-100/2", database_url=told_url, **MAY_15)

    assert "tonnage assumptions set migration_work_cost" in result.stdout
    assert "Get quotes" not in result.stdout  # there is no offer to answer yet
    assert "Ask Cascadia Compute, Inc. for an offer" in result.stdout
    assert max(len(line) for line in result.stdout.splitlines()) <= 100


def test_a_program_reads_the_same_brief(told_url: str) -> None:
    result = run(
        "renewals", "brief", "HC-2025-B200-01", "--as-of", "2026-05-15", "--json",
        database_url=told_url,
    )  # fmt: skip

    brief = json.loads(result.stdout)
    assert brief["walk_away_price"] == {"amount": "4.6743", "currency": "USD"}


def test_a_contract_of_several_lines_asks_which(told_url: str) -> None:
    result = run("renewals", "brief", "CC-100", database_url=told_url, **MAY_15)

    assert result.exit_code == 2
    assert "CC-100/1" in result.stderr


def test_the_list_has_a_line_for_each_renewal(told_url: str) -> None:
    result = run("renewals", "list", database_url=told_url, **MAY_15)

    rows = result.stdout.splitlines()
    assert len(rows) == 11
    assert "HC-2025-B200-01/1" in rows[1]
    assert "+93.9 %" in rows[1]
    assert "+22.16 m" in rows[1]


def test_the_list_can_be_cut_by_days_and_read_by_a_program(told_url: str) -> None:
    result = run(
        "renewals", "list", "--within-days", "50", "--json", database_url=told_url, **MAY_15
    )

    listed = json.loads(result.stdout)
    assert [entry["days_left"] for entry in listed["items"]] == [48, 48]


def test_a_sheet_of_quotes_is_tried_imported_and_known(told_url: str, tmp_path: Path) -> None:
    sheet = tmp_path / "quotes.csv"
    sheet.write_text(story.QUOTES.read_text().replace(",4.40,", ",4.35,"))

    tried = run("quotes", "import", str(sheet), "--dry-run", database_url=told_url)
    done = run("quotes", "import", str(sheet), "--json", database_url=told_url)
    again = run("quotes", "import", str(sheet), database_url=told_url)

    assert "would be recorded: 1, already known: 6" in tried.stdout
    assert json.loads(done.stdout)["recorded"] == 1
    assert "recorded: 0, already known: 7" in again.stdout


def test_a_faulty_sheet_is_told_line_by_line_and_exits_with_one(
    told_url: str, tmp_path: Path
) -> None:
    sheet = tmp_path / "quotes.csv"
    sheet.write_text(story.QUOTES.read_text().replace("B200,SXM,512", "B2000,SXM,0"))

    result = run("quotes", "import", str(sheet), database_url=told_url)

    assert result.exit_code == 1
    assert "line 2, gpu_model:" in result.stderr
    assert "line 2, gpu_count:" in result.stderr
    assert "nothing was recorded" in result.stderr


def test_one_quote_is_recorded_countered_and_accepted(told_url: str) -> None:
    words = (
        "quotes", "record", "--supplier", "Harbor Compute", "--kind", "renewal_offer",
        "--renews", story.HARBOR, "--gpu", "B200", "--gpus", "1024", "--price", "4.50",
        "--price-basis", "per_gpu_hour", "--currency", "USD", "--term-months", "12",
        "--received-on", "2026-05-15", "--valid-until", "2026-06-14", "--json",
    )  # fmt: skip
    recorded = run(*words, database_url=told_url, **MAY_15)
    made = json.loads(recorded.stdout)
    assert "new alerts; see: tonnage alerts list" in recorded.stderr
    short = made["id"][-8:]

    countered = run("quotes", "counter", short, "--reason", "4.40", database_url=told_url, **MAY_15)
    late = run(
        "quotes", "accept", short, "--reason", "ok", "--on", "2026-07-01", database_url=told_url
    )
    accepted = run(
        "quotes", "accept", short, "--reason", "ok", "--on", "2026-06-01", database_url=told_url
    )

    assert "is countered" in countered.stdout
    assert late.exit_code == 2
    assert "override reason" in late.stderr
    assert "is accepted" in accepted.stdout


def test_quotes_are_listed_by_their_short_names(told_url: str) -> None:
    result = run("quotes", "list", database_url=told_url, **MAY_15)
    as_json = json.loads(run("quotes", "list", "--json", database_url=told_url, **MAY_15).stdout)

    assert len(as_json["items"]) == 8
    assert all(quote["id"][-8:] in result.stdout for quote in as_json["items"])


def test_an_assumption_is_set_and_listed(told_url: str) -> None:
    done = run(
        "assumptions", "set", "egress_cost", "9000 USD", "--scope", "contract:CC-100",
        "--source", "platform", database_url=told_url, **MAY_15,
    )  # fmt: skip
    listed = run("assumptions", "list", "--json", database_url=told_url, **MAY_15)

    assert done.exit_code == 0
    stated = {(each["name"], each["scope"]): each for each in json.loads(listed.stdout)["items"]}
    assert stated["egress_cost", "contract:CC-100"]["value"] == "9000 USD"


def test_money_without_its_currency_is_refused_with_an_example(told_url: str) -> None:
    result = run(
        "assumptions", "set", "egress_cost", "9000", "--source", "platform",
        database_url=told_url, **MAY_15,
    )  # fmt: skip

    assert result.exit_code == 2
    assert "'40000 USD'" in result.stderr


def test_a_sheet_of_assumptions_is_imported_once(told_url: str) -> None:
    again = run("assumptions", "import", str(story.ASSUMPTIONS), database_url=told_url)

    assert again.exit_code == 0
    assert "recorded: 0" in again.stdout


def test_every_assumption_is_explained(told_url: str) -> None:
    result = run("assumptions", "names", database_url=told_url)

    assert "busy_fraction" in result.stdout
    assert "part of the paid GPU-hours that works" in result.stdout


def test_on_an_empty_database_the_way_in_is_named(sqlite: Database) -> None:
    url = str(sqlite.read_engine.url)

    assert "tonnage contracts import" in run("renewals", "list", database_url=url).stderr
    assert "tonnage quotes import" in run("quotes", "list", database_url=url).stderr
    assert "tonnage assumptions set" in run("assumptions", "list", database_url=url).stderr
