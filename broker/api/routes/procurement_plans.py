"""Procurement plans: make one from a document or from the books, list them, read one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, status

from broker.access.scope import Scope
from broker.api.wire.procurement import (
    ProcurementPlanHead,
    ProcurementPlanList,
    ProcurementPlanOut,
    ProcurementRequest,
)
from broker.api.wiring import Caller, WiringDep, requires
from broker.flows.plan_procurement import (
    MOST_LISTED,
    list_procurement_plans,
    make_procurement_plan,
    show_procurement_plan,
)

router = APIRouter(prefix="/v1", tags=["procurement"])

Reader = Annotated[Caller, requires(Scope.CAPACITY_READ)]
Writer = Annotated[Caller, requires(Scope.RENEWALS_WRITE)]
PlanId = Annotated[str, Path(max_length=100, description="the id of a plan")]


@router.post("/procurement-plans", status_code=status.HTTP_201_CREATED)
def make(wiring: WiringDep, caller: Writer, body: ProcurementRequest) -> ProcurementPlanOut:
    """Plan what to sign, renew and leave, with a negotiation sheet for each open renewal.

    Without an `input` the plan is made from contracts, quotes and demand on record.
    """
    kept = make_procurement_plan(
        wiring.database,
        body.input,
        as_of=body.as_of or wiring.today(),
        months=body.months,
        with_sheets=body.with_sheets,
        only=body.renewal,
        actor=caller.actor,
        clock=wiring.clock,
    )
    return ProcurementPlanOut.of(kept, with_prices=Scope.CONTRACTS_READ in caller.scopes)


@router.get("/procurement-plans")
def plans(
    wiring: WiringDep,
    _: Reader,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 50,
) -> ProcurementPlanList:
    """List the latest plans, newest first."""
    found = list_procurement_plans(wiring.database, limit=limit)
    return ProcurementPlanList(items=[ProcurementPlanHead.of(each) for each in found])


@router.get("/procurement-plans/{plan_id}")
def plan(wiring: WiringDep, caller: Reader, plan_id: PlanId) -> ProcurementPlanOut:
    """Return a plan; its amounts and sheets only to keys that may read contracts."""
    stored = show_procurement_plan(wiring.database, plan_id)
    return ProcurementPlanOut.of(stored, with_prices=Scope.CONTRACTS_READ in caller.scopes)
