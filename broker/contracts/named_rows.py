"""Small sheets with one header line: rows of named cells, and what was wrong with the table.

Columns may stand in any order; optional ones may be absent, and ones that start with x_ are the
sender's own. What the cells mean is the business of who asked for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from broker.contracts.sheets.columns import folded_column
from broker.contracts.sheets.issue import CellRefusedError, Code, Issue
from broker.contracts.sheets.reading import TextRow, read_text
from broker.errors import Fault

OWN_PREFIX = "x_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns of a sheet, and those that each row must fill."""

    names: tuple[str, ...]
    required: frozenset[str]


@dataclass(slots=True, kw_only=True)
class RowReading:
    """One row while it is read: the values found so far, and every fault in it."""

    cells: Mapping[str, str]
    line: int | None = None
    values: dict[str, Any] = field(default_factory=dict)  # every field has its own type
    faults: list[Fault] = field(default_factory=list)

    def read(self, name: str, grammar: Callable[[str], Any]) -> None:
        """Read one cell if it is filled; what cannot be read is a fault of that field."""
        text = self.cells.get(name, "").strip()
        if not text:
            return
        try:
            self.values[name] = grammar(text)
        except CellRefusedError as refusal:
            self.refuse(name, refusal.code, str(refusal))

    def require(self, names: frozenset[str]) -> None:
        """Note every required field that was left empty."""
        for name in sorted(names):
            if not self.cells.get(name, "").strip():
                self.refuse(name, Code.MISSING_REQUIRED, f"{name} is empty; fill it in")

    def refuse(self, name: str | None, code: Code, message: str) -> None:
        """Note a fault of one field."""
        self.faults.append(Fault(code=code.value, message=message, line=self.line, field=name))

    def get(self, name: str) -> Any:
        """Return the value of a field; None when it was empty or could not be read."""
        return self.values.get(name)


def read_rows(content: bytes, columns: Columns) -> tuple[list[RowReading], list[Fault]]:
    """Return the rows of a sheet with their cells by name, and the faults of the table itself."""
    sheet = read_text(content)
    faults = [_fault(issue) for issue in sheet.issues]
    if sheet.header is None:
        return [], faults
    names = [folded_column(name) for name in sheet.header.cells]
    faults += _header_faults(sheet.header, names, columns)
    if not sheet.rows and not faults:
        message = "the sheet has a header and nothing below it; fill in at least one row"
        faults.append(Fault(code=Code.NO_ROWS.value, message=message, line=sheet.header.line))
    rows = []
    for row in sheet.rows:
        if len(row.cells) == len(names):
            rows.append(RowReading(cells=dict(zip(names, row.cells, strict=True)), line=row.line))
        else:
            faults.append(_torn(row, width=len(names)))
    return rows, faults


def _header_faults(header: TextRow, names: list[str], columns: Columns) -> list[Fault]:
    known = [name for name in names if name in columns.names]
    if not known:
        message = f"the first line holds the column names: {','.join(columns.names)}"
        return [Fault(code=Code.NO_HEADER.value, message=message, line=header.line)]
    faults = []
    for place, name in enumerate(names):
        if name in names[:place]:
            faults.append(_of_header(Code.DUPLICATE_COLUMN, name, "stands here twice; remove one"))
        elif name not in columns.names and not name.startswith(OWN_PREFIX):
            what = f"is not known here; remove it, or start its name with {OWN_PREFIX}"
            faults.append(_of_header(Code.UNKNOWN_COLUMN, name, what))
    for name in columns.names:
        if name in columns.required and name not in names:
            faults.append(_of_header(Code.MISSING_REQUIRED, name, "is missing; add it"))
    return faults


def _of_header(code: Code, name: str, what: str) -> Fault:
    return Fault(code=code.value, message=f"column {name!r} {what}", line=1, field=name or None)


def _torn(row: TextRow, *, width: int) -> Fault:
    return Fault(
        code=Code.CELL_COUNT.value,
        message=f"the row has {len(row.cells)} cells and the header {width}; put quotes around "
        "cells with commas, and complete a row that was cut",
        line=row.line,
    )


def _fault(issue: Issue) -> Fault:
    return Fault(code=issue.code.value, message=issue.message, line=issue.line, field=issue.field)
