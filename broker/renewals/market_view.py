"""The market as a brief shows it: a benchmark, what it rests on, where the offer stands in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from broker.contracts.supplier import Supplier
from broker.renewals import shown
from pricing.market import (
    MINIMUM_SUPPLIERS,
    Benchmark,
    NoBenchmark,
    Observation,
    standing,
)
from pricing.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One supplier's price behind a benchmark."""

    supplier: str
    price_per_gpu_hour: Money
    observed_on: date
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketView:
    """A benchmark per GPU-hour; without enough suppliers only `n` and `needed` are told."""

    source: str
    gpu_model: str
    tenor: str
    form_factor: str | None
    region_group: str | None
    tier: str | None
    n: int
    needed: int
    median: Money | None
    mad: Money | None
    q1: Money | None
    q3: Money | None
    widened: tuple[str, ...]
    standing: str | None  # of the offer, or of today's price while there is no offer
    members: tuple[Member, ...]
    dropped: tuple[Member, ...]


def market_view(
    found: Benchmark | NoBenchmark, *, price: Money | None, suppliers: Mapping[str, Supplier]
) -> MarketView:
    """Return a benchmark, and where a price stands in it."""
    key = found.key
    known = found if isinstance(found, Benchmark) else None
    if isinstance(found, Benchmark):
        n, widened = found.n, found.widened
    else:
        n, widened = found.found, found.tried[-1].widened
    return MarketView(
        source=key.source.value,
        gpu_model=key.gpu_model,
        tenor=key.tenor.value,
        form_factor=key.form_factor,
        region_group=key.region_group,
        tier=key.tier,
        n=n,
        needed=MINIMUM_SUPPLIERS,
        median=shown.price(known.median) if known else None,
        mad=shown.price(known.mad) if known else None,
        q1=shown.price(known.q1) if known else None,
        q3=shown.price(known.q3) if known else None,
        widened=tuple(each.value for each in widened),
        standing=str(standing(price, known)) if known and price is not None else None,
        members=tuple(_member(each, suppliers) for each in known.members) if known else (),
        dropped=tuple(_member(each, suppliers) for each in known.dropped) if known else (),
    )


def supplier_name(key: str, suppliers: Mapping[str, Supplier]) -> str:
    """Return the name of a supplier, or the key where the books do not know them."""
    known = suppliers.get(key)
    return known.legal_name if known is not None else key


def _member(seen: Observation, suppliers: Mapping[str, Supplier]) -> Member:
    return Member(
        supplier=supplier_name(seen.supplier, suppliers),
        price_per_gpu_hour=shown.price(seen.price_per_gpu_hour),
        observed_on=seen.observed_on,
        reference=seen.reference,
    )
