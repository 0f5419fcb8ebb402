"""SF Compute's orders, as far as they are ours to use: a filled buy is a block of nodes.

An order names the capacity that it fills and the zones it may fill in, not the GPU: that a person
knows. Selling back is an order too. The vendor states no balance of both here, so what was sold is
told as a warning and not taken off some block of our choosing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from pricing.holding import Holding, HoldingKind, HoldingState
from pricing.offer import GPUS_OF_A_NODE, StockUnit
from providers.offer_book import OfferBook
from providers.sfcompute_trades import KEY, node_price
from providers.shape import Amount, Shape, UtcInstant, read_page, read_rows
from providers.supplier import Page

ORDERS: Final = "orders"


class _Order(Shape):
    id: str
    capacity: str
    side: str
    zones: list[str]
    node_count: int
    start_at: UtcInstant
    end_at: UtcInstant
    status: str
    filled_price_dollars_per_node_hour: Amount | None = None


class _Orders(Shape):
    data: list[Any]


def holdings(book: OfferBook, page: Page) -> Iterator[Holding]:
    """Yield what our filled orders bought. An order that is not filled has brought nothing."""
    orders, skips = read_rows(
        _Order,
        read_page(_Orders, page, supplier=KEY).data,
        name_of=lambda row: row["id"],
        call=page.call,
        supplier=KEY,
    )
    book.skip_all(skips)
    for order in orders:
        if order.status != "filled":
            continue
        if order.side == "buy":
            yield _holding(order, page)
        else:
            book.warn(
                f"{order.id} sold back {order.node_count} x {GPUS_OF_A_NODE} GPUs of "
                f"{order.capacity} from "
                f"{order.start_at:%Y-%m-%d %H:%M} to {order.end_at:%Y-%m-%d %H:%M} UTC: less is "
                "left than its filled orders bought"
            )


def _holding(order: _Order, page: Page) -> Holding:
    price = order.filled_price_dollars_per_node_hour
    return Holding(
        supplier=KEY,
        resource_id=order.id,
        kind=HoldingKind.CAPACITY_BLOCK,
        name=order.capacity,
        region=order.zones[0] if len(order.zones) == 1 else None,  # several: any of them
        native_type=None,  # an order names a capacity, not what its nodes are
        gpu=None,
        gpus_per_unit=GPUS_OF_A_NODE,
        quantity=order.node_count,
        unit=StockUnit.NODE,
        used=None,
        start_at=order.start_at,
        end_at=order.end_at,
        state=_state(order, at=page.fetched_at),
        provider_state=order.status,
        price_per_gpu_hour=node_price(price).per_gpu if price else None,
        observed_at=page.fetched_at,
        source=page.call,
    )


def _state(order: _Order, *, at: datetime) -> HoldingState:
    if at >= order.end_at:
        return HoldingState.EXPIRED
    return HoldingState.ACTIVE if at >= order.start_at else HoldingState.SCHEDULED
