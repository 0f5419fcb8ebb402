"""Offers: what the market has of a GPU, the cheapest first, and what we own beside it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Path, Query

from broker.access.scope import Scope
from broker.api.wire.offers import OfferChanges, OfferList
from broker.api.wiring import Caller, WiringDep, requires
from broker.flows.list_offers import list_offers, offer_past
from broker.flows.offer_query import MOST_OFFERS, USUAL_OFFERS, offer_filter
from pricing.offer import Terms

router = APIRouter(prefix="/v1", tags=["offers"])

Reader = Annotated[Caller, requires(Scope.PRICES_READ)]
Name = Annotated[str, Query(max_length=100)]


@router.get("/offers")
def offers(
    wiring: WiringDep,
    caller: Reader,
    gpu: Annotated[str | None, Query(max_length=120, description="however it is spelt")] = None,
    count: Annotated[int | None, Query(ge=1, le=10_000, description="GPUs of one instance")] = None,
    region: Annotated[list[Name] | None, Query(max_length=50)] = None,
    terms: Annotated[list[Terms] | None, Query(max_length=10)] = None,
    spot: Annotated[bool, Query(description="spot only; without it all but spot")] = False,
    max_price: Annotated[
        Decimal | None,
        Query(gt=0, lt=1_000_000, decimal_places=6, description="US dollars per GPU-hour"),
    ] = None,
    supplier: Annotated[list[Name] | None, Query(max_length=50)] = None,
    obtainable: Annotated[bool, Query(description="only what is known to be in stock")] = False,
    limit: Annotated[int, Query(ge=1, le=MOST_OFFERS)] = USUAL_OFFERS,
) -> OfferList:
    """List offers, the cheapest GPU-hour first, and what we own of the GPU beside them."""
    wanted = offer_filter(
        gpu=gpu,
        count=count,
        regions=region or (),
        terms=terms or (),
        spot=spot,
        max_price=max_price,
        suppliers=supplier or (),
        obtainable=obtainable,
        limit=limit,
        with_confidential=Scope.PRICES_WRITE in caller.scopes,
    )
    view = list_offers(wiring.database, wanted, clock=wiring.clock)
    return OfferList.of(view, with_prices=Scope.CONTRACTS_READ in caller.scopes)


@router.get("/offers/{offer_id}/changes")
def changes(
    wiring: WiringDep, _: Reader, offer_id: Annotated[str, Path(max_length=100)]
) -> OfferChanges:
    """Tell what became of an offer: each change of price, of stock, its coming and going."""
    return OfferChanges.of(offer_id, offer_past(wiring.database, offer_id))
