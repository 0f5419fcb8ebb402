"""A file is read whole and exactly, or refused with what to do; lines are those of an editor."""

import codecs
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.contracts.sheets import reading
from broker.contracts.sheets.reading import read_text
from tests.broker.contracts.sheets.sheet_builders import a_row, as_csv, complaints

HEADER = b"a,b\n"


@pytest.mark.parametrize(("mark", "encoding"), [(b"", "utf-8"), (codecs.BOM_UTF8, "utf-8-sig")])
def test_a_byte_order_mark_does_not_stay_in_the_first_column_name(
    mark: bytes, encoding: str
) -> None:
    sheet = read_text(mark + HEADER + "1,Zürich\n".encode())

    assert sheet.header is not None
    assert sheet.header.cells == ("a", "b")
    assert sheet.rows[0].cells == ("1", "Zürich")
    assert sheet.detected.encoding == encoding


@pytest.mark.parametrize(
    ("content", "line", "advice"),
    [
        (HEADER + b"1,2\n1,caf\xe9\n", 3, "CSV UTF-8"),
        (codecs.BOM_UTF8 + HEADER + b"\xff,2\n", 2, "CSV UTF-8"),
        (HEADER + b"1,\x002\n", 2, "NUL"),
        ("a,b\n".encode("utf-16"), 1, "UTF-16"),
        (b"PK\x03\x04 more", 1, "workbook"),
    ],
)
def test_bytes_that_are_not_utf8_text_are_refused_on_their_line(
    content: bytes, line: int, advice: str
) -> None:
    sheet = read_text(content)

    assert complaints(sheet.issues) == [(line, None, "bad_encoding")]
    assert advice in sheet.issues[0].message
    assert sheet.rows == ()


@pytest.mark.parametrize("first_line", [b"a;b;c", b"a\tb\tc", b"a|b|c", b"sep=;", b"SEP=,"])
def test_a_file_with_another_delimiter_is_refused_by_name(first_line: bytes) -> None:
    sheet = read_text(first_line + b"\n1;2;3\n")

    assert complaints(sheet.issues) == [(1, None, "bad_delimiter")]
    assert "commas" in sheet.issues[0].message


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_a_row_is_where_it_starts_also_after_line_breaks_in_quotes(line_end: bytes) -> None:
    lines = [b"a,b", b'1,"two', b'lines"', b"", b"2,x", b",", b'3,"three', b"", b'lines"', b"4,y"]

    sheet = read_text(line_end.join(lines))

    assert [row.line for row in sheet.rows] == [2, 5, 7, 10]
    assert sheet.skipped_lines == (4, 6)


@given(
    rows=st.lists(
        st.tuples(
            *[st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))] * 2
        ),
        max_size=6,
    )
)
def test_every_row_starts_on_the_line_where_an_editor_shows_it(
    rows: list[tuple[str, str]],
) -> None:
    starts, content = [], HEADER
    for row in rows:
        starts.append(lines_in(content) + 1)
        content += a_record(row)

    sheet = read_text(content)

    found = {row.line: row.cells for row in sheet.rows} | dict.fromkeys(sheet.skipped_lines)
    assert sorted(found) == starts
    assert [found[line] for line in starts] == [
        row if any(cell.strip() for cell in row) else None for row in rows
    ]


def a_record(cells: tuple[str, ...]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue().encode()


def lines_in(content: bytes) -> int:
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").count(b"\n")


@pytest.mark.parametrize("broken", [b'1,"open\n2,x\n', b'1,"a"b\n2,x\n'])
def test_broken_quotes_stop_the_reading_where_they_start(broken: bytes) -> None:
    sheet = read_text(HEADER + b"0,fine\n" + broken)

    assert complaints(sheet.issues) == [(3, None, "bad_quoting")]
    assert [row.line for row in sheet.rows] == [2]


def test_a_file_of_more_than_twenty_megabytes_is_refused() -> None:
    sheet = read_text(HEADER + b"x" * reading.MAX_BYTES)

    assert complaints(sheet.issues) == [(1, None, "file_too_large")]


def test_fifty_thousand_rows_are_read_and_one_more_is_refused() -> None:
    full = read_text(HEADER + b"1,2\n" * reading.MAX_ROWS)
    over = read_text(HEADER + b"1,2\n" * (reading.MAX_ROWS + 1))

    assert len(full.rows) == reading.MAX_ROWS
    assert full.issues == ()
    assert complaints(over.issues) == [(reading.MAX_ROWS + 2, None, "too_many_rows")]


def test_a_header_of_thousands_of_columns_is_refused() -> None:
    sheet = read_text(b"," * 5_000 + b"a\n")

    assert complaints(sheet.issues) == [(1, None, "cell_count")]


@pytest.mark.parametrize("content", [b"", b"\n", codecs.BOM_UTF8, b",,\n1,2,3\n"])
def test_a_file_without_a_first_line_has_no_header(content: bytes) -> None:
    assert complaints(read_text(content).issues) == [(1, None, "no_header")]


def test_the_record_says_how_the_file_is_written() -> None:
    detected = read_text(as_csv([a_row()])).detected

    assert detected.as_json() == {
        "encoding": "utf-8",
        "delimiter": ",",
        "header_line": 1,
        "decimal": ".",
        "date_order": "iso",
    }
