"""What somebody asks of the offers, as a filter; refused in words where it cannot be meant."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from functools import cache
from typing import Final

from broker.errors import BadInputError
from broker.store.offers import OfferFilter
from pricing.hardware import UnknownGpuError, canonical_gpu
from pricing.offer import Terms
from providers import registry
from providers.supplier import Sharing

MOST_OFFERS: Final = 1000
USUAL_OFFERS: Final = 50
NOT_SPOT: Final = frozenset(Terms) - {Terms.SPOT}


def offer_filter(
    *,
    gpu: str | None,
    count: int | None = None,
    regions: Collection[str] = (),
    terms: Collection[Terms] = (),
    spot: bool = False,
    max_price: Decimal | None = None,
    suppliers: Collection[str] = (),
    obtainable: bool = False,
    with_confidential: bool = True,
    limit: int = USUAL_OFFERS,
) -> OfferFilter:
    """Return the filter of a question.

    `gpu` is a family (B200) or a card (H100-SXM), however spelt. `count` is the GPUs of one
    instance, exactly. Without `terms`, `spot` asks for spot only, and its absence for all but spot.
    `max_price` is US dollars per GPU-hour. Without `with_confidential`, suppliers whose terms keep
    their answers within the team that buys are left out. Raises BadInputError for a GPU that nobody knows.
    """
    model, part = _model_and_part(gpu)
    wanted = frozenset(terms) or (frozenset({Terms.SPOT}) if spot else NOT_SPOT)
    return OfferFilter(
        gpu_model=model,
        part=part,
        gpu_count=count,
        regions=frozenset(regions) or None,
        terms=wanted,
        max_usd_per_gpu_hour=max_price,
        suppliers=frozenset(suppliers) or None,
        obtainable_only=obtainable,
        not_of=None if with_confidential else confidential_suppliers(),
        limit=limit,
    )


@cache  # the registry does not change while it runs
def confidential_suppliers() -> frozenset[str]:
    """Return the suppliers whose answers stay within the team that buys."""
    return frozenset(
        each.profile.key
        for each in registry.suppliers()
        if each.profile.sharing is Sharing.CONFIDENTIAL
    )


def _model_and_part(gpu: str | None) -> tuple[str | None, str | None]:
    if gpu is None:
        return None, None
    try:
        found = canonical_gpu(gpu)
    except UnknownGpuError as unknown:
        raise BadInputError(str(unknown)) from unknown
    is_model = gpu.strip().upper() == found.model
    return found.model, None if is_model else found.part
