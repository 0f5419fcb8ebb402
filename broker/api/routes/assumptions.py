"""Assumptions: what briefs rest on, stated with a source and never changed."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, status

from broker.access.scope import Scope
from broker.api.wire.assumptions import AssumptionList, AssumptionOut, AssumptionRequest
from broker.api.wiring import Caller, WiringDep, requires
from broker.flows.state_assumption import list_assumptions, state_assumption

router = APIRouter(prefix="/v1", tags=["assumptions"])

Reader = Annotated[Caller, requires(Scope.RENEWALS_READ)]
Writer = Annotated[Caller, requires(Scope.RENEWALS_WRITE)]


@router.get("/assumptions")
def assumptions(
    wiring: WiringDep,
    _: Reader,
    as_of: Annotated[date | None, Query(description="in force on; default: today")] = None,
) -> AssumptionList:
    """List every statement by name and scope, and which of them count on a day."""
    on = as_of or wiring.today()
    found = list_assumptions(wiring.database, on=on)
    return AssumptionList(as_of=on, items=[AssumptionOut.of(known) for known in found])


@router.post("/assumptions", status_code=status.HTTP_201_CREATED)
def state(wiring: WiringDep, caller: Writer, body: AssumptionRequest) -> AssumptionOut:
    """Append a statement; the newest that is valid counts, the narrowest scope first."""
    known = state_assumption(
        wiring.database,
        body.cells(today=wiring.today()),
        actor=caller.actor,
        clock=wiring.clock,
    )
    return AssumptionOut.of(known)
