"""Owned capacity and its differences from the ledger, as they cross the network.

Amounts are decimal strings with their currency beside them.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from broker.capacity.matching import Stated
from broker.capacity.reconciliation import CapacityFinding, Difference
from broker.flows.adopt_holding import Adopted, Adoption
from broker.flows.reconcile_capacity import Reconciliation
from pricing.holding import HoldingKind, HoldingState
from pricing.money import Money, currency, plain
from pricing.offer import StockUnit


class PriceOut(BaseModel):
    """An amount per GPU-hour."""

    amount: str
    currency: str

    @classmethod
    def of(cls, money: Money | None) -> PriceOut | None:
        """Return an amount as it is shown, or None where there is none."""
        return None if money is None else cls(amount=plain(money.amount), currency=money.currency)


class HoldingOut(BaseModel):
    """A reservation, block or commitment as the supplier states it."""

    supplier: str
    resource_id: str
    kind: HoldingKind
    name: str | None
    region: str | None
    zone: str | None
    native_type: str | None
    gpu: str | None
    quantity: int | None
    unit: StockUnit
    gpus: int | None = Field(description="the quantity in GPUs, null where it cannot be known")
    gpus_used: int | None
    start_at: datetime | None
    end_at: datetime | None
    state: HoldingState
    provider_state: str = Field(description="the supplier's own word")
    price_per_gpu_hour: PriceOut | None
    hourly_commitment: PriceOut | None
    seen_at: datetime
    contract_id: str | None = Field(description="the draft it was adopted as")

    @classmethod
    def of(cls, stated: Stated) -> HoldingOut:
        """Return a holding as it is shown."""
        holding = stated.holding
        return cls(
            supplier=holding.supplier,
            resource_id=holding.resource_id,
            kind=holding.kind,
            name=holding.name,
            region=holding.region,
            zone=holding.zone,
            native_type=holding.native_type,
            gpu=None if holding.gpu is None else holding.gpu.part or holding.gpu.model,
            quantity=holding.quantity,
            unit=holding.unit,
            gpus=holding.gpus,
            gpus_used=holding.gpus_used,
            start_at=holding.start_at,
            end_at=holding.end_at,
            state=holding.state,
            provider_state=holding.provider_state,
            price_per_gpu_hour=PriceOut.of(holding.price_per_gpu_hour),
            hourly_commitment=PriceOut.of(holding.hourly_commitment),
            seen_at=holding.observed_at,
            contract_id=stated.contract_id,
        )


class HoldingList(BaseModel):
    """What suppliers still list, by supplier and id."""

    items: list[HoldingOut]


class CapacityFindingOut(BaseModel):
    """One difference between a supplier's books and ours."""

    difference: Difference
    supplier: str
    object_id: str
    resource_ids: list[str]
    contract_id: str | None
    contract_ref: str | None
    line_no: int | None
    gpu_model: str | None
    stated: str | None
    contracted: str | None
    stated_price: PriceOut | None
    contracted_price: PriceOut | None
    message: str

    @classmethod
    def of(cls, found: CapacityFinding) -> CapacityFindingOut:
        """Return a finding as it is shown."""
        return cls(
            difference=found.difference,
            supplier=found.supplier,
            object_id=found.object_id,
            resource_ids=list(found.resource_ids),
            contract_id=found.contract_id,
            contract_ref=found.contract_ref,
            line_no=found.line_no,
            gpu_model=found.gpu_model,
            stated=found.stated,
            contracted=found.contracted,
            stated_price=PriceOut.of(found.stated_price),
            contracted_price=PriceOut.of(found.contracted_price),
            message=found.message,
        )


class CapacityReconciliation(BaseModel):
    """What was compared on a day, and every difference; nothing is ever corrected."""

    on: date
    holdings: int
    lines: int
    readable: list[str] = Field(
        description="suppliers of which it can be said that something is not there"
    )
    items: list[CapacityFindingOut]

    @classmethod
    def of(cls, result: Reconciliation) -> CapacityReconciliation:
        """Return a reconciliation as it is shown."""
        return cls(
            on=result.on,
            holdings=result.holdings,
            lines=result.lines,
            readable=list(result.readable),
            items=[CapacityFindingOut.of(found) for found in result.findings],
        )


class AdoptionRequest(BaseModel):
    """Which holding to take into the ledger, and what it does not say itself."""

    model_config = ConfigDict(extra="forbid")

    supplier: Annotated[str, Field(min_length=1, max_length=100)]
    resource_id: Annotated[str, Field(min_length=1, max_length=500)]
    ref: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    supplier_key: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    start_on: date | None = None
    last_day: date | None = None
    price_per_gpu_hour: Annotated[str, Field(pattern=r"^\d{1,9}(\.\d{1,6})?$")] | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"

    def to_adoption(self) -> Adoption:
        """Return what is stated beside the holding."""
        price = self.price_per_gpu_hour
        return Adoption(
            ref=self.ref,
            supplier_key=self.supplier_key,
            start_on=self.start_on,
            last_day=self.last_day,
            price_per_gpu_hour=None
            if price is None
            else Money(Decimal(price), currency(self.currency)),
        )


class AdoptedOut(BaseModel):
    """The draft contract that came of a holding."""

    contract_id: str
    supplier_key: str
    ref: str
    gpu_model: str
    gpu_count: int
    start_on: date
    last_day: date | None

    @classmethod
    def of(cls, adopted: Adopted) -> AdoptedOut:
        """Return the draft as it is shown."""
        return cls(
            contract_id=adopted.contract_id,
            supplier_key=adopted.supplier_key,
            ref=adopted.ref,
            gpu_model=adopted.gpu_model,
            gpu_count=adopted.gpu_count,
            start_on=adopted.start_on,
            last_day=adopted.last_day,
        )
