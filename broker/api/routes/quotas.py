"""Quotas of holders: list, set, remove."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, status

from broker.access.scope import Scope
from broker.api.wire.capacity import Name
from broker.api.wire.quotas import QuotaEntry, QuotaIn, QuotaList
from broker.api.wiring import Caller, WiringDep, requires
from broker.flows.manage_quotas import list_quotas, remove_quota, set_quota

router = APIRouter(prefix="/v1", tags=["capacity"])

Administrator = Annotated[Caller, requires(Scope.CAPACITY_ADMIN)]


@router.get("/quotas")
def quotas(
    wiring: WiringDep, _: Administrator, holder: Annotated[Name | None, Query()] = None
) -> QuotaList:
    """List quotas, by holder and model."""
    found = list_quotas(wiring.database, holder=holder)
    return QuotaList(items=[QuotaEntry.of(one) for one in found])


@router.put("/quotas")
def put(wiring: WiringDep, caller: Administrator, body: QuotaIn) -> QuotaEntry:
    """Set a quota, in the place of the one there was. No lease ends because of it."""
    done = set_quota(
        wiring.database,
        body.quota(),
        actor=caller.actor,
        clock=wiring.clock,
        origin=caller.origin,
    )
    return QuotaEntry.of(done)


@router.delete("/quotas", status_code=status.HTTP_204_NO_CONTENT)
def remove(
    wiring: WiringDep,
    caller: Administrator,
    holder: Annotated[Name, Query(description="whose quota")],
    gpu_model: Annotated[Name, Query(description="for which model; * for all together")],
) -> None:
    """Remove a quota."""
    remove_quota(
        wiring.database,
        holder,
        gpu_model,
        actor=caller.actor,
        clock=wiring.clock,
        origin=caller.origin,
    )
