"""What one line of a contract sheet says, once it has been read: the hand-over to the ledger.

Three parts, kept apart because they change for different reasons: the natural key says which line
it is, `LineTerms` is what was agreed (a change there is an amendment), and `owner` and `notes` are
ours (a change there is not). Days are contract days; `end_date` is the last day of service.
Percentages are 0 to 100. An absent value is None.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from broker.contracts.line_terms import TERM_FIELDS, LineTerms, json_value, terms_from_json
from broker.contracts.state import ContractState

ROW_FIELDS = (
    "supplier_key",
    "contract_ref",
    "line_no",
    "gpu_model",
    "form_factor",
    "gpu_count",
    "gpus_per_node",
    "region",
    "site",
    "interconnect",
    "unit_price",
    "price_per_gpu_hour",
    "currency",
    "price_basis",
    "start_date",
    "end_date",
    "term_months",
    "renewal_type",
    "renewal_term_months",
    "notice_period",
    "uplift_cap_pct",
    "prepay_pct",
    "take_or_pay_pct",
    "sla_pct",
    "payment_terms_days",
    "status",
    "owner",
    "notes",
    "tranches",
)
"""Every field of a row, in the order people read them."""

KEY_FIELDS = frozenset({"supplier_key", "contract_ref", "line_no"})
NOTE_FIELDS = frozenset({"owner", "notes"})
COMMERCIAL_FIELDS = tuple(name for name in ROW_FIELDS if name not in KEY_FIELDS | NOTE_FIELDS)

_DASHES = re.compile("[\u2010-\u2015\u2212]")


class NaturalKey(NamedTuple):
    """Which line it is, whoever writes it down. Build it with `natural_key`."""

    supplier_key: str
    folded_ref: str
    line_no: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowValues:
    """One line as a sheet states it, normalised."""

    supplier_key: str
    contract_ref: str
    line_no: int
    terms: LineTerms
    status: ContractState
    owner: str | None = None
    notes: str | None = None

    @property
    def key(self) -> NaturalKey:
        """Return the natural key of the line."""
        return natural_key(self.supplier_key, self.contract_ref, self.line_no)

    def as_fields(self) -> dict[str, object]:
        """Return every field by name, flat, in reading order, with its Python value."""
        return {
            name: getattr(self.terms if name in TERM_FIELDS else self, name) for name in ROW_FIELDS
        }

    def to_json_values(self) -> dict[str, object]:
        """Return every field as JSON: amounts and days are strings, absent values None."""
        return {name: json_value(name, value) for name, value in self.as_fields().items()}


def natural_key(supplier_key: str, contract_ref: str, line_no: int) -> NaturalKey:
    """Return the key of a line; spelling of the reference (case, spaces, dashes) is folded."""
    return NaturalKey(supplier_key, folded_ref(contract_ref), line_no)


def folded_ref(contract_ref: str) -> str:
    """Return the reference without differences of case, width, spacing or kind of dash.

    Dashes themselves stay: BM-77 and BM77 may be two contracts.
    """
    wide = unicodedata.normalize("NFKC", contract_ref).casefold()
    return " ".join(_DASHES.sub("-", wide).split())


def row_values(by_name: Mapping[str, Any]) -> RowValues:
    """Build a row from flat Python values by field name; a missing optional name is None."""
    terms: dict[str, Any] = {name: by_name.get(name) for name in TERM_FIELDS}
    own: dict[str, Any] = {
        name: by_name.get(name) for name in ROW_FIELDS if name not in TERM_FIELDS
    }
    terms["tranches"] = tuple(terms["tranches"] or ())
    return RowValues(terms=LineTerms(**terms), **own)


def from_json_values(values: Mapping[str, Any]) -> RowValues:
    """Return the row that `to_json_values` wrote; raises KeyError or ValueError on any other."""
    own = {name: values[name] for name in ROW_FIELDS if name not in TERM_FIELDS}
    own["status"] = ContractState(own["status"])
    return RowValues(terms=terms_from_json(values), **own)


def differing_fields(old: RowValues, new: RowValues) -> tuple[str, ...]:
    """Return the names of commercial and note fields in which two rows differ."""
    before, after = old.as_fields(), new.as_fields()
    return tuple(
        name for name in ROW_FIELDS if name not in KEY_FIELDS and before[name] != after[name]
    )
