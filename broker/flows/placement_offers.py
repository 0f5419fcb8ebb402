"""Offers on the market as pools of a plan: those whose price and number of GPUs are known."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from broker.placement.snapshot import Pool, PoolKind
from broker.store.offers import OBTAINABLE, FoundOffer, OfferFilter
from pricing.offer import GPUS_OF_A_NODE, StockUnit, Terms

ASSUMED_AVAILABILITY: Final = 0.99
"""Of GPUs whose supplier states none. Not 1: who says nothing must not beat who promises 0.999."""

ALL: Final = 1_000_000

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


def wanted_offers(*, not_of: Collection[str]) -> OfferFilter:
    """Return the filter of offers that a plan may buy from."""
    return OfferFilter(terms=frozenset(_KINDS), not_of=frozenset(not_of) or None, limit=ALL)


def offered_pools(
    offers: Iterable[FoundOffer], *, gpu_models: Collection[str], node_of: NodeOf
) -> tuple[tuple[Pool, ...], tuple[LeftOut, ...]]:
    """Return the pools of offers of these GPU models, and what was left out.

    Of several shapes of one GPU at one place and on the same terms the one with the most GPUs is
    taken: their stock is the same machines.
    """
    best: dict[tuple[str | None, ...], Pool] = {}
    left_out = []
    for offer in offers:
        if offer.gpu_model not in gpu_models:
            continue
        why = _missing(offer)
        if why is not None:
            left_out.append(LeftOut(supplier=offer.supplier, name=offer.native_id, why=why))
            continue
        pool = _pool(offer, node_of)
        place = (
            pool.provider, offer.region, offer.zone, offer.gpu_model, offer.terms, offer.offer_class,
            None if pool.starts_at is None else pool.starts_at.isoformat(),
        )  # fmt: skip
        known = best.get(place)
        if known is None or _rank(pool) < _rank(known):
            best[place] = pool
    return tuple(best.values()), tuple(left_out)


class NodeOf:
    """Which node of the tree and which provider a supplier's offer belongs to."""
