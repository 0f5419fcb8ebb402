"""What is measured, for Prometheus; with a key, or open to everybody where that is set."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Response
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from broker.access.scope import Scope
from broker.api.metrics import Measures
from broker.api.problems import described
from broker.api.wiring import Caller, WiringDep, requires

PATH: Final = "/metrics"
_OK: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}}
}

router = APIRouter(tags=["health"])
open_router = APIRouter(tags=["health"])


@router.get(PATH, response_class=Response, responses={**_OK, **described(401, 403, 500, 503)})
def metrics(wiring: WiringDep, _caller: Annotated[Caller, requires(Scope.LEDGER_READ)]) -> Response:
    """Tell counters, times and gauges in the text format of Prometheus."""
    return open_metrics(wiring)


@open_router.get(PATH, response_class=Response, responses={**_OK, **described(500)})
def open_metrics(wiring: WiringDep) -> Response:
    """Tell counters, times and gauges in the text format of Prometheus."""
    measures = Measures(meters=wiring.meters, database=wiring.database)
    return Response(measures.text(), media_type=CONTENT_TYPE_PLAIN_0_0_4)
