"""The book of record: whether it verifies."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from broker.access.scope import Scope
from broker.api.wire.ledger import LedgerReport
from broker.api.wiring import Caller, WiringDep, requires
from broker.flows.check_ledger import check_ledger

router = APIRouter(prefix="/v1/ledger", tags=["ledger"])


@router.get("/verification")
def verification(
    wiring: WiringDep, _: Annotated[Caller, requires(Scope.LEDGER_READ)]
) -> LedgerReport:
    """Verify every chain and compare every table with its events."""
    return LedgerReport.of(check_ledger(wiring.database))
