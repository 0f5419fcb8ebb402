"""The terms of a line: what was agreed, as a sheet states it and as an event carries it.

Days are contract days and `end_date` is the last day of service, None for a line without an end.
Percentages are 0 to 100. An absent value is None: nothing is known of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pricing.commitment import PriceBasis
from pricing.money import Currency, plain


class RenewalType(StrEnum):
    """What happens after the last day if nobody does anything."""

    NONE = "none"
    AUTO = "auto"
    OPTION = "option"
    EVERGREEN = "evergreen"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrancheTerms:
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
    tranches: tuple[TrancheTerms, ...] = ()

    def __post_init__(self) -> None:
        if self.gpu_count <= 0:
            raise ValueError("a line has at least one GPU")
        if self.end_date is not None and self.end_date < self.start_date:
            raise ValueError("the last day of service is not before the first")
        if self.tranches and sum(part.gpu_count for part in self.tranches) != self.gpu_count:
            raise ValueError("the tranches of a line add up to its GPUs")
        if not self.tranches and self.unit_price is None:
            raise ValueError("a line in one delivery has one unit price")

    @property
    def end_on(self) -> date | None:
        """Return the first day without service."""
        return None if self.end_date is None else self.end_date + timedelta(days=1)


def terms_to_json(terms: LineTerms) -> dict[str, Any]:
    """Return the terms as an event payload carries them: amounts and days are strings."""
    return {name: json_value(name, getattr(terms, name)) for name in TERM_FIELDS}


def terms_from_json(payload: Mapping[str, Any]) -> LineTerms:
    """Return the terms that `terms_to_json` wrote; other names in the payload are passed over."""
    by_name = {name: _from_json(name, payload[name]) for name in TERM_FIELDS if name != "tranches"}
    tranches = tuple(
        TrancheTerms(**{name: _from_json(name, part[name]) for name in _TRANCHE_FIELDS})
        for part in payload["tranches"]
    )
    return LineTerms(**by_name, tranches=tranches)


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


def _tranche_json(part: TrancheTerms) -> dict[str, object]:
    return {name: json_value(name, getattr(part, name)) for name in _TRANCHE_FIELDS}


def _from_json(name: str, value: Any) -> Any:
    read = _FROM_JSON.get(name)
    return value if value is None or read is None else read(value)


TERM_FIELDS = tuple(field.name for field in fields(LineTerms))
_TRANCHE_FIELDS = tuple(field.name for field in fields(TrancheTerms))

_FROM_JSON: Mapping[str, Callable[[str], object]] = {
    "currency": Currency,
    "price_basis": PriceBasis,
    "renewal_type": RenewalType,
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
