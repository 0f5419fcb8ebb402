"""Our contracts as Hyperstack's price book states them: GPUs set aside at a discount.

A discount is an amount off the rate per GPU-hour or a percentage of it. What is stated is the
discount, not the price, and the price book's own rate may or may not hold it already: where that
cannot be told, the price is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from pricing.holding import Holding, HoldingKind, HoldingState
from pricing.money import USD, Money
from pricing.offer import StockUnit
from providers.offer_book import OfferBook
from providers.shape import Amount, Shape, UtcInstant, read_as, read_page
from providers.supplier import Page

CONTRACTS: Final = "pricebook-contracts"
PER_PAGE: Final = 50

_STATE_OF: Final = {
    "ACTIVE": HoldingState.ACTIVE,
    "PENDING": HoldingState.SCHEDULED,
    "SCHEDULED": HoldingState.SCHEDULED,
    "EXPIRED": HoldingState.EXPIRED,
    "CANCELLED": HoldingState.CANCELLED,
    "CANCELED": HoldingState.CANCELLED,
    "TERMINATED": HoldingState.CANCELLED,
}

Rates = Mapping[str, tuple[Decimal, Decimal]]
"""GPU's name → (our rate, the list rate), per GPU-hour."""


class _Discount(Shape):
    id: int
    resource_name: str
    resource_count: int
    remaining_count: int | None = None
    discount_amount: Amount | None = None
    discount_percent: Amount | None = None


class _Contract(Shape):
    id: int
    status: str
    description: str | None = None
    start_date: UtcInstant | None
    end_date: UtcInstant | None
    discounts: list[_Discount]


class _Contracts(Shape):
    count: int
    contracts: list[_Contract]


def rows_and_count(content: Any, *, supplier: str) -> tuple[int, int]:
    """Return how many contracts a page holds, and the count that it states."""
    page = read_as(_Contracts, content, call=CONTRACTS, supplier=supplier)
    return len(page.contracts), page.count


def holdings_of(pages: Sequence[Page], *, book: OfferBook, rates: Rates) -> tuple[Holding, ...]:
    """Return a holding for each resource of each contract, in the order of their ids."""
    found: dict[tuple[int, int], Holding] = {}
    for page in (page for page in pages if page.call == CONTRACTS):
        for contract in read_page(_Contracts, page, supplier=book.profile.key).contracts:
            discounts = sorted(contract.discounts, key=lambda discount: discount.id)
            for place, discount in enumerate(discounts):
                # A contract of one resource is known by its own id, also when it gains others.
                resource_id = f"{contract.id}/{discount.id}" if place else str(contract.id)
                found[contract.id, place] = _holding(
                    contract, discount, resource_id=resource_id, book=book, rates=rates, page=page
                )
    return tuple(found[key] for key in sorted(found))


def _holding(
    contract: _Contract,
    discount: _Discount,
    *,
    resource_id: str,
    book: OfferBook,
    rates: Rates,
    page: Page,
) -> Holding:
    state = _STATE_OF.get(contract.status.upper(), HoldingState.UNKNOWN)
    # A discount on today's list rate says nothing of what a contract of the past has cost.
    price = _price(discount, rates.get(discount.resource_name)) if state.is_live else None
    if state.is_live and price is None:
        book.warn(
            f"contract {resource_id}: its price cannot be told from the price book; "
            "take it from the signed contract"
        )
    return Holding(
        supplier=book.profile.key,
        resource_id=resource_id,
        kind=HoldingKind.CONTRACT,
        name=contract.description,
        region=None,
        native_type=discount.resource_name,
        gpu=book.gpu(f"contract {resource_id}", discount.resource_name),
        gpus_per_unit=1,
        quantity=discount.resource_count,
        unit=StockUnit.GPU,
        used=_used(discount),
        start_at=contract.start_date,
        end_at=contract.end_date,
        state=state,
        provider_state=contract.status,
        price_per_gpu_hour=None if price is None else Money(price, USD),
        observed_at=page.fetched_at,
        source=page.call,
    )


def _used(discount: _Discount) -> int | None:
    left = discount.remaining_count
    if left is None or not 0 <= left <= discount.resource_count:
        return None
    return discount.resource_count - left


def _price(discount: _Discount, rates: tuple[Decimal, Decimal] | None) -> Decimal | None:
    """Return the price per GPU-hour, or None where the discount or its basis is not clear.

    List rate less the amount, or list rate x (1 - percent / 100). A rate of ours that is neither
    the list rate nor this price has another discount in it, and nobody says which comes first.
    """
    amount, percent = discount.discount_amount or 0, discount.discount_percent or 0
    if rates is None or (amount and percent):
        return None
    own, listed = rates
    price = listed - amount if amount else listed * (100 - percent) / 100
    return price if price > 0 and own in (listed, price) else None
