"""A CSV sheet under one header line: its records, its cells, and everything wrong with it at once.

Nothing here raises for what a sheet says: what is wrong is collected with its line, so that one
reading of a file tells all there is to correct.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

LONGEST_CELL = 120

EARLIEST_DAY = date(2000, 1, 1)
LATEST_DAY = date(2199, 12, 31)
"""A day outside these is a typing mistake, and close to the ends of the calendar."""

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UNDECODED = re.compile("[\udc80-\udcff]")

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFault:
    """One thing wrong with, or worth knowing of, a sheet: where it stands and what would help."""

    code: str
    message: str
    line: int | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One row of a sheet. `line` is the physical line on which it begins, `raw` its text."""

    line: int
    cells: Sequence[str]
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The rows under a header. `positions` is empty when there is no header to read them by."""

    positions: Mapping[str, int]
    width: int
    records: tuple[Record, ...]
    faults: tuple[RowFault, ...]


class BadCellError(ValueError):
    """A cell says something that is not accepted; `code` names why, the text what would help."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def read_sheet(content: bytes, *, columns: Sequence[str]) -> Sheet:
    """Return the records of a sheet whose header names `columns` in any order. Never raises."""
    records, faults = _records(content.decode("utf-8-sig", errors="surrogateescape"))
    if not records:
        message = f"the sheet is empty; begin it with {','.join(columns)}"
        empty = RowFault(code="missing_header", message=message)
        return Sheet(positions={}, width=0, records=(), faults=(empty, *faults))
    header, *rows = records
    positions, header_faults = _positions(header, columns)
    return Sheet(
        positions=positions,
        width=len(header.cells),
        records=tuple(rows) if positions else (),
        faults=(*faults, *header_faults),
    )


@dataclass(slots=True, kw_only=True)
class RowReading:
    """One record while it is read: what is wrong is collected, not thrown."""

    record: Record
    sheet: Sheet
    optional: frozenset[str] = frozenset()
    faults: list[RowFault] = field(default_factory=list)

    def is_whole(self) -> bool:
        """Say whether the row has a cell for each column; if not, note the fault."""
        count = len(self.record.cells)
        if count != self.sheet.width:
            message = f"{count} cells under {self.sheet.width} columns; check commas and quotes"
            self.complain("cell_count", message)
        return count == self.sheet.width

    def cell(self, name: str, read: Callable[[str], _Read]) -> _Read | None:
        """Return the cell of a column as a value; None if empty, absent or wrong."""
        if name not in self.sheet.positions:
            return None  # the header's fault says so once
        text = self.record.cells[self.sheet.positions[name]].strip()
        try:
            if _is_filled(text, required=name not in self.optional):
                return read(text)
        except BadCellError as bad:
            self.complain(bad.code, str(bad), name)
        return None

    def complain(self, code: str, message: str, name: str | None = None) -> None:
        """Note a fault of this row."""
        self.faults.append(RowFault(code=code, message=message, line=self.record.line, field=name))


def read_day(text: str) -> date:
    """Return the day that a cell names as 2026-07-05, and in no other way."""
    try:
        if (
            _DATE.fullmatch(text)
            and EARLIEST_DAY <= (day := date.fromisoformat(text)) <= LATEST_DAY
        ):
            return day
    except ValueError:
        pass
    raise BadCellError("bad_date", f"{shown(text)} is not a day such as 2026-07-05")


def shown(text: str) -> str:
    """Return a cell's text for a message: in quotes, in ASCII and not too long."""
    return ascii(text if len(text) <= 40 else f"{text[:37]}...")


def _records(text: str) -> tuple[list[Record], list[RowFault]]:
    lines = list(io.StringIO(text, newline=""))
    reader = csv.reader(lines, strict=True)
    records: list[Record] = []
    faults: list[RowFault] = []
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return records, faults
        except csv.Error as error:
            message = f"the quotes do not match or the cell is too long ({error}); correct the row"
            faults.append(RowFault(code="bad_quoting", message=message, line=line))
            continue
        if any(cell.strip() for cell in cells):
            raw = "".join(lines[line - 1 : reader.line_num]).rstrip("\r\n")
            records.append(Record(line=line, cells=cells, raw=raw))


def _positions(header: Record, columns: Sequence[str]) -> tuple[dict[str, int], list[RowFault]]:
    """Return where each known column stands, empty if the line is no header, and its faults."""
    names = [cell.strip().lower() for cell in header.cells]
    known = [name for name in names if name in columns]
    if known:
        faults = list(_header_faults(names, columns, line=header.line))
        return {name: names.index(name) for name in known}, faults
    if any(_UNDECODED.search(name) for name in names):
        code, message = "not_utf8", "save the sheet as UTF-8 text"
    else:
        code = "missing_header"
        message = f"the first line names no known column; begin with {','.join(columns)}"
    return {}, [RowFault(code=code, message=message, line=header.line)]


def _header_faults(
    names: Sequence[str], columns: Sequence[str], *, line: int
) -> Iterator[RowFault]:
    for name in columns:
        if name not in names:
            message = "add the column"
            yield RowFault(code="missing_column", message=message, line=line, field=name)
        elif names.count(name) > 1:
            message = f"the column stands {names.count(name)} times; keep one"
            yield RowFault(code="duplicate_column", message=message, line=line, field=name)
    for name in dict.fromkeys(names):
        if name not in columns:
            message = f"{shown(name)} is not a column of this sheet; remove it"
            field_name = ascii(name[:40])[1:-1]
            yield RowFault(code="unknown_column", message=message, line=line, field=field_name)


def _is_filled(text: str, *, required: bool) -> bool:
    if required and not text:
        raise BadCellError("missing_required", "the cell is empty; fill it in")
    if "\0" in text:
        raise BadCellError("nul", "the cell holds a NUL character; export the sheet again")
    if _UNDECODED.search(text):
        raise BadCellError("not_utf8", "the cell is not UTF-8 text; save the sheet as UTF-8")
    if not text.isprintable():
        raise BadCellError("bad_text", "the cell holds a line break or control character")
    if len(text) > LONGEST_CELL:
        raise BadCellError("bad_text", f"the cell is longer than {LONGEST_CELL} characters")
    return bool(text)
