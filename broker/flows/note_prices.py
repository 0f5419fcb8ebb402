"""Picks out of a poll the prices that belong in the history of list prices.

On demand and spot, with what a sold-out product would cost: it is still priced. A term, a block of
dates or an auction is another market, and what a contract of our own says is no list price.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC
from decimal import Decimal
from operator import attrgetter

from broker.flows.sift_reading import Sifted, usd_per_gpu_hour
from broker.store.price_polls import SeenPrices, SeenProduct
from pricing.offer import Offer, OfferClass, Terms
from pricing.series import PriceKind
from providers.reading import Reading

NOT_LISTED = ("contract", "auction", "last_fill", "bid", "ask")
"""How the names of prices begin that are ours alone, or of one trade."""

_LIKENESS = attrgetter(
    "gpu.model",
    "gpu.part",
    "gpu.memory_gb",
    "gpu_as_quoted",
    "gpu_count",
    "terms",
    "offer_class",
    "price_kind",
    "price.per_instance.amount",
    "price.per_instance.currency",
)


def seen_prices(reading: Reading, sifted: Sifted, regions: Iterable[str]) -> SeenPrices:
    """Return the list prices of some places, by product."""
    offers = (offer for region in regions for offer in sifted.of(region).offers if offer.price)
    # Most offers are like another one in another place: each likeness is looked at once.
    prices: dict[SeenProduct, set[Decimal]] = defaultdict(set)
    for offer in {_LIKENESS(offer): offer for offer in offers}.values():
        kind, price = _kind(offer), usd_per_gpu_hour(offer, sifted.rates)
        if kind is not None and price is not None:
            product = SeenProduct(gpu=offer.gpu, gpu_as_quoted=offer.gpu_as_quoted, kind=kind)
            prices[product].add(price)
    return SeenPrices(
        supplier=reading.supplier,
        on=reading.finished_at.astimezone(UTC).date(),
        at=reading.finished_at,
        digest=hashlib.sha256("".join(sorted(sifted.digests.values())).encode()).hexdigest(),
        prices={product: frozenset(of_product) for product, of_product in prices.items()},
    )


def _kind(offer: Offer) -> PriceKind | None:
    """Return the kind of list price that an offer's is, or None if it is no list price."""
    if offer.price_kind is not None and offer.price_kind.startswith(NOT_LISTED):
        return None
    if offer.terms is Terms.SPOT:
        return PriceKind.SPOT
    if offer.terms is not Terms.ON_DEMAND:
        return None
    if offer.offer_class is OfferClass.SECURE:
        return PriceKind.SECURE
    return PriceKind.COMMUNITY if offer.offer_class is OfferClass.COMMUNITY else PriceKind.ON_DEMAND
