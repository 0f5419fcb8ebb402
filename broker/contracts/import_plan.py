"""What importing a sheet would do to the books, line by line. Planning writes nothing.

A dry run and a commit are this same plan; the commit writes `ImportPlan.to_write`. Lines that the
books hold and the file does not are reported and never deleted. A column that the file does not
have says nothing, so the books keep what they hold there; an empty cell says "none".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from broker.contracts.import_outcome import ImportPlan, Outcome, PlannedLine
from broker.contracts.row_values import (
    COMMERCIAL_FIELDS,
    KEY_FIELDS,
    NaturalKey,
    RowValues,
    differing_fields,
    row_values,
)
from broker.contracts.sheets.issue import Code, Issue
from broker.contracts.sheets.sheet import ContractSheet, SheetLine
from broker.contracts.state import ContractState, is_no_news
from pricing.money import Currency

_DERIVED = frozenset({"price_per_gpu_hour", "start_date", "status"})
"""Stated by every sheet, under this name or another."""

_OF_TRANCHES = ("gpu_count", "price_per_gpu_hour", "start_date")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLine:
    """A line as the books hold it now, and where its contract stands.

    `values.status` is what was last written by a person or a sheet; `status` may have moved on
    since, by a delivery or by the calendar. `rolled_to` is the last day that a tacit renewal gave
    the line, None if none did; `values` keep the one that was agreed. A sheet that repeats either
    changes nothing.
    """

    values: RowValues
    status: ContractState
    rolled_to: date | None = None


def plan_import(sheet: ContractSheet, known: Mapping[NaturalKey, KnownLine]) -> ImportPlan:
    """Compare a sheet with the books."""
    issues = list(sheet.issues)
    lines = []
    elsewhere = _currencies_elsewhere(sheet, known)
    for line in sheet.lines:
        held = known.get(line.key) if line.key is not None else None
        refusals = _against_the_books(line, held, elsewhere)
        issues += refusals
        lines.append(_planned(line, held, sheet) if not refusals else _refused(line))
    return ImportPlan(
        file=sheet.file,
        sha256=sheet.sha256,
        detected=sheet.detected,
        mapping=sheet.mapping,
        lines=tuple(lines),
        issues=tuple(sorted(issues, key=lambda issue: issue.line)),
        skipped_lines=sheet.skipped_lines,
        absent=_absent(sheet, known),
    )


def _planned(line: SheetLine, held: KnownLine | None, sheet: ContractSheet) -> PlannedLine:
    if line.values is None:
        return _refused(line)
    if line.repeats_line is not None:
        return _outcome(line, Outcome.DUPLICATE, line.values)
    if held is None:
        return _outcome(line, Outcome.CREATE, line.values)
    stated = _completed(line.values, held, fields=sheet.fields)
    changed = [
        name
        for name in differing_fields(held.values, stated)
        if name != "status"
        or not is_no_news(stated.status, state=held.status, stated=held.values.status)
    ]
    if not changed:
        return _outcome(line, Outcome.UNCHANGED, stated)
    commercial = any(name in COMMERCIAL_FIELDS for name in changed)
    before = held.values.to_json_values() | {"status": held.status.value}
    after = stated.to_json_values()
    return replace(
        _outcome(line, Outcome.AMEND if commercial else Outcome.UPDATE_NOTE, stated),
        changes={name: {"from": before[name], "to": after[name]} for name in changed},
        contract_status=held.status,
    )


def _completed(stated: RowValues, held: KnownLine, *, fields: frozenset[str]) -> RowValues:
    """Return the row with what the books hold where the file is silent."""
    spoken = {name.removeprefix("tranches.") for name in fields} | _DERIVED | KEY_FIELDS
    of_tranches = bool(stated.terms.tranches)
    merged = stated.as_fields()
    for name, value in held.values.as_fields().items():
        silent = name not in spoken and not merged[name]
        if name == "tranches":
            silent = not of_tranches
        elif name == "unit_price" and held.values.terms.tranches and not of_tranches:
            silent = True  # the tranches quote prices; the sheet can only repeat their blend
        if silent:
            merged[name] = value
    if held.rolled_to is not None and merged["end_date"] == held.rolled_to:
        merged["end_date"] = held.values.terms.end_date
    return row_values(merged)


def _currencies_elsewhere(
    sheet: ContractSheet, known: Mapping[NaturalKey, KnownLine]
) -> dict[tuple[str, str], Currency]:
    """Return the currency of each contract by its lines in the books that the file leaves alone."""
    named = {line.key for line in sheet.lines}
    return {
        (key.supplier_key, key.folded_ref): held.values.terms.currency
        for key, held in known.items()
        if key not in named
    }


def _against_the_books(
    line: SheetLine, held: KnownLine | None, elsewhere: Mapping[tuple[str, str], Currency]
) -> list[Issue]:
    """Refuse what the file alone cannot show to be wrong."""
    if line.values is None:
        return []
    key, terms = line.values.key, line.values.terms
    refusals = []
    other = elsewhere.get((key.supplier_key, key.folded_ref), terms.currency)
    if other != terms.currency:
        refusals.append(_other_currency(line, other))
    if held is not None and held.values.terms.tranches and not terms.tranches:
        old, new = held.values.as_fields(), line.values.as_fields()
        refusals += [_needs_tranches(line, name) for name in _OF_TRANCHES if old[name] != new[name]]
    return refusals


def _other_currency(line: SheetLine, other: Currency) -> Issue:
    return Issue(
        line=line.line,
        field="currency",
        code=Code.CURRENCY_CONFLICT,
        message=f"the books hold other lines of this contract in {other}; a contract has one "
        "currency, so correct this cell or give the line a contract of its own",
    )


def _needs_tranches(line: SheetLine, name: str) -> Issue:
    return Issue(
        line=line.line,
        field=name,
        code=Code.TRANCHE_SUM_MISMATCH,
        message="the books hold this line in tranches and this sheet cannot say which of them "
        "changes; import a sheet with one row per tranche",
    )


def _absent(sheet: ContractSheet, known: Mapping[NaturalKey, KnownLine]) -> tuple[RowValues, ...]:
    """Return what the books hold of the suppliers in the file, and the file does not name."""
    named = {line.key for line in sheet.lines if line.key is not None}
    suppliers = {line.readable["supplier_key"] for line in sheet.lines}
    return tuple(
        known[key].values
        for key in sorted(known)
        if key.supplier_key in suppliers and key not in named
    )


def _refused(line: SheetLine) -> PlannedLine:
    return _outcome(line, Outcome.ERROR, None)


def _outcome(line: SheetLine, outcome: Outcome, values: RowValues | None) -> PlannedLine:
    return PlannedLine(
        line=line.line,
        outcome=outcome,
        values=values,
        readable=values.to_json_values() if values is not None else line.readable,
        conflicts_with_line=line.conflicts_with_line,
    )
