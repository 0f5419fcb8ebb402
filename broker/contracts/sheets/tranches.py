"""Rows that each state one delivery of a line: the rows of a line are read together or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from broker.contracts.line_terms import TrancheTerms
from broker.contracts.row_values import NaturalKey
from broker.contracts.sheets import prices
from broker.contracts.sheets.draft import RowDraft
from broker.contracts.sheets.issue import Code
from broker.contracts.sheets.line_checks import check_plausible, settle_line
from pricing.commitment import PriceBasis

PREFIX = "tranches."
_PRICE = PREFIX + "price_per_gpu_hour"


def joined_lines(rows: Sequence[RowDraft]) -> list[RowDraft]:
    """Return one draft per line, in order of first appearance; its line is the first row's.

    A row whose key cannot be read stands alone, as an error.
    """
    groups: dict[NaturalKey | int, list[RowDraft]] = {}
    for row in rows:
        groups.setdefault(row.key or row.line, []).append(row)
    return [_joined(group) for group in groups.values()]


def _joined(group: Sequence[RowDraft]) -> RowDraft:
    _check_same_line(group)
    _check_numbers(group)
    for row in group:
        settle_tranche(row)
    line = RowDraft(
        line=group[0].line,
        values={
            name: value for name, value in group[0].values.items() if not name.startswith(PREFIX)
        },
        refused={name for row in group for name in row.refused},
        conflicts_with_line=next((r.conflicts_with_line for r in group if r.failed), None),
    )
    _add_first_day(line, group)
    settle_line(line)
    if not any(row.failed for row in group):
        _check_sum(line, group)
        _check_last_day(line, group)
    exact = _priced(line, group)
    line.issues[:0] = [issue for row in group for issue in row.issues]
    if not line.failed:
        _add_tranches(line, group, exact)
    return line


def settle_tranche(row: RowDraft) -> None:
    """Check the days of one delivery against each other."""
    delivery = row.values.get(PREFIX + "delivery_date")
    for name in ("accept_by_date", "drop_dead_date"):
        limit = row.values.get(PREFIX + name)
        if delivery is not None and limit is not None and limit < delivery:
            row.refuse(
                PREFIX + name, Code.BAD_DATE, f"{limit} is before the delivery on {delivery}"
            )


def _check_same_line(group: Sequence[RowDraft]) -> None:
    first, *others = group
    for row in others:
        for name in sorted(_line_fields(first) | _line_fields(row)):
            unreadable = name in first.refused or name in row.refused
            same = first.values.get(name) == row.values.get(name)
            if not unreadable and not same:
                row.conflicts_with_line = first.line
                row.refuse(
                    name,
                    Code.CONFLICT_IN_FILE,
                    f"line {first.line} says otherwise of the same contract line; "
                    "make all rows of a line agree",
                )


def _line_fields(row: RowDraft) -> set[str]:
    return {name for name in row.values if not name.startswith(PREFIX)} - {"contract_ref"}


def _check_numbers(group: Sequence[RowDraft]) -> None:
    seen: dict[int, int] = {}
    for row in group:
        number = row.values.get(PREFIX + "tranche_no")
        if number in seen:
            row.conflicts_with_line = seen[number]
            row.refuse(
                PREFIX + "tranche_no",
                Code.DUPLICATE_IN_FILE,
                f"line {seen[number]} is tranche {number} of this contract line too; "
                "number each tranche once",
            )
        elif number is not None:
            seen[number] = row.line


def _add_first_day(line: RowDraft, group: Sequence[RowDraft]) -> None:
    days = [row.values.get(PREFIX + "delivery_date") for row in group]
    known = [day for day in days if day is not None]
    if len(known) == len(group):
        line.values["start_date"] = min(known)


def _check_sum(line: RowDraft, group: Sequence[RowDraft]) -> None:
    total = sum(row.values.get(PREFIX + "gpu_count", 0) for row in group)
    stated = line.values.get("gpu_count")
    if stated is not None and total != stated:
        line.refuse(
            "gpu_count",
            Code.TRANCHE_SUM_MISMATCH,
            f"the {len(group)} tranches add up to {total} GPUs and the line says {stated}; "
            "correct one of them or add the missing tranche",
        )


def _check_last_day(line: RowDraft, group: Sequence[RowDraft]) -> None:
    end = line.values.get("end_date")
    for row in group:
        delivery = row.values.get(PREFIX + "delivery_date")
        if end is not None and delivery is not None and delivery > end >= line.values["start_date"]:
            row.refuse(
                PREFIX + "delivery_date",
                Code.END_BEFORE_START,
                f"the delivery on {delivery} is after the last day of service, {end}",
            )


def _priced(line: RowDraft, group: Sequence[RowDraft]) -> list[tuple[int, Fraction]]:
    """Note the hourly price of each delivery; return GPUs and exact price of those that have one."""
    exact = []
    basis, size = line.values.get("price_basis"), line.values.get("gpus_per_node")
    if basis is None or (basis is PriceBasis.PER_NODE_HOUR and size is None):
        return []
    for row in group:
        quoted, gpus = row.values.get(PREFIX + "unit_price"), row.values.get(PREFIX + "gpu_count")
        if quoted is not None and gpus is not None:
            price = prices.price_per_gpu_hour(quoted, basis, gpus_per_node=size)
            row.values[_PRICE] = prices.stored(price)
            check_plausible(row, PREFIX + "unit_price", _PRICE)
            exact.append((gpus, price))
    return exact


def _add_tranches(
    line: RowDraft, group: Sequence[RowDraft], exact: Sequence[tuple[int, Fraction]]
) -> None:
    """Build the tranches of a sound line, its blended price, and what they all share."""
    in_order = sorted(group, key=lambda row: row.values[PREFIX + "tranche_no"])
    parts = tuple(_tranche(row) for row in in_order)
    line.values |= {
        "tranches": parts,
        "price_per_gpu_hour": prices.stored(prices.blended(exact)),
        "unit_price": _shared([part.unit_price for part in parts]),
        "site": _shared([part.site for part in parts]),
    }


def _tranche(row: RowDraft) -> TrancheTerms:
    own: dict[str, Any] = {
        name.removeprefix(PREFIX): value
        for name, value in row.values.items()
        if name.startswith(PREFIX)
    }
    optional = ("accept_by_date", "drop_dead_date", "late_credit_pct_per_week", "site")
    for name in optional:
        own.setdefault(name, None)
    return TrancheTerms(**own)


def _shared(values: Sequence[Any]) -> Any:
    return values[0] if all(value == values[0] for value in values) else None
