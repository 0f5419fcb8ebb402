"""Whether the server runs and can work; open to everybody, and telling nothing else."""

from __future__ import annotations

from fastapi import APIRouter

from broker.api.problems import described
from broker.api.wire.health import Health, Readiness
from broker.api.wiring import WiringDep

router = APIRouter(tags=["health"])


@router.get("/healthz", responses=described(500))
def healthz() -> Health:
    """Say that the process answers."""
    return Health()


@router.get("/readyz", responses=described(500, 503))
def readyz(wiring: WiringDep) -> Readiness:
    """Say that the database answers soon and all is well here; 503 with the reasons otherwise."""
    return Readiness.of(wiring.readiness.require(wiring.desk.grants))
