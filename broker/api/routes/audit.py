"""The audit log: who did what."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from broker.access.scope import Scope
from broker.api.wire.audit import AuditList
from broker.api.wiring import Caller, WiringDep, requires
from broker.flows.keep_audit import list_audit
from broker.store.audit import AuditFilter

LISTED_AT_MOST = 1000
LAST_NUMBER = 2**63 - 1

router = APIRouter(prefix="/v1", tags=["audit"])


@router.get("/audit")
def audit(
    wiring: WiringDep,
    _: Annotated[Caller, requires(Scope.AUDIT_READ)],
    actor: str | None = None,
    action: str | None = None,
    object_id: str | None = None,
    before: Annotated[
        int | None, Query(ge=1, le=LAST_NUMBER, description="only entries of lower numbers")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=LISTED_AT_MOST)] = 100,
) -> AuditList:
    """List what was done to keys, pools and everything else over HTTP, the newest first."""
    wanted = AuditFilter(actor=actor, action=action, object_id=object_id, before=before)
    return AuditList.of(list_audit(wiring.database, wanted, limit=limit), limit=limit)
