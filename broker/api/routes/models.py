"""Models that are served: what must hold for them, and how they can be run."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, status

from broker.access.scope import Scope
from broker.api.wire.models import ModelEntry, ModelIn, ModelList
from broker.api.wiring import Caller, WiringDep, requires
from broker.flows.manage_models import end_model, list_models, set_model

router = APIRouter(prefix="/v1", tags=["demand"])

Reader = Annotated[Caller, requires(Scope.DEMAND_READ)]
Writer = Annotated[Caller, requires(Scope.DEMAND_WRITE)]
Named = Query(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f]*$")


@router.get("/models")
def models(wiring: WiringDep, _: Reader, model: Annotated[str | None, Named] = None) -> ModelList:
    """List the profile of each model that is served, by name."""
    found = list_models(wiring.database, model=model)
    return ModelList(items=[ModelEntry.of(each) for each in found])


@router.put("/models")
def put(wiring: WiringDep, caller: Writer, body: ModelIn) -> ModelEntry:
    """Set the profile of a model, in the place of the one there was; the same one changes nothing."""
    done = set_model(wiring.database, body.document(), actor=caller.actor, clock=wiring.clock)
    return ModelEntry.of(done)


@router.delete("/models", status_code=status.HTTP_204_NO_CONTENT)
def end(wiring: WiringDep, caller: Writer, model: Annotated[str, Named]) -> None:
    """Take a model out of what is planned; its revisions stay on record."""
    end_model(wiring.database, model, actor=caller.actor, clock=wiring.clock)
