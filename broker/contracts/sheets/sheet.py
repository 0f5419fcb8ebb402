"""A whole contract sheet: bytes in, normalised lines and every complaint out.

The stages are reading (text cells), columns (what each states), drafts (cells, then lines) and
the checks across lines below. Nothing is decided here about the books; that is the import plan.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from broker.contracts.row_values import NaturalKey, RowValues, folded_ref
from broker.contracts.sheets.columns import TRANCHES, ColumnMap, map_columns
from broker.contracts.sheets.draft import Grammar, RowDraft, grammar_of, read_cells
from broker.contracts.sheets.issue import Code, Issue
from broker.contracts.sheets.line_checks import settle_line, settle_price
from broker.contracts.sheets.reading import Detected, TextRow, TextSheet, read_text
from broker.contracts.sheets.suppliers import KnownSupplier, supplier_names
from broker.contracts.sheets.tranches import joined_lines

_MUST_AGREE = ("supplier_key", "currency", "status")


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetLine:
    """One contract line of a sheet. `values` is None if it cannot be imported.

    `line` is the physical line of its first row, `key` is None if it could not be read, and
    `readable` is what a preview can show either way.
    """

    line: int
    key: NaturalKey | None
    values: RowValues | None
    readable: Mapping[str, object]
    repeats_line: int | None = None
    conflicts_with_line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractSheet:
    """What a file says. `fields` are those its columns speak about; on others it is silent.

    `suppliers` holds the name of each supplier as the file first writes it, by key.
    """

    file: str
    sha256: str
    detected: Detected
    mapping: Mapping[str, str]
    fields: frozenset[str]
    lines: tuple[SheetLine, ...]
    suppliers: Mapping[str, str]
    issues: tuple[Issue, ...]
    skipped_lines: tuple[int, ...]
    text: TextSheet

    @property
    def has_errors(self) -> bool:
        """Say whether anything in the file forbids importing it."""
        return any(issue.is_error for issue in self.issues)


def read_contract_sheet(
    content: bytes,
    *,
    file: str,
    gpu_name: Callable[[str], str],
    suppliers: Sequence[KnownSupplier] = (),
) -> ContractSheet:
    """Read a template or a tranche sheet. Never raises on content: every fault is an issue.

    `gpu_name` returns the canonical model of a spelling or raises ValueError saying why not.
    """
    text = read_text(content)
    columns = map_columns(text.header) if text.header is not None else None
    drafts: list[RowDraft] = []
    if columns is not None and columns.is_usable:
        drafts = _drafts(text, columns, grammar_of(gpu_name, supplier_names(suppliers)))
    repeats = _check_keys(drafts)
    _check_contracts([draft for draft in drafts if draft.line not in repeats])
    found = [*text.issues, *(columns.issues if columns else ())]
    if columns is not None and columns.is_usable and not text.rows:
        found.append(_no_rows())
    found += [issue for draft in drafts for issue in draft.issues]
    return ContractSheet(
        file=file,
        sha256=hashlib.sha256(content).hexdigest(),
        detected=text.detected,
        mapping=columns.mapping if columns else {},
        fields=columns.fields if columns else frozenset(),
        lines=tuple(_line(draft, repeats.get(draft.line)) for draft in drafts),
        suppliers=_suppliers(text, columns, drafts) if columns is not None else {},
        issues=tuple(sorted(found, key=lambda issue: issue.line)),
        skipped_lines=text.skipped_lines,
        text=text,
    )


def _drafts(text: TextSheet, columns: ColumnMap, grammar: Grammar) -> list[RowDraft]:
    """Return a draft per contract line, in the order of the file."""
    width = len(columns.by_position)
    whole = [
        read_cells(columns.cells_of(row), line=row.line, grammar=grammar, columns=columns)
        for row in text.rows
        if len(row.cells) == width
    ]
    torn = [_torn(row, width) for row in text.rows if len(row.cells) != width]
    if columns.layout is TRANCHES:
        whole = joined_lines(whole)
    else:
        for draft in whole:
            settle_line(draft)
            settle_price(draft)
    return sorted([*whole, *torn], key=lambda draft: draft.line)


def _torn(row: TextRow, width: int) -> RowDraft:
    """Return a draft without values: in a row of another width any cell may have moved."""
    complaint = Issue(
        line=row.line,
        field=None,
        code=Code.CELL_COUNT,
        message=f"the row has {len(row.cells)} cells and the header {width}; put quotes around "
        "cells with commas, and complete a row that was cut",
    )
    return RowDraft(line=row.line, issues=[complaint])


def _check_keys(drafts: Sequence[RowDraft]) -> dict[int, int]:
    """Refuse a key with two meanings; return the lines that only repeat an earlier one."""
    first: dict[NaturalKey, RowDraft] = {}
    repeats: dict[int, int] = {}
    for draft in drafts:
        if draft.key is None:
            continue
        earlier = first.setdefault(draft.key, draft)
        if earlier is draft:
            continue
        one, two = earlier.finished(), draft.finished()
        same = None
        if one is not None and two is not None:
            same = (one.terms, one.status) == (two.terms, two.status)
        _note_second(draft, earlier.line, same=same)
        if same:
            repeats[draft.line] = earlier.line
    return repeats


def _note_second(draft: RowDraft, earlier_line: int, *, same: bool | None) -> None:
    if same:
        draft.warn(
            "line_no",
            Code.DUPLICATE_IN_FILE,
            f"line {earlier_line} already states this contract line with the same terms; "
            "this one is left out",
        )
        return
    draft.conflicts_with_line = earlier_line
    draft.refuse(
        "line_no",
        Code.CONFLICT_IN_FILE,
        f"line {earlier_line} states this contract line too"
        + (", with other terms" if same is False else "")
        + "; keep one of them or give it another line_no",
    )


def _check_contracts(drafts: Sequence[RowDraft]) -> None:
    """Refuse lines of one reference that disagree on what belongs to the contract."""
    first: dict[str, RowDraft] = {}
    for draft in drafts:
        reference = draft.values.get("contract_ref")
        if reference is None or draft.conflicts_with_line is not None:
            continue
        earlier = first.setdefault(folded_ref(reference), draft)
        for name in _MUST_AGREE:
            one, two = earlier.values.get(name), draft.values.get(name)
            if one is not None and two is not None and one != two:
                draft.conflicts_with_line = earlier.line
                draft.refuse(
                    name,
                    Code.CONFLICT_IN_FILE,
                    f"line {earlier.line} belongs to contract {reference} and says {one}, this one "
                    f"{two}; all lines of a contract share it, so correct one, or import contracts "
                    "of two suppliers with the same reference from two files",
                )


def _suppliers(text: TextSheet, columns: ColumnMap, drafts: Sequence[RowDraft]) -> dict[str, str]:
    written = {row.line: row for row in text.rows}
    names: dict[str, str] = {}
    for draft in drafts:
        key = draft.values.get("supplier_key")
        if key is not None:
            names.setdefault(key, columns.cells_of(written[draft.line])["supplier_key"])
    return names


def _line(draft: RowDraft, repeats_line: int | None) -> SheetLine:
    values = draft.finished()
    return SheetLine(
        line=draft.line,
        key=draft.key,
        values=values,
        readable=values.to_json_values() if values else draft.as_json_values(),
        repeats_line=repeats_line,
        conflicts_with_line=draft.conflicts_with_line,
    )


def _no_rows() -> Issue:
    return Issue(
        line=1,
        field=None,
        code=Code.NO_ROWS,
        message="the file has a header and nothing below it; fill in at least one row",
    )
