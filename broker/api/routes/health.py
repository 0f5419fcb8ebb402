"""Whether the server runs and can work; open to everybody, and telling nothing else."""

from __future__ import annotations

from fastapi import APIRouter

from broker.api.problems import described
from broker.api.wire.health import Health, Readiness
from broker.api.wiring import WiringDep
from broker.flows.prepare_database import require_answers

router = APIRouter(tags=["health"])


@router.get("/healthz", responses=described(500))
def healthz() -> Health:
    """Say that the process answers."""
    return Health()


@router.get("/readyz", responses=described(500, 503))
def readyz(wiring: WiringDep) -> Readiness:
    """Say that the database answers and has the schema; 503 with the reasons otherwise."""
    require_answers(wiring.database)
    return Readiness()
