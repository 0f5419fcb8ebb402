"""A GPU model's market: providers side by side, the list benchmark, the index, the history."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Query

from broker.access.scope import Scope
from broker.api.wire.market import GpuModel, GpuModelList, Market
from broker.api.wiring import Caller, WiringDep, requires
from broker.flows.compare_market import LONGEST_WINDOW_DAYS, WINDOW_DAYS, compare_market
from broker.flows.list_prices import gpu_models

router = APIRouter(prefix="/v1", tags=["market"])

Reader = Annotated[Caller, requires(Scope.PRICES_READ)]


@router.get("/market/{gpu_model}")
def market(
    wiring: WiringDep,
    _: Reader,
    gpu_model: Annotated[str, Path(max_length=120, description="a GPU, however it is spelt")],
    as_of: date | None = None,
    window_days: Annotated[int, Query(ge=1, le=LONGEST_WINDOW_DAYS)] = WINDOW_DAYS,
) -> Market:
    """Compare what providers list for a GPU model as of a day, and how that moved before it."""
    view = compare_market(
        wiring.database, gpu=gpu_model, as_of=as_of or wiring.today(), window_days=window_days
    )
    return Market.of(view)


@router.get("/gpu-models")
def models(wiring: WiringDep, _: Reader) -> GpuModelList:
    """List the GPU models that are known by name, with whose prices are on record."""
    found = gpu_models(wiring.database)
    return GpuModelList(items=[GpuModel.of(model, coverage) for model, coverage in found])
