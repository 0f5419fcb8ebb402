"""Our reservations as Crusoe states them: price, dates, and the day that they were delivered.

No state is stated; it follows from the dates at the time of asking. What has begun by contract and
is not delivered by its deadline is late, and that can be measured. Quantities are GPUs; that has
to be confirmed on the first contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pricing.holding import Holding, HoldingKind, HoldingState
from pricing.money import USD, Money
from pricing.offer import StockUnit
from providers.offer_book import OfferBook
from providers.shape import Amount, Shape, UtcInstant, read_page
from providers.supplier import Page

RESERVATIONS: Final = "reservations"


class Reservation(Shape):
    """One reservation as it comes."""

    id: str
    product_line: str
    reservation_type: str
    locations: list[str]
    quantity: int
    used_quantity: int | None = None
    price: Amount | None = None
    contract_start_date: UtcInstant | None = None
    contract_end_date: UtcInstant | None = None
    delivery_deadline: UtcInstant | None = None
    date_delivered: UtcInstant | None = None


class Reservations(Shape):
    """The list of them."""

    items: list[Reservation]


def holdings_of(pages: Sequence[Page], *, book: OfferBook) -> tuple[Holding, ...]:
    """Return a holding for each reservation, in the order of their ids."""
    key = book.profile.key
    found = {
        row.id: _holding(row, book=book, page=page)
        for page in pages
        if page.call == RESERVATIONS
        for row in read_page(Reservations, page, supplier=key).items
    }
    return tuple(found[name] for name in sorted(found))


def _holding(row: Reservation, *, book: OfferBook, page: Page) -> Holding:
    price = row.price if row.price and row.price > 0 else None
    return Holding(
        supplier=book.profile.key,
        resource_id=row.id,
        kind=HoldingKind.RESERVATION,
        region=row.locations[0] if len(row.locations) == 1 else None,
        native_type=row.product_line,
        gpu=book.gpu(f"reservation {row.id}", row.product_line),
        gpus_per_unit=1,
        quantity=row.quantity,
        unit=StockUnit.GPU,
        used=_used(row),
        start_at=row.contract_start_date,
        end_at=row.contract_end_date,
        state=_state(row, page.fetched_at),
        provider_state=row.reservation_type,
        delivered_at=row.date_delivered,
        price_per_gpu_hour=None if price is None else Money(price, USD),
        observed_at=page.fetched_at,
        source=page.call,
    )


def _used(row: Reservation) -> int | None:
    used = row.used_quantity
    return None if used is None or not 0 <= used <= row.quantity else used


def _state(row: Reservation, at: datetime) -> HoldingState:
    start, end, deadline = row.contract_start_date, row.contract_end_date, row.delivery_deadline
    if end is not None and end <= at:
        return HoldingState.EXPIRED
    if row.date_delivered is not None and row.date_delivered <= at:
        return HoldingState.ACTIVE
    if start is None:
        return HoldingState.UNKNOWN
    due = deadline or start
    return HoldingState.DELAYED if due <= at else HoldingState.SCHEDULED
