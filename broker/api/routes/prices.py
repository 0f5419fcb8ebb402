"""Market prices: import a sheet, read what is known, and where it came from."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from broker.access.scope import Scope
from broker.api.uploads import CSV_BODY, CsvUpload
from broker.api.wire.prices import (
    PriceHistories,
    PriceImport,
    Prices,
    PriceSourceList,
    SeriesHistoryEntry,
)
from broker.api.wiring import Caller, WiringDep, requires
from broker.flows.import_prices import import_prices
from broker.flows.list_prices import (
    MAX_AGE_DAYS,
    latest_prices,
    price_filter,
    price_levels,
    price_sources,
)
from broker.store.price_history import PriceFilter
from pricing.series import PriceKind

router = APIRouter(prefix="/v1", tags=["prices"])

Reader = Annotated[Caller, requires(Scope.PRICES_READ)]
Writer = Annotated[Caller, requires(Scope.PRICES_WRITE)]


def _wanted(
    gpu: Annotated[
        str | None, Query(max_length=120, description="a GPU, however it is spelt")
    ] = None,
    provider: Annotated[str | None, Query(max_length=120)] = None,
    kind: PriceKind | None = None,
) -> PriceFilter:
    return price_filter(gpu=gpu, provider=provider, kind=kind)


Wanted = Annotated[PriceFilter, Depends(_wanted)]
First = Annotated[date | None, Query(alias="from", description="first day")]
Last = Annotated[date | None, Query(alias="to", description="last day, included")]


@router.post("/price-imports", openapi_extra=CSV_BODY)
def import_(
    wiring: WiringDep,
    caller: Writer,
    upload: CsvUpload,
    dry_run: Annotated[bool, Query(description="say what would happen, write nothing")] = False,
) -> PriceImport:
    """Import a sheet of market prices: all of it, or nothing and every fault at once."""
    report = import_prices(
        wiring.database,
        upload.content,
        file=upload.file,
        actor=caller.actor,
        clock=wiring.clock,
        dry_run=dry_run,
    )
    return PriceImport.of(report)


@router.get("/prices")
def latest(
    wiring: WiringDep,
    _: Reader,
    wanted: Wanted,
    as_of: date | None = None,
    max_age_days: Annotated[int, Query(ge=0, le=3650)] = MAX_AGE_DAYS,
) -> Prices:
    """List the last known price of each provider, GPU model and kind as of a day."""
    found = latest_prices(
        wiring.database, wanted, as_of=as_of or wiring.today(), max_age_days=max_age_days
    )
    return Prices.of(found)


@router.get("/prices/history")
def history(
    wiring: WiringDep, _: Reader, wanted: Wanted, first: First = None, last: Last = None
) -> PriceHistories:
    """Tell how prices moved: each level with the days it was first and last seen, and the gaps."""
    found = price_levels(wiring.database, wanted, first=first, last=last)
    return PriceHistories(items=[SeriesHistoryEntry.of(one) for one in found])


@router.get("/prices/sources")
def sources(
    wiring: WiringDep,
    _: Reader,
    wanted: Wanted,
    first: First = None,
    last: Last = None,
    limit: Annotated[int, Query(ge=1, le=2000)] = 200,
) -> PriceSourceList:
    """List the raw rows that prices came from, the newest first."""
    found = price_sources(wiring.database, wanted, first=first, last=last, limit=limit)
    return PriceSourceList.of(found)
