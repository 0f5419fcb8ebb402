"""What we hand out can be imported again, and opening it runs nothing."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.contracts.sheets.export import disarmed, error_csv, template_csv
from broker.contracts.sheets.reading import read_text
from tests.broker.contracts.sheets.sheet_builders import a_row, only, read, read_bytes


def test_the_template_imports_as_it_is() -> None:
    values = only(read_bytes(template_csv().encode()))

    assert values.contract_ref == "EXAMPLE-1"
    assert values.notes is not None
    assert "invented" in values.notes


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\x1b", "\x7f"])
def test_a_text_that_a_spreadsheet_would_run_gets_an_apostrophe(start: str) -> None:
    assert disarmed(f"{start}1+1") == f"'{start}1+1"


@given(text=st.text(max_size=10))
def test_disarming_adds_at_most_an_apostrophe(text: str) -> None:
    assert disarmed(text) in {text, f"'{text}"}
    assert not disarmed(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_each_complaint_stands_beside_its_row() -> None:
    sheet = read(a_row(notes="=HYPERLINK(1)", gpu_count="-8", end_date="soon"), a_row(line_no="2"))

    header, *rows = csv.reader(io.StringIO(error_csv(sheet.text, sheet.issues), newline=""))

    found = [dict(zip(header, row, strict=True)) for row in rows]
    assert [(row["line"], row["field"], row["code"]) for row in found] == [
        ("2", "gpu_count", "negative_value"),
        ("2", "end_date", "bad_date"),
    ]
    assert found[0]["contract_ref"] == "HC-1"
    assert found[0]["notes"] == "'=HYPERLINK(1)"
    assert found[0]["gpu_count"] == "'-8"
    assert all(row["message"] for row in found)


def test_a_file_that_cannot_be_read_gets_its_one_complaint() -> None:
    text = read_text(b"\xff")

    assert error_csv(text, text.issues).splitlines()[0] == "line,field,code,message"
    assert "bad_encoding" in error_csv(text, text.issues)
