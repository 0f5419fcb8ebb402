"""From bytes to text cells with physical line numbers. Nothing here knows what a cell means.

This version reads one form only: comma separated, UTF-8 with or without a byte order mark, the
header on the first line. Whatever else is recognised is refused by name. A line number is the one
an editor shows, of the line on which the row starts, also after line breaks inside quotes.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass, replace

from broker.contracts.sheets.issue import Code, Issue

MAX_BYTES = 20_000_000
MAX_ROWS = 50_000
MAX_COLUMNS = 200
DELIMITER = ","

_LINE_BREAK = re.compile(rb"\r\n|\r|\n")
_OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_SAVE_AS = "save the sheet as 'CSV UTF-8 (comma delimited)'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """How the file is written, as far as it could be told."""

    encoding: str | None = None
    delimiter: str | None = None
    header_line: int | None = None
    decimal: str | None = None
    date_order: str | None = None

    def as_json(self) -> dict[str, object]:
        """Return the record in its published shape."""
        return {
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "header_line": self.header_line,
            "decimal": self.decimal,
            "date_order": self.date_order,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRow:
    """The cells of one row, untouched, and the physical line on which it starts."""

    line: int
    cells: tuple[str, ...]

    @property
    def is_blank(self) -> bool:
        """Say whether no cell holds anything."""
        return not any(cell.strip() for cell in self.cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSheet:
    """A file as text: its header, its rows that are not blank, and what could not be read."""

    detected: Detected = Detected()
    header: TextRow | None = None
    rows: tuple[TextRow, ...] = ()
    skipped_lines: tuple[int, ...] = ()
    issues: tuple[Issue, ...] = ()


def read_text(content: bytes) -> TextSheet:
    """Return the cells of a file. Never raises: what cannot be read is an issue."""
    refusal = _unreadable(content)
    if refusal is not None:
        return TextSheet(issues=(refusal,))
    detected = Detected(
        encoding="utf-8-sig" if content.startswith(codecs.BOM_UTF8) else "utf-8",
    )
    records, broken = _records(content.decode("utf-8-sig"))
    if not records:
        return TextSheet(detected=detected, issues=(broken or _no_header(),))
    header, *rest = records
    other = _other_delimiter(header)
    if other is not None:
        return TextSheet(detected=detected, issues=(other,))
    if header.is_blank:
        return TextSheet(detected=detected, issues=(_no_header(),))
    if len(header.cells) > MAX_COLUMNS:
        return TextSheet(detected=detected, issues=(_too_wide(),))
    return TextSheet(
        detected=replace(
            detected, delimiter=DELIMITER, header_line=header.line, decimal=".", date_order="iso"
        ),
        header=header,
        rows=tuple(row for row in rest if not row.is_blank),
        skipped_lines=tuple(row.line for row in rest if row.is_blank),
        issues=(broken,) if broken else (),
    )


def _unreadable(content: bytes) -> Issue | None:
    if len(content) > MAX_BYTES:
        limit = MAX_BYTES // 1_000_000
        return _file_issue(
            Code.FILE_TOO_LARGE,
            f"the file is larger than {limit} MB; split it and import the parts",
        )
    if content.startswith(b"PK\x03\x04"):
        return _file_issue(Code.BAD_ENCODING, f"this is a workbook, not a CSV file; {_SAVE_AS}")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _file_issue(Code.BAD_ENCODING, f"the file is UTF-16; {_SAVE_AS}")
    nul = content.find(b"\0")
    if nul >= 0:
        line = _line_at(content, nul)
        return _file_issue(
            Code.BAD_ENCODING, f"a NUL byte stands here, so this is not text; {_SAVE_AS}", line=line
        )
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        # The offset of utf-8-sig counts from after the mark.
        mark = len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0
        return _file_issue(
            Code.BAD_ENCODING,
            f"this line is not UTF-8 and another encoding would be a guess; {_SAVE_AS}",
            line=_line_at(content, problem.start + mark),
        )
    return None


def _records(text: str) -> tuple[list[TextRow], Issue | None]:
    """Return the rows up to the first that cannot be told apart, and why that one cannot."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=DELIMITER, strict=True)
    records: list[TextRow] = []
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return records, None
        except csv.Error as problem:
            return records, _file_issue(
                Code.BAD_QUOTING,
                f"the row that starts here cannot be told apart ({problem}), and nothing after it "
                "was read; check its quotes: a quote inside a quoted cell is written twice",
                line=line,
            )
        if len(records) > MAX_ROWS:  # the header is one of the records
            return records, _file_issue(
                Code.TOO_MANY_ROWS,
                f"the file has more than {MAX_ROWS} rows and nothing from here on was read; "
                "split it and import the parts",
                line=line,
            )
        records.append(TextRow(line=line, cells=tuple(cells)))


def _other_delimiter(header: TextRow) -> Issue | None:
    first = header.cells[0] if header.cells else ""
    if first.strip().casefold().startswith("sep="):
        found = "a 'sep=' line"
    elif len(header.cells) == 1:
        found = next((name for mark, name in _OTHER_DELIMITERS.items() if mark in first), "")
    else:
        found = ""
    if not found:
        return None
    return _file_issue(
        Code.BAD_DELIMITER, f"the file has {found} where the template has commas; {_SAVE_AS}"
    )


def _no_header() -> Issue:
    return _file_issue(
        Code.NO_HEADER, "the first line is empty; it has to hold the column names of the template"
    )


def _too_wide() -> Issue:
    return _file_issue(
        Code.CELL_COUNT,
        f"the header has more than {MAX_COLUMNS} columns; use those of the template",
    )


def _file_issue(code: Code, message: str, *, line: int = 1) -> Issue:
    return Issue(line=line, field=None, code=code, message=message)


def _line_at(content: bytes, offset: int) -> int:
    return len(_LINE_BREAK.findall(content[:offset])) + 1
