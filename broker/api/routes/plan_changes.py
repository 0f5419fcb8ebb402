"""Plans made anew from an earlier one, and why plans are as they are."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response, status

from broker.access.scope import Scope
from broker.api.json_body import described_body
from broker.api.plan_turns import (
    Body,
    PlanId,
    Reader,
    Writer,
    budget_in,
    hidden_from,
    seen,
    turn,
)
from broker.api.problems import described
from broker.api.wire.plan_changes import (
    ComparisonOut,
    ReplanOut,
    ReplanRequest,
    WhatIfOut,
    WhatIfRequest,
)
from broker.api.wire.plan_explanation import PlanExplanationOut, without_prices
from broker.api.wire.plans import PlanOut
from broker.api.wiring import Caller, Wiring, WiringDep
from broker.flows.change_plan import plan_on_record, replan_after_loss, what_if
from broker.flows.explain_plan import explain_plan
from broker.flows.make_plan import Effort
from broker.flows.plan_placement import Asking, show_plan
from broker.placement.changes_reading import read_changes
from broker.placement.json_faults import Faults
from broker.placement.json_fields import Fields
from broker.placement.json_text import values_of
from broker.placement.plan_figures import SideBySide

router = APIRouter(prefix="/v1", tags=["plans"])

Name = Annotated[str | None, Query(max_length=200)]


@router.get("/plans/{plan_id}/explanation")
def explanation(
    wiring: WiringDep, caller: Reader, plan_id: PlanId, model: Name = None, pool: Name = None
) -> PlanExplanationOut:
    """Say why a plan is as it is: all of it, or what concerns one model or one pool."""
    told = explain_plan(wiring.database, plan_id, model=model, pool=pool)
    made = plan_on_record(told.plan)
    shown, withheld = without_prices(
        told.explanation, made.snapshot, made.plan, of=hidden_from(caller, told.plan)
    )
    return PlanExplanationOut.of(shown, plan_id=plan_id, withheld=withheld)


@router.post(
    "/plans/{plan_id}/replans",
    status_code=status.HTTP_201_CREATED,
    response_model=ReplanOut,
    responses=described(415),
    openapi_extra=described_body(ReplanRequest),
)
def replan(
    response: Response, wiring: WiringDep, caller: Writer, plan_id: PlanId, body: Body
) -> ReplanOut:
    """Answer the loss of a provider: a repair, then the full plan; both are kept."""
    faults = Faults()
    fields = Fields(faults, values_of(body, name="the body"), "", tuple(ReplanRequest.model_fields))
    lost, effort = fields.name("lost"), Effort(budget_seconds=budget_in(fields, wiring.settings))
    faults.refuse("this request")
    with turn(wiring):
        kept = replan_after_loss(
            wiring.database, _asking(wiring, caller, plan_id), lost=lost, clock=wiring.clock,
            effort=effort,
        )  # fmt: skip
    repair, full = seen(kept.repair, caller), seen(kept.full, caller)
    before = seen(show_plan(wiring.database, plan_id), caller)
    response.headers["Location"] = f"/v1/plans/{full.id}"
    return ReplanOut(
        repair=repair,
        repair_comparison=_compared(kept.told.after_repair, caller, before, repair),
        plan=full,
        comparison=_compared(kept.told.after_full, caller, before, full),
    )


@router.post(
    "/plans/{plan_id}/what-ifs",
    status_code=status.HTTP_201_CREATED,
    response_model=WhatIfOut,
    responses=described(415),
    openapi_extra=described_body(WhatIfRequest),
)
def suppose(
    response: Response, wiring: WiringDep, caller: Writer, plan_id: PlanId, body: Body
) -> WhatIfOut:
    """Suppose changes to a plan, plan anew, compare and keep it; the books stay as they are."""
    faults = Faults()
    fields = Fields(faults, values_of(body, name="the body"), "", tuple(WhatIfRequest.model_fields))
    changes, effort = (
        read_changes(fields),
        Effort(budget_seconds=budget_in(fields, wiring.settings)),
    )
    faults.refuse("this request")
    with turn(wiring):
        kept = what_if(
            wiring.database, changes, _asking(wiring, caller, plan_id), clock=wiring.clock,
            effort=effort,
        )  # fmt: skip
    plan = seen(kept.plan, caller)
    before = seen(show_plan(wiring.database, plan_id), caller)
    response.headers["Location"] = f"/v1/plans/{plan.id}"
    return WhatIfOut(plan=plan, comparison=_compared(kept.told.comparison, caller, before, plan))


def _asking(wiring: Wiring, caller: Caller, plan_id: str) -> Asking:
    return Asking(
        actor=caller.actor,
        on=wiring.settings.as_of,
        current_plan=plan_id,
        with_confidential=Scope.PRICES_WRITE in caller.scopes,
    )


def _compared(told: SideBySide, caller: Caller, *plans: PlanOut) -> ComparisonOut:
    """Return a comparison with the sums that both of its plans show to the caller."""
    return ComparisonOut.of(
        told,
        with_prices=all(plan.cost_per_hour.new is not None for plan in plans),
        with_contracts=Scope.CONTRACTS_READ in caller.scopes,
    )
