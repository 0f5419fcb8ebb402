"""What routes that plan share: their bodies as they came, their turns, and plans as callers see them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Annotated, Final

from fastapi import Depends, Path, Request

from broker.access.scope import Scope
from broker.api.json_body import JSON
from broker.api.wire.plans import PlanOut
from broker.api.wiring import Caller, Wiring, requires
from broker.errors import MediaTypeError
from broker.flows.make_plan import LONGEST_BUDGET_SECONDS, SHORTEST_BUDGET_SECONDS
from broker.flows.offer_query import confidential_suppliers
from broker.placement.json_fields import Fields
from broker.settings import Settings
from broker.store.grants import BusyError
from broker.store.plans import PlanKind, StoredPlan

Reader = Annotated[Caller, requires(Scope.PLANS_READ)]
Writer = Annotated[Caller, requires(Scope.PLANS_WRITE)]
PlanId = Annotated[str, Path(max_length=64, description="the id of a plan")]

BUDGET: Final = "budget_seconds"


async def _body(request: Request) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        raise MediaTypeError(f"this route reads {JSON}; name it in the header Content-Type")
    return await request.body()


Body = Annotated[bytes, Depends(_body)]


@contextmanager
def turn(wiring: Wiring) -> Iterator[None]:
    """Let few plan at once: each takes a processor for as long as its budget."""
    if not wiring.plan_turns.acquire(blocking=False):
        raise BusyError("other plans are being made; send this one again in a few seconds")
    try:
        yield
    finally:
        wiring.plan_turns.release()


def budget_in(fields: Fields, settings: Settings) -> float:
    """Return the seconds that a body gives to plan, else as it is set."""
    if fields.value(BUDGET, None) is None:
        return settings.plan_budget_seconds
    return fields.number(
        BUDGET,
        least=SHORTEST_BUDGET_SECONDS,
        most=LONGEST_BUDGET_SECONDS,
    )


def seen(stored: StoredPlan, caller: Caller) -> PlanOut:
    """Return a plan as a caller may see it."""
    return PlanOut.of(
        stored,
        with_contracts=Scope.CONTRACTS_READ in caller.scopes,
        hidden_suppliers=hidden_from(caller, stored),
    )


def hidden_from(caller: Caller, stored: StoredPlan) -> Collection[str]:
    """Return whose prices a caller may not see; those sent with a snapshot are no secret."""
    if Scope.PRICES_WRITE in caller.scopes or stored.entry.kind is PlanKind.SNAPSHOT:
        return ()
    return confidential_suppliers()
