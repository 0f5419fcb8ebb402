"""Owned capacity: what suppliers say is ours, taken into the ledger when a person says so."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, status

from broker.access.scope import Scope
from broker.api.wire.holdings import AdoptedOut, AdoptionRequest, HoldingList, HoldingOut
from broker.api.wiring import Caller, WiringDep, requires
from broker.flows.adopt_holding import adopt_holding
from broker.flows.reconcile_capacity import list_holdings

router = APIRouter(prefix="/v1", tags=["holdings"])

Reader = Annotated[Caller, requires(Scope.CONTRACTS_READ)]
Writer = Annotated[Caller, requires(Scope.CONTRACTS_WRITE)]


@router.get("/holdings")
def holdings(
    wiring: WiringDep,
    _: Reader,
    supplier: Annotated[str | None, Query(max_length=100, description="one supplier only")] = None,
) -> HoldingList:
    """List reservations, blocks and commitments as suppliers state them."""
    found = list_holdings(wiring.database, supplier=supplier)
    return HoldingList(items=[HoldingOut.of(each) for each in found])


@router.post("/holdings:adopt", status_code=status.HTTP_201_CREATED)
def adopt(wiring: WiringDep, caller: Writer, body: AdoptionRequest) -> AdoptedOut:
    """Record a holding as a draft contract of one line; what it does not say must be stated."""
    return AdoptedOut.of(
        adopt_holding(
            wiring.database,
            body.supplier,
            body.resource_id,
            adoption=body.to_adoption(),
            actor=caller.actor,
            clock=wiring.clock,
        )
    )
