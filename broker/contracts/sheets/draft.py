"""A row while it is being read: the values found so far, and what was wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from broker.contracts.line_terms import RenewalType, json_value
from broker.contracts.row_values import ROW_FIELDS, NaturalKey, RowValues, natural_key, row_values
from broker.contracts.sheets import values as cell
from broker.contracts.sheets.columns import ColumnMap
from broker.contracts.sheets.issue import CellRefusedError, Code, Issue, Severity
from broker.contracts.state import ContractState
from pricing.commitment import PriceBasis

Grammar = Mapping[str, Callable[[str], Any]]
"""How to read the cells of each field. `Any`, because every field has its own type."""

_INDISPENSABLE = (
    "supplier_key",
    "contract_ref",
    "line_no",
    "gpu_model",
    "gpu_count",
    "price_per_gpu_hour",
    "currency",
    "price_basis",
    "start_date",
    "status",
)

NAME_LENGTH = 200
NOTES_LENGTH = 4_000


@dataclass(slots=True, kw_only=True)
class RowDraft:
    """One row in the making. A field is in `values` only if its cell was filled and readable."""

    line: int
    values: dict[str, Any] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    issues: list[Issue] = field(default_factory=list)
    conflicts_with_line: int | None = None

    @property
    def failed(self) -> bool:
        """Say whether this row can no longer be imported."""
        return any(issue.is_error for issue in self.issues)

    def finished(self) -> RowValues | None:
        """Return the row if nothing is wrong with it and nothing it cannot do without is absent."""
        complete = all(self.values.get(name) is not None for name in _INDISPENSABLE)
        return row_values(self.values) if complete and not self.failed else None

    @property
    def key(self) -> NaturalKey | None:
        """Return the natural key, or None if a part of it could not be read."""
        found = self.values
        if not {"supplier_key", "contract_ref", "line_no"} <= found.keys():
            return None
        return natural_key(found["supplier_key"], found["contract_ref"], found["line_no"])

    def is_empty(self, name: str) -> bool:
        """Say whether a field was left empty, as opposed to unreadable."""
        return name not in self.values and name not in self.refused

    def refuse(self, name: str, code: Code, message: str) -> None:
        """Note an error of one field."""
        self.refused.add(name)
        self.issues.append(Issue(line=self.line, field=name, code=code, message=message))

    def warn(self, name: str, code: Code, message: str) -> None:
        """Note something a person should look at."""
        self.issues.append(
            Issue(line=self.line, field=name, code=code, message=message, severity=Severity.WARNING)
        )

    def as_json_values(self) -> dict[str, object]:
        """Return what could be read, for a preview; the rest is None and there are no tranches."""
        found = {name: json_value(name, self.values.get(name)) for name in ROW_FIELDS}
        return found | {"tranches": found["tranches"] or []}


def read_cells(
    cells: Mapping[str, str], *, line: int, grammar: Grammar, columns: ColumnMap
) -> RowDraft:
    """Read each cell on its own; every one that cannot be read is noted.

    A column that the file lacks was complained about once and is not again in each row.
    """
    draft = RowDraft(line=line, refused=set(columns.missing_fields))
    for name, text in cells.items():
        if text:
            _read(draft, name, text, grammar[name])
        elif name in columns.layout.required_cells:
            draft.refuse(name, Code.MISSING_REQUIRED, "the cell is empty; fill it in")
    return draft


def grammar_of(gpu_name: Callable[[str], str], supplier_key: Callable[[str], str]) -> Grammar:
    """Return how each field of both layouts is read."""
    name = cell.text_up_to(NAME_LENGTH)
    return {
        "supplier_key": lambda text: supplier_key(name(text)),
        "gpu_model": lambda text: _gpu(gpu_name, name(text)),
        **dict.fromkeys(("contract_ref", "region", "site", "interconnect", "owner"), name),
        "notes": cell.text_up_to(NOTES_LENGTH),
        "form_factor": cell.form_factor,
        "unit_price": cell.positive_number,
        "currency": cell.currency_code,
        "price_basis": cell.choice(PriceBasis),
        "renewal_type": cell.choice(RenewalType),
        "status": cell.choice(ContractState),
        "notice_period": cell.duration,
        "uplift_cap_pct": cell.cap_percent,
        **dict.fromkeys(("prepay_pct", "take_or_pay_pct", "sla_pct"), cell.share_percent),
        "payment_terms_days": cell.whole_number,
        **dict.fromkeys(
            ("line_no", "gpu_count", "gpus_per_node", "term_months"),
            cell.positive_whole_number,
        ),
        "renewal_term_months": cell.renewal_months,
        **dict.fromkeys(("start_date", "end_date"), cell.day),
        "tranches.site": name,
        "tranches.unit_price": cell.positive_number,
        "tranches.late_credit_pct_per_week": cell.rate_percent,
        **dict.fromkeys(("tranches.tranche_no", "tranches.gpu_count"), cell.positive_whole_number),
        **dict.fromkeys(
            ("tranches.delivery_date", "tranches.accept_by_date", "tranches.drop_dead_date"),
            cell.day,
        ),
    }


def _read(draft: RowDraft, name: str, text: str, grammar: Callable[[str], Any]) -> None:
    try:
        draft.values[name] = grammar(text)
    except CellRefusedError as refusal:
        draft.refuse(name, refusal.code, str(refusal))


def _gpu(gpu_name: Callable[[str], str], text: str) -> str:
    try:
        return gpu_name(text)
    except ValueError as unknown:
        raise CellRefusedError(Code.UNKNOWN_GPU, str(unknown)) from unknown
