"""Contracts, amendments, obligations and imports as they cross the network.

Amounts are decimal strings; the currency stands beside them. Dates are ISO; `end_date` is the last
day of service.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from broker.contracts.contract import Amendment, Contract
from broker.contracts.event import Event
from broker.contracts.line import Line, PricePeriod, Tranche
from broker.contracts.state import ContractState
from broker.renewals.obligations import Obligation, ObligationState
from pricing.money import plain

Reason = Annotated[
    str, Field(min_length=1, max_length=1000, description="why, for the next person")
]


class TrancheOut(BaseModel):
    """One delivery of a line."""

    tranche_no: int
    gpu_count: int
    delivery_date: date
    accept_by_date: date | None
    drop_dead_date: date | None
    late_credit_pct_per_week: str | None
    site: str | None
    accepted_on: date | None

    @classmethod
    def of(cls, tranche: Tranche) -> TrancheOut:
        """Return a tranche as it is shown."""
        late = tranche.late_credit_pct_per_week
        return cls(
            tranche_no=tranche.tranche_no,
            gpu_count=tranche.gpu_count,
            delivery_date=tranche.delivery_on,
            accept_by_date=tranche.accept_by,
            drop_dead_date=tranche.drop_dead_on,
            late_credit_pct_per_week=None if late is None else plain(late),
            site=tranche.site,
            accepted_on=tranche.accepted_on,
        )


class PricePeriodOut(BaseModel):
    """What a GPU-hour costs from `valid_from` until the day before `valid_to`."""

    tranche_no: int | None = Field(description="null: all tranches of the line")
    valid_from: date
    valid_to: date | None = Field(description="first day on which it no longer holds")
    unit_price: str = Field(description="as written in the contract, in price_basis")
    price_basis: str
    price_per_gpu_hour: str
    currency: str
    recorded_at: datetime
    superseded_at: datetime | None

    @classmethod
    def of(cls, price: PricePeriod) -> PricePeriodOut:
        """Return a price period as it is shown."""
        return cls(
            tranche_no=price.tranche_no,
            valid_from=price.valid_from,
            valid_to=price.valid_to,
            unit_price=plain(price.unit_price),
            price_basis=price.price_basis,
            price_per_gpu_hour=plain(price.price_per_gpu_hour),
            currency=price.currency,
            recorded_at=price.recorded_at,
            superseded_at=price.superseded_at,
        )


class LineOut(BaseModel):
    """One line of a contract."""

    id: str
    line_no: int
    gpu_model: str
    form_factor: str | None
    gpu_count: int
    delivered_gpus: int = Field(description="accepted by the day asked about, and not ended")
    gpus_per_node: int | None
    region: str | None
    site: str | None
    interconnect: str | None
    start_date: date
    end_date: date | None = Field(description="last day of service; null: no end")
    price_per_gpu_hour: str | None = Field(description="on the day asked about; null: unknown")
    renewal_type: str | None
    renewal_term_months: int | None
    notice_period: str | None
    uplift_cap_pct: str | None
    prepay_pct: str | None
    take_or_pay_pct: str | None
    sla_pct: str | None
    payment_terms_days: int | None
    owner: str | None
    notes: str | None
    source: str
    tranches: list[TrancheOut]
    prices: list[PricePeriodOut]

    @classmethod
    def of(cls, line: Line, *, on: date) -> LineOut:
        """Return a line as it is shown on a day."""
        price = line.price_on(on)
        renewal = line.renewal
        return cls(
            id=line.id,
            line_no=line.line_no,
            gpu_model=line.gpu_model,
            form_factor=line.form_factor,
            gpu_count=line.gpu_count,
            delivered_gpus=line.accepted_by(on),
            gpus_per_node=line.gpus_per_node,
            region=line.region,
            site=line.site,
            interconnect=line.interconnect,
            start_date=line.start_on,
            end_date=line.last_day_of_service,
            price_per_gpu_hour=None if price is None else plain(price.rounded(6).amount),
            renewal_type=renewal.renewal_type,
            renewal_term_months=renewal.renewal_term_months,
            notice_period=renewal.notice_period,
            uplift_cap_pct=_digits(renewal.uplift_cap_pct),
            prepay_pct=_digits(line.prepay_pct),
            take_or_pay_pct=_digits(line.take_or_pay_pct),
            sla_pct=_digits(line.sla_pct),
            payment_terms_days=line.payment_terms_days,
            owner=line.owner,
            notes=line.notes,
            source=line.source,
            tranches=[TrancheOut.of(tranche) for tranche in line.tranches],
            prices=[PricePeriodOut.of(price) for price in line.prices],
        )


class AmendmentOut(BaseModel):
    """A proposed change of signed terms that nobody has decided yet."""

    id: str
    line_no: int
    changes: dict[str, Any]
    source: str
    proposed_at: datetime
    proposed_by: str

    @classmethod
    def of(cls, amendment: Amendment) -> AmendmentOut:
        """Return an amendment as it is shown."""
        return cls(
            id=amendment.id,
            line_no=amendment.line_no,
            changes=amendment.changes,
            source=amendment.source,
            proposed_at=amendment.proposed_at,
            proposed_by=amendment.proposed_by,
        )


class ContractOut(BaseModel):
    """One contract as it stood, or as it was believed to stand."""

    id: str
    supplier_key: str
    contract_ref: str
    state: ContractState
    currency: str
    owner: str | None
    notice_evidence: str | None
    successor_id: str | None = Field(description="the contract that goes on where this one ends")
    lines: list[LineOut]
    amendments: list[AmendmentOut]

    @classmethod
    def of(cls, contract: Contract, *, on: date) -> ContractOut:
        """Return a contract as it is shown on a day."""
        return cls(
            id=contract.id,
            supplier_key=contract.supplier_key,
            contract_ref=contract.ref,
            state=contract.state,
            currency=contract.currency,
            owner=contract.owner,
            notice_evidence=contract.notice_evidence,
            successor_id=contract.successor_id,
            lines=[LineOut.of(line, on=on) for line in contract.lines],
            amendments=[AmendmentOut.of(each) for each in contract.amendments],
        )


class ContractList(BaseModel):
    """Contracts by supplier and reference, a page at a time."""

    as_of: date
    items: list[ContractOut]
    next_page_token: str | None = Field(description="give it as page_token to read on")


class EventOut(BaseModel):
    """One event of the book of record."""

    seq: int
    kind: str
    payload: dict[str, Any]
    valid_from: date
    recorded_at: datetime
    actor: str
    reason: str
    document: str | None
    prev_hash: str
    hash: str

    @classmethod
    def of(cls, event: Event) -> EventOut:
        """Return an event as it is shown."""
        return cls(
            seq=event.seq,
            kind=event.kind,
            payload=dict(event.payload),
            valid_from=event.valid_from,
            recorded_at=event.recorded_at,
            actor=event.actor,
            reason=event.reason,
            document=event.document,
            prev_hash=event.prev_hash,
            hash=event.hash,
        )


class EventList(BaseModel):
    """The events of one contract, oldest first."""

    items: list[EventOut]


class ObligationOut(BaseModel):
    """A duty, its day, and how the day was computed."""

    id: str
    contract_id: str
    supplier_key: str
    contract_ref: str
    line_no: int | None
    kind: str
    subject: str
    due_on: date
    days_left: int = Field(description="negative once the day has passed")
    computed_from: str
    state: ObligationState
    closed_by: str | None
    evidence: str | None

    @classmethod
    def of(cls, obligation: Obligation, contract: Contract, *, on: date) -> ObligationOut:
        """Return an obligation as it is shown on a day."""
        return cls(
            id=obligation.id,
            contract_id=contract.id,
            supplier_key=contract.supplier_key,
            contract_ref=contract.ref,
            line_no=obligation.line_no,
            kind=obligation.kind,
            subject=obligation.subject,
            due_on=obligation.due_on,
            days_left=(obligation.due_on - on).days,
            computed_from=obligation.computed_from,
            state=obligation.state,
            closed_by=obligation.closed_by,
            evidence=obligation.evidence,
        )


class ObligationList(BaseModel):
    """Obligations, the nearest first."""

    as_of: date
    items: list[ObligationOut]


class _Decided(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Reason
    valid_from: date | None = Field(default=None, description="when it counts; default: today")
    document: str | None = None


class Transition(_Decided):
    """Move a contract to another state; notice needs evidence."""

    to: ContractState
    evidence: str | None = None


class Succession(_Decided):
    """Another signed contract goes on where this one ends."""

    successor: Annotated[str, Field(min_length=1, max_length=200, description="id or reference")]


class Acceptance(_Decided):
    """A tranche was accepted."""

    line_no: Annotated[int, Field(ge=1)]
    tranche_no: Annotated[int, Field(ge=1)]
    accepted_on: date


class AmendmentDecision(_Decided):
    """Approve or reject a proposed amendment; `valid_from` is the day new terms begin."""

    approve: bool


class ObligationOutcome(_Decided):
    """What became of an obligation; one that was met needs evidence."""

    state: ObligationState
    evidence: str | None = None


class ImportResult(BaseModel):
    """What an import did, or would do: the same object as `tonnage contracts import --json`."""

    file: str
    status: str = Field(description="ok, errors or needs_input; only ok writes")
    detected: dict[str, Any]
    mapping: dict[str, str]
    rows: list[dict[str, Any]]
    issues: list[dict[str, Any]]
    skipped_lines: list[int]
    absent_keys: list[tuple[str, str, int]]
    summary: dict[str, int]


def _digits(number: Decimal | None) -> str | None:
    return None if number is None else plain(number)
