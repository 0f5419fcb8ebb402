"""Placement plans: have one made, list them, read one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response, status

from broker.access.scope import Scope
from broker.api.idempotency import HEADER, KEY_PARAMETER, REPLAYED_HEADER, key_of, marked
from broker.api.json_body import described_body
from broker.api.plan_turns import (
    Body,
    PlanId,
    Reader,
    Writer,
    budget_in,
    seen,
    turn,
)
from broker.api.problems import described
from broker.api.wire.plans import PlanList, PlanOut, PlanRequest
from broker.api.wiring import Caller, WiringDep
from broker.flows.make_plan import Effort
from broker.flows.plan_placement import (
    Asking,
    body_fingerprint,
    list_plans,
    plan_live,
    plan_snapshot,
    show_plan,
)
from broker.placement.json_faults import FaultCode, Faults
from broker.placement.json_fields import Fields
from broker.placement.json_text import values_of
from broker.settings import Settings
from broker.store.paging import id_in, token_after
from broker.store.plan_limits import MOST_PLANS, USUAL_PLANS
from broker.store.plans import PlanKey

router = APIRouter(prefix="/v1", tags=["plans"])

_OPTIONAL_KEY: Final[dict[str, Any]] = {
    "parameters": [{**KEY_PARAMETER["parameters"][0], "required": False}]
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What a body asks for; without a snapshot, the books."""

    snapshot: object
    budget_seconds: float
    current_plan: str | None


@router.post(
    "/plans",
    status_code=status.HTTP_201_CREATED,
    response_model=PlanOut,
    responses={201: {"headers": REPLAYED_HEADER}, **described(415)},
    openapi_extra={**described_body(PlanRequest), **_OPTIONAL_KEY},
)
def make(
    request: Request,
    response: Response,
    wiring: WiringDep,
    caller: Writer,
    body: Body,
) -> PlanOut:
    """Plan placement of a snapshot, or of the books as they stand, and keep the plan."""
    asked = _asked(values_of(body, name="the body"), wiring.settings)
    asking = Asking(
        actor=caller.actor,
        on=wiring.settings.as_of,
        current_plan=asked.current_plan,
        key=_key(request, caller, body),
        with_confidential=Scope.PRICES_WRITE in caller.scopes,
    )
    effort = Effort(budget_seconds=asked.budget_seconds)
    with turn(wiring):
        if asked.snapshot is None:
            made = plan_live(wiring.database, asking, clock=wiring.clock, effort=effort)
        else:
            made = plan_snapshot(
                wiring.database, asked.snapshot, asking, clock=wiring.clock, effort=effort
            )
    response.headers["Location"] = f"/v1/plans/{made.entry.id}"
    response.headers.update(marked(made.is_replayed))
    return seen(made, caller)


@router.get("/plans")
def plans(
    wiring: WiringDep,
    _: Reader,
    limit: Annotated[int, Query(ge=1, le=MOST_PLANS)] = USUAL_PLANS,
    page_token: Annotated[str | None, Query(max_length=200)] = None,
) -> PlanList:
    """List plans on record, the newest first."""
    before = None if page_token is None else id_in(page_token)
    found = list_plans(wiring.database, limit=limit, before=before)
    return PlanList.of(found, token_after(found[-1].id) if len(found) == limit else None)


@router.get("/plans/{plan_id}")
def one(wiring: WiringDep, caller: Reader, plan_id: PlanId) -> PlanOut:
    """Return a plan on record."""
    return seen(show_plan(wiring.database, plan_id), caller)


def _asked(document: object, settings: Settings) -> _Asked:
    """Return what a body asks for; its snapshot is read by the flow. Raises BadInputError."""
    faults = Faults()
    fields = Fields(faults, document, "", tuple(PlanRequest.model_fields))
    is_live = fields.flag("live", default=False)
    snapshot = fields.value("snapshot", None)
    if is_live == (snapshot is not None):
        message = 'send either "snapshot" or "live": true'
        faults.add(FaultCode.CONTRADICTION, "snapshot", message)
    asked = _Asked(
        snapshot=None if is_live else snapshot,
        budget_seconds=budget_in(fields, settings),
        current_plan=fields.name_or_none("current_plan"),
    )
    faults.refuse("this request")
    return asked


def _key(request: Request, caller: Caller, body: bytes) -> PlanKey | None:
    if HEADER not in request.headers:
        return None
    return PlanKey(
        principal=caller.principal,
        idempotency_key=key_of(request),
        fingerprint=body_fingerprint(body),
    )
