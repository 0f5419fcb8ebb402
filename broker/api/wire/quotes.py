"""Quotes as they cross the network. Amounts are decimal strings with their currency beside them."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from broker.contracts.quote import QuoteKind, QuoteState
from broker.store.renewals import KnownQuote
from pricing.commitment import PriceBasis
from pricing.money import plain

LONGEST_REASON = 1_000

Reason = Annotated[
    str, Field(min_length=1, max_length=LONGEST_REASON, description="why, for the next reader")
]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Count = Annotated[int, Field(ge=1)]
Number = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?$", description="plain digits")]


class QuoteRequest(BaseModel):
    """A quote to put on record; the same fields as the columns of a quote sheet."""

    model_config = ConfigDict(extra="forbid")

    supplier: Name
    kind: QuoteKind
    renews: Annotated[Name | None, Field(description="CONTRACT/LINE, of a renewal offer")] = None
    gpu_model: Name
    form_factor: Name | None = None
    gpu_count: Count
    region: Name | None = None
    term_months: Annotated[Count | None, Field(description="null: on demand")] = None
    unit_price: Number
    currency: Annotated[str, Field(min_length=3, max_length=3)]
    price_basis: PriceBasis
    gpus_per_node: Count | None = None
    prepay_pct: Annotated[Number | None, Field(description="0 to 100; null: not stated")] = None
    delivery_date: date | None = None
    lead_time_days: Annotated[int | None, Field(ge=0)] = None
    received_on: date
    valid_until: Annotated[date | None, Field(description="last day to accept it")] = None
    document: Name | None = None

    def cells(self) -> dict[str, str]:
        """Return the quote as the cells of a sheet."""
        stated = self.model_dump(mode="json", exclude_none=True)
        return {name: str(value) for name, value in stated.items()}


class QuoteMove(BaseModel):
    """What became of a quote."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason
    on: Annotated[date | None, Field(description="the day it happened; default: today")] = None


class QuoteAcceptance(QuoteMove):
    """Acceptance of a quote; one that has lapsed or was withdrawn needs a reason of its own."""

    override_reason: Reason | None = None


class QuoteOut(BaseModel):
    """A quote on record."""

    id: str
    supplier_key: str
    kind: QuoteKind
    state: QuoteState
    is_open: bool = Field(description="can be accepted on the day asked about")
    renews: str | None = Field(description="CONTRACT/LINE, of a renewal offer")
    gpu_model: str
    form_factor: str | None
    gpu_count: int
    region: str | None
    term_months: int | None
    unit_price: str = Field(description="as quoted, in price_basis")
    price_basis: str
    price_per_gpu_hour: str
    currency: str
    prepay_pct: str | None
    delivery_date: date | None
    lead_time_days: int | None
    received_on: date
    valid_until: date | None
    document: str | None

    @classmethod
    def of(cls, known: KnownQuote, *, on: date) -> QuoteOut:
        """Return a quote as it is shown on a day."""
        quote = known.quote
        return cls(
            id=quote.id,
            supplier_key=quote.supplier_key,
            kind=quote.kind,
            state=quote.state,
            is_open=quote.is_open_on(on),
            renews=known.renews,
            gpu_model=quote.gpu_model,
            form_factor=quote.form_factor,
            gpu_count=quote.gpu_count,
            region=quote.region,
            term_months=quote.term_months,
            unit_price=plain(quote.unit_price),
            price_basis=quote.price_basis,
            price_per_gpu_hour=plain(quote.price_per_gpu_hour),
            currency=quote.currency,
            prepay_pct=None if quote.prepay_pct is None else plain(quote.prepay_pct),
            delivery_date=quote.delivery_on,
            lead_time_days=quote.lead_time_days,
            received_on=quote.received_on,
            valid_until=quote.valid_until,
            document=quote.document,
        )


class QuoteList(BaseModel):
    """Quotes received by a day, newest first."""

    as_of: date
    items: list[QuoteOut]
