"""`tonnage procure`: the page of a plan, from a file or from the books."""

import json
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path

from broker.procurement.input_json import input_document
from broker.store.engine import Database
from tests.broker.cli.commands import run
from tests.broker.procurement.cases import a_renewal_case, the_story_document


def test_a_file_is_planned_without_a_database_and_decisions_come_first(tmp_path: Path) -> None:
    out, given = tmp_path / "plan.json", tmp_path / "input.json"
    given.write_text(json.dumps(input_document(a_renewal_case())))

    found = run(
        "procure",
        "--input",
        str(given),
        "--out",
        str(out),
        database_url="sqlite:////nowhere/there-is-none.db",
    )

    lines = found.stdout.splitlines()
    assert found.exit_code == 0
    assert lines.index("What to do") < lines.index("What lacks, in B200-equivalents")
    assert lines[lines.index("What to do") + 2].split()[:4] == ["2026-06-30", "renew", "32", "5.00"]
    document = json.loads(out.read_text())
    (sheet,) = document["negotiation_sheets"]
    limit = Decimal(sheet["bands"][0]["above"]).quantize(Decimal("0.01"), rounding=ROUND_FLOOR)
    assert f"  Above {limit}: renew none." in lines


def test_a_file_with_faults_is_refused_with_all_of_them(tmp_path: Path) -> None:
    document = the_story_document()
    document["months"] = 0
    document["quotes"][0]["gpus"] = 1
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(document))

    found = run("procure", "--input", str(bad), database_url="sqlite://")
    none = run("procure", "--input", str(tmp_path / "none.json"), database_url="sqlite://")

    assert (found.exit_code, none.exit_code) == (2, 2)
    assert "months: write a whole number" in found.stderr
    assert "quotes[0].gpus: is not known here" in found.stderr


def test_the_books_are_planned_and_the_plan_is_on_record(told: Database, tmp_path: Path) -> None:
    url = str(told.write_engine.url.render_as_string(hide_password=False))
    words = ("procure", "--months", "12", "--no-sheets", "--json")

    found = run(*words, database_url=url, TONNAGE_AS_OF="2026-05-15")
    shown = run("procure", "--show-input", database_url=url, TONNAGE_AS_OF="2026-05-15")

    plan = json.loads(found.stdout)
    assert (plan["as_of"], plan["months"]) == ("2026-05-15", 12)
    assert any("nobody has forecast any" in note for note in plan["notes"])
    edited = tmp_path / "input.json"
    edited.write_text(shown.stdout)
    again = run("procure", "--input", str(edited), "--no-sheets", "--json", database_url=url)
    assert again.exit_code == 0
