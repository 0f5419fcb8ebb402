"""The terms of a line as an event carries them: JSON, decimals as strings, ends inclusive.

`LineTerms` is the hand-over between whoever learns of terms (an import, an approved amendment)
and the fold that turns events into a contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pricing.money import plain


class RenewalType(StrEnum):
    """What happens at the end of a term if nobody acts."""

    NONE = "none"
    AUTO = "auto"
    OPTION = "option"
    EVERGREEN = "evergreen"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrancheTerms:
    """A tranche as signed."""

    tranche_no: int
    gpu_count: int
    delivery_on: date
    unit_price: Decimal
    price_per_gpu_hour: Decimal
    accept_by: date | None = None
    drop_dead_on: date | None = None
    late_credit_pct_per_week: Decimal | None = None
    site: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineTerms:
    """A line as signed. Without tranches it is delivered in full on its first day.

    `last_day` is the last day of service; None for a line without an end.
    """

    gpu_model: str
    gpu_count: int
    unit_price: Decimal
    price_basis: str
    price_per_gpu_hour: Decimal
    start_on: date
    last_day: date | None
    renewal_type: RenewalType
    form_factor: str | None = None
    gpus_per_node: int | None = None
    region: str | None = None
    site: str | None = None
    interconnect: str | None = None
    term_months: int | None = None
    renewal_term_months: int | None = None
    notice_period: str | None = None
    uplift_cap_pct: Decimal | None = None
    prepay_pct: Decimal | None = None
    take_or_pay_pct: Decimal | None = None
    sla_pct: Decimal | None = None
    payment_terms_days: int | None = None
    tranches: tuple[TrancheTerms, ...] = ()

    @property
    def end_on(self) -> date | None:
        """Return the first day without service."""
        return None if self.last_day is None else self.last_day + timedelta(days=1)


def terms_to_json(terms: LineTerms) -> dict[str, Any]:
    """Return the terms as an event payload carries them."""
    return {
        "gpu_model": terms.gpu_model,
        "form_factor": terms.form_factor,
        "gpu_count": terms.gpu_count,
        "gpus_per_node": terms.gpus_per_node,
        "region": terms.region,
        "site": terms.site,
        "interconnect": terms.interconnect,
        "unit_price": plain(terms.unit_price),
        "price_basis": terms.price_basis,
        "price_per_gpu_hour": plain(terms.price_per_gpu_hour),
        "start_date": terms.start_on.isoformat(),
        "end_date": _day(terms.last_day),
        "term_months": terms.term_months,
        "renewal_type": terms.renewal_type.value,
        "renewal_term_months": terms.renewal_term_months,
        "notice_period": terms.notice_period,
        "uplift_cap_pct": _digits(terms.uplift_cap_pct),
        "prepay_pct": _digits(terms.prepay_pct),
        "take_or_pay_pct": _digits(terms.take_or_pay_pct),
        "sla_pct": _digits(terms.sla_pct),
        "payment_terms_days": terms.payment_terms_days,
        "tranches": [_tranche_to_json(tranche) for tranche in terms.tranches],
    }


def terms_from_json(payload: Mapping[str, Any]) -> LineTerms:
    """Return the terms that an event payload carries; the inverse of `terms_to_json`."""
    return LineTerms(
        gpu_model=payload["gpu_model"],
        form_factor=payload["form_factor"],
        gpu_count=payload["gpu_count"],
        gpus_per_node=payload["gpus_per_node"],
        region=payload["region"],
        site=payload["site"],
        interconnect=payload["interconnect"],
        unit_price=Decimal(payload["unit_price"]),
        price_basis=payload["price_basis"],
        price_per_gpu_hour=Decimal(payload["price_per_gpu_hour"]),
        start_on=date.fromisoformat(payload["start_date"]),
        last_day=_read_day(payload["end_date"]),
        term_months=payload["term_months"],
        renewal_type=RenewalType(payload["renewal_type"]),
        renewal_term_months=payload["renewal_term_months"],
        notice_period=payload["notice_period"],
        uplift_cap_pct=_read_digits(payload["uplift_cap_pct"]),
        prepay_pct=_read_digits(payload["prepay_pct"]),
        take_or_pay_pct=_read_digits(payload["take_or_pay_pct"]),
        sla_pct=_read_digits(payload["sla_pct"]),
        payment_terms_days=payload["payment_terms_days"],
        tranches=tuple(_tranche_from_json(tranche) for tranche in payload["tranches"]),
    )


def _tranche_to_json(tranche: TrancheTerms) -> dict[str, Any]:
    return {
        "tranche_no": tranche.tranche_no,
        "gpu_count": tranche.gpu_count,
        "delivery_date": tranche.delivery_on.isoformat(),
        "unit_price": plain(tranche.unit_price),
        "price_per_gpu_hour": plain(tranche.price_per_gpu_hour),
        "accept_by_date": _day(tranche.accept_by),
        "drop_dead_date": _day(tranche.drop_dead_on),
        "late_credit_pct_per_week": _digits(tranche.late_credit_pct_per_week),
        "site": tranche.site,
    }


def _tranche_from_json(payload: Mapping[str, Any]) -> TrancheTerms:
    return TrancheTerms(
        tranche_no=payload["tranche_no"],
        gpu_count=payload["gpu_count"],
        delivery_on=date.fromisoformat(payload["delivery_date"]),
        unit_price=Decimal(payload["unit_price"]),
        price_per_gpu_hour=Decimal(payload["price_per_gpu_hour"]),
        accept_by=_read_day(payload["accept_by_date"]),
        drop_dead_on=_read_day(payload["drop_dead_date"]),
        late_credit_pct_per_week=_read_digits(payload["late_credit_pct_per_week"]),
        site=payload["site"],
    )


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _read_day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _digits(number: Decimal | None) -> str | None:
    return None if number is None else plain(number)


def _read_digits(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
