"""Offers on the market as pools of a plan: those whose price and number of GPUs are known."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final

from broker.placement.snapshot import Pool, PoolKind
from broker.store.offers import OBTAINABLE, FoundOffer, OfferFilter
from pricing.offer import GPUS_OF_A_NODE, StockUnit, Terms

ASSUMED_AVAILABILITY: Final = 0.99
"""Of GPUs whose supplier promises none. Not 1: silence must not beat a promise of 0.999."""

_ALL: Final = 1_000_000
_KINDS: Final = {
    Terms.ON_DEMAND: PoolKind.ON_DEMAND,
    Terms.SPOT: PoolKind.SPOT,
    Terms.CAPACITY_BLOCK: PoolKind.RESERVED,
}
"""What can be had now, by the hour. Terms of months are what procurement is for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """What is on record and in no pool, and why."""

    supplier: str
    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Under which names suppliers and regions stand in a snapshot."""

    provider_of: Callable[[str], str]
    node_of: Callable[[str | None], str]


def wanted_offers(*, not_of: Collection[str]) -> OfferFilter:
    """Return the filter of the offers that a plan may buy from, without those of some suppliers."""
    return OfferFilter(terms=frozenset(_KINDS), not_of=frozenset(not_of) or None, limit=_ALL)


def offered_pools(
    offers: Iterable[FoundOffer], places: Places, *, gpu_models: Collection[str]
) -> tuple[list[Pool], list[LeftOut]]:
    """Return the pools of offers of these GPU models, and what was left out.

    Of several shapes of one GPU at one place and on the same terms the one with the most GPUs is
    taken, the cheapest of equals: their stock is the same machines.
    """
    best: dict[tuple[object, ...], Pool] = {}
    left_out = []
    for offer in offers:
        if offer.gpu_model not in gpu_models:
            continue
        why = _missing(offer)
        if why is not None:
            left_out.append(LeftOut(supplier=offer.supplier, name=offer.native_id, why=why))
            continue
        pool = _pool(offer, places)
        place = (
            *(offer.supplier, offer.region, offer.zone, offer.gpu_model),
            *(offer.terms, offer.offer_class, offer.window_start, offer.window_end),
        )
        if place not in best or _rank(pool) < _rank(best[place]):
            best[place] = pool
    return list(best.values()), left_out


def _missing(offer: FoundOffer) -> str | None:
    """Return what keeps an offer from being a pool, or None."""
    if not offer.is_listed or offer.stock_state not in OBTAINABLE:
        return "left out: not known to be in stock"
    if offer.stock_count is None:
        return "left out: nobody says how many GPUs there are"
    if offer.usd_per_gpu_hour is None:
        return "left out: no price in US dollars"
    if _gpus(offer) < _step(offer):
        return "left out: fewer GPUs than are sold at once"
    return None


def _pool(offer: FoundOffer, places: Places) -> Pool:
    kind, step = _KINDS[offer.terms], _step(offer)
    where = "/".join(filter(None, (offer.region, offer.zone))) or "anywhere"
    if offer.usd_per_gpu_hour is None:
        raise ValueError("an offer without a price is left out before")
    return Pool(
        pool=f"{offer.supplier}/{where}/{offer.gpu_model}/{kind}/{offer.id[-12:]}",
        provider=places.provider_of(offer.supplier),
        node=places.node_of(offer.region),
        region=offer.region or "anywhere",
        gpu_model=offer.gpu_model,
        kind=kind,
        capacity_gpus=_gpus(offer) // step * step,
        step_gpus=step,
        price_per_gpu_hour=offer.usd_per_gpu_hour,
        availability=ASSUMED_AVAILABILITY,
        starts_at=offer.window_start,
        ends_at=offer.window_end,
    )


def _gpus(offer: FoundOffer) -> int:
    """Return how many GPUs the supplier says there are, or at least are."""
    count = offer.stock_count or 0
    match offer.stock_unit:
        case StockUnit.INSTANCE:
            return count * offer.gpu_count
        case StockUnit.NODE:
            return count * max(offer.gpu_count, GPUS_OF_A_NODE)
        case _:
            return count


def _step(offer: FoundOffer) -> int:
    """Return how many GPUs are bought at once: whole instances, as many as are sold together."""
    return offer.gpu_count * max(offer.min_units, offer.unit_step)


def _rank(pool: Pool) -> tuple[object, ...]:
    return (-pool.capacity_gpus, pool.price_per_gpu_hour, pool.step_gpus, pool.pool)
