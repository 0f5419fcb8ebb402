"""A table saved from the page says what the page says, and nothing in it runs."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.download import csv_file

cells = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)


def read_back(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode())))


@given(rows=st.lists(st.tuples(cells, cells), max_size=10))
def test_every_cell_comes_back_except_for_the_quote_that_stops_a_formula(
    rows: list[tuple[str, str]],
) -> None:
    _, *found = read_back(csv_file(("a", "b"), rows))

    assert [[cell.removeprefix("'") for cell in row] for row in found] == [
        [cell.removeprefix("'") for cell in row] for row in rows
    ]


@pytest.mark.parametrize("cell", ["=1+1", "@SUM(A1)", "+cmd", "-x", "\t=1"])
def test_a_spreadsheet_gets_no_formula(cell: str) -> None:
    _, row = read_back(csv_file(("name",), [(cell,)]))

    assert row == [f"'{cell}"]


def test_amounts_keep_every_digit_and_unknown_is_empty() -> None:
    content = csv_file(("price", "move", "none"), [("4.123456", "-0.05", None)])

    assert content == b"price,move,none\n4.123456,-0.05,\n"
