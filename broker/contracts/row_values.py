"""What one line of a contract sheet says, once it has been read: the hand-over to the ledger.

Three parts, kept apart because they change for different reasons: the natural key says which line
it is, `LineTerms` is what was agreed (a change there is an amendment), and `owner` and `notes` are
ours (a change there is not). Days are contract days; `end_date` is the last day of service.
Percentages are 0 to 100. An absent value is None.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from pricing.money import Currency, plain

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


class PriceBasis(StrEnum):
    """What one unit price pays for."""

    PER_GPU_HOUR = "per_gpu_hour"
    PER_NODE_HOUR = "per_node_hour"
    PER_GPU_MONTH = "per_gpu_month"


class RenewalType(StrEnum):
    """What happens after the last day if nobody does anything."""

    NONE = "none"
    AUTO = "auto"
    OPTION = "option"
    EVERGREEN = "evergreen"


class LineStatus(StrEnum):
    """Where the contract of a line stands, in the words of a sheet."""

    DRAFT = "draft"
    QUOTED = "quoted"
    SIGNED = "signed"
    ACTIVE = "active"
    IN_NOTICE = "in_notice"
    EXPIRED = "expired"
    TERMINATED = "terminated"
    RENEWED = "renewed"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


class NaturalKey(NamedTuple):
    """Which line it is, whoever writes it down. Build it with `natural_key`."""

    supplier_key: str
    folded_ref: str
    line_no: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrancheValues:
    """One delivery of a line. `unit_price` is as quoted, in the price basis of the line."""

    tranche_no: int
    gpu_count: int
    delivery_date: date
    accept_by_date: date | None
    drop_dead_date: date | None
    late_credit_pct_per_week: Decimal | None
    unit_price: Decimal
    price_per_gpu_hour: Decimal
    site: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineTerms:
    """What was agreed for a line. A difference between two of these is an amendment.

    `unit_price` is the number as quoted, in `price_basis`; None if tranches quote different ones.
    `price_per_gpu_hour` is derived from it and rounded once, half-even, to six decimals. With
    tranches it is the blend at full ramp, weighted by GPUs.
    """

    gpu_model: str
    form_factor: str | None
    gpu_count: int
    gpus_per_node: int | None
    region: str | None
    site: str | None
    interconnect: str | None
    unit_price: Decimal | None
    price_per_gpu_hour: Decimal
    currency: Currency
    price_basis: PriceBasis
    start_date: date
    end_date: date | None
    term_months: int | None
    renewal_type: RenewalType | None
    renewal_term_months: int | None
    notice_period: str | None
    uplift_cap_pct: Decimal | None
    prepay_pct: Decimal | None
    take_or_pay_pct: Decimal | None
    sla_pct: Decimal | None
    payment_terms_days: int | None
    tranches: tuple[TrancheValues, ...] = ()

    def __post_init__(self) -> None:
        if self.gpu_count <= 0:
            raise ValueError("a line has at least one GPU")
        if self.end_date is not None and self.end_date < self.start_date:
            raise ValueError("the last day of service is not before the first")
        if self.tranches and sum(part.gpu_count for part in self.tranches) != self.gpu_count:
            raise ValueError("the tranches of a line add up to its GPUs")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowValues:
    """One line as a sheet states it, normalised."""

    supplier_key: str
    contract_ref: str
    line_no: int
    terms: LineTerms
    status: LineStatus
    owner: str | None = None
    notes: str | None = None

    @property
    def key(self) -> NaturalKey:
        """Return the natural key of the line."""
        return natural_key(self.supplier_key, self.contract_ref, self.line_no)

    def as_fields(self) -> dict[str, object]:
        """Return every field by name, flat, in reading order, with its Python value."""
        return {
            name: getattr(self.terms if name in _TERM_FIELDS else self, name) for name in ROW_FIELDS
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
    terms: dict[str, Any] = {name: by_name.get(name) for name in _TERM_FIELDS}
    own: dict[str, Any] = {
        name: by_name.get(name) for name in ROW_FIELDS if name not in _TERM_FIELDS
    }
    terms["tranches"] = tuple(terms["tranches"] or ())
    return RowValues(terms=LineTerms(**terms), **own)


def from_json_values(values: Mapping[str, Any]) -> RowValues:
    """Return the row that `to_json_values` wrote; raises KeyError or ValueError on any other."""
    by_name = {name: _from_json(name, values[name]) for name in ROW_FIELDS if name != "tranches"}
    by_name["tranches"] = tuple(
        TrancheValues(**{name: _from_json(name, part[name]) for name in _TRANCHE_FIELDS})
        for part in values["tranches"]
    )
    return row_values(by_name)


def differing_fields(old: RowValues, new: RowValues) -> tuple[str, ...]:
    """Return the names of commercial and note fields in which two rows differ."""
    before, after = old.as_fields(), new.as_fields()
    return tuple(
        name for name in ROW_FIELDS if name not in KEY_FIELDS and before[name] != after[name]
    )


def json_value(name: str, value: object) -> object:
    """Return one field value as JSON. `unit_price` keeps its digits as quoted."""
    if isinstance(value, Decimal):
        return format(value, "f") if name == "unit_price" else plain(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple):
        return [_tranche_json(part) for part in value]
    return value


def _tranche_json(part: TrancheValues) -> dict[str, object]:
    return {name: json_value(name, getattr(part, name)) for name in _TRANCHE_FIELDS}


def _from_json(name: str, value: Any) -> Any:
    read = _FROM_JSON.get(name)
    return value if value is None or read is None else read(value)


_TERM_FIELDS = tuple(field.name for field in fields(LineTerms))
_TRANCHE_FIELDS = tuple(field.name for field in fields(TrancheValues))

_FROM_JSON: Mapping[str, Callable[[str], object]] = {
    "currency": Currency,
    "price_basis": PriceBasis,
    "renewal_type": RenewalType,
    "status": LineStatus,
    **dict.fromkeys(
        ("start_date", "end_date", "delivery_date", "accept_by_date", "drop_dead_date"),
        date.fromisoformat,
    ),
    **dict.fromkeys(
        (
            "unit_price",
            "price_per_gpu_hour",
            "uplift_cap_pct",
            "prepay_pct",
            "take_or_pay_pct",
            "sla_pct",
            "late_credit_pct_per_week",
        ),
        Decimal,
    ),
}
