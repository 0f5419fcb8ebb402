"""Differences between what others say and what the ledger says: found, never corrected."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter

from broker.access.scope import Scope
from broker.api.wire.holdings import CapacityReconciliation
from broker.api.wiring import Caller, WiringDep, requires
from broker.flows.reconcile_capacity import reconcile

router = APIRouter(prefix="/v1/reconciliation", tags=["reconciliation"])

Reader = Annotated[Caller, requires(Scope.CONTRACTS_READ)]


@router.get("/capacity")
def capacity(wiring: WiringDep, _: Reader, on: date | None = None) -> CapacityReconciliation:
    """Compare owned capacity as suppliers state it with the contract lines in force on a day."""
    return CapacityReconciliation.of(reconcile(wiring.database, on=on or wiring.today()))
