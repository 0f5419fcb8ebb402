"""Suppliers as they cross the network."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from broker.contracts.supplier import Supplier, TierFact


class TierModel(BaseModel):
    """What one rating scheme said of a supplier on a day; schemes are never merged."""

    model_config = ConfigDict(extra="forbid")

    scheme: Annotated[str, Field(min_length=1, max_length=100)]
    edition: Annotated[str, Field(max_length=100)]
    tier: Annotated[str, Field(min_length=1, max_length=100)]
    on: date
    source: Annotated[str, Field(min_length=1, max_length=500, description="where to check it")]

    @classmethod
    def of(cls, fact: TierFact) -> TierModel:
        """Return a tier as it is shown."""
        return cls(
            scheme=fact.scheme, edition=fact.edition, tier=fact.tier, on=fact.on, source=fact.source
        )

    def to_fact(self) -> TierFact:
        """Return what the books record."""
        return TierFact(
            scheme=self.scheme,
            edition=self.edition,
            tier=self.tier,
            on=self.on,
            source=self.source,
        )


class SupplierOut(BaseModel):
    """Who sells to us."""

    key: str
    legal_name: str
    aliases: list[str]
    country: str | None = Field(description="ISO 3166; decides the working days of notices")
    tiers: list[TierModel]

    @classmethod
    def of(cls, supplier: Supplier) -> SupplierOut:
        """Return a supplier as it is shown."""
        return cls(
            key=supplier.key,
            legal_name=supplier.legal_name,
            aliases=list(supplier.aliases),
            country=supplier.country,
            tiers=[TierModel.of(fact) for fact in supplier.tiers],
        )


class SupplierList(BaseModel):
    """Every supplier, by key."""

    items: list[SupplierOut]


class SupplierDescription(BaseModel):
    """What to record of a supplier; what is null stays as it was."""

    model_config = ConfigDict(extra="forbid")

    legal_name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    country: Annotated[str, Field(pattern=r"^[A-Za-z]{2}(-[A-Za-z0-9]{1,3})?$")] | None = None
    aliases: list[Annotated[str, Field(min_length=1, max_length=200)]] = []
