"""Suppliers: who they are, and what rating schemes say of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from broker.access.scope import Scope
from broker.api.wire.suppliers import SupplierDescription, SupplierList, SupplierOut, TierModel
from broker.api.wiring import Caller, WiringDep, requires
from broker.flows.describe_supplier import describe_supplier, list_suppliers, rate_supplier

router = APIRouter(prefix="/v1/suppliers", tags=["suppliers"])

Reader = Annotated[Caller, requires(Scope.CONTRACTS_READ)]
Writer = Annotated[Caller, requires(Scope.CONTRACTS_WRITE)]


@router.get("")
def suppliers(wiring: WiringDep, _: Reader) -> SupplierList:
    """List every supplier with its tiers."""
    return SupplierList(items=[SupplierOut.of(each) for each in list_suppliers(wiring.database)])


@router.put("/{key}")
def describe(wiring: WiringDep, caller: Writer, key: str, body: SupplierDescription) -> SupplierOut:
    """Record a supplier, or change its name, country or aliases."""
    return SupplierOut.of(
        describe_supplier(
            wiring.database,
            key,
            legal_name=body.legal_name,
            country=body.country,
            aliases=tuple(body.aliases),
            actor=caller.actor,
            clock=wiring.clock,
        )
    )


@router.post("/{key}/tiers")
def rate(wiring: WiringDep, caller: Writer, key: str, body: TierModel) -> SupplierOut:
    """Record what a rating scheme says of a supplier."""
    return SupplierOut.of(
        rate_supplier(wiring.database, key, body.to_fact(), actor=caller.actor, clock=wiring.clock)
    )
