"""Renewals: what ends, and the brief of one line."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Query

from broker.access.scope import Scope
from broker.api.wire.renewals import RenewalList
from broker.api.wiring import Caller, WiringDep, requires
from broker.flows.review_renewals import list_renewals, review_renewal
from broker.renewals.brief import Brief

router = APIRouter(prefix="/v1", tags=["renewals"])

Reader = Annotated[Caller, requires(Scope.RENEWALS_READ)]
AsOf = Annotated[date | None, Query(description="the day asked about; default: today")]


@router.get("/renewals")
def renewals(
    wiring: WiringDep,
    _: Reader,
    as_of: AsOf = None,
    within_days: Annotated[
        int | None, Query(ge=0, le=36_500, description="whose next deadline is so near, or over")
    ] = None,
) -> RenewalList:
    """List every line in force with an end: by days to its next deadline, then by risk."""
    on = as_of or wiring.today()
    found = list_renewals(wiring.database, as_of=on, within_days=within_days)
    return RenewalList(as_of=on, items=found)


@router.get("/renewals/{line_id}/brief")
def brief(
    wiring: WiringDep,
    _: Reader,
    line_id: Annotated[str, Path(max_length=200, description="the id of a line in the list")],
    as_of: AsOf = None,
) -> Brief:
    """Return the page for the call: what is asked, what it is worth, what to do and by when."""
    return review_renewal(wiring.database, line_id, as_of=as_of or wiring.today())
