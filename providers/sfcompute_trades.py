"""What SF Compute's order book says of prices: trades that were made, and quotes for a block.

A trade is dollars per node-hour, a node of eight GPUs. A quote is whole US cents for the block: all
its nodes, for all its hours. A quote may take minutes to answer, so it is no part of a poll: whoever
asks for one reads the answer here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from pricing.money import Money
from pricing.offer import GPUS_OF_A_NODE, PriceUnit, QuotedPrice, Window
from providers.errors import AnswerChanged
from providers.shape import Amount, Shape, UtcInstant, read_as, read_page
from providers.supplier import Page

KEY: Final = "sfcompute"

_HOUR: Final = timedelta(hours=1)
_CENTS_PER_DOLLAR: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """Nodes that changed hands, and for how much."""

    filled_at: datetime
    nodes: int
    per_node: QuotedPrice

    @property
    def price_per_gpu_hour(self) -> Money:
        """Return the price per GPU-hour."""
        return self.per_node.per_gpu


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockQuote:
    """What sellers ask for a block of nodes, from one instant to another, all of it."""

    instance_type: str
    nodes: int
    window: Window
    price: Money  # of the whole block

    @property
    def price_per_gpu_hour(self) -> Money:
        """Return the price per GPU-hour: block / (nodes x 8 GPUs x hours)."""
        length = self.window.end - self.window.start
        hours = Decimal(length // timedelta(seconds=1)) / Decimal(_HOUR // timedelta(seconds=1))
        return (self.price / (self.nodes * GPUS_OF_A_NODE * hours)).rounded(6)


class _Fill(Shape):
    dollars_per_node_hour: Amount
    node_count: int
    filled_at: UtcInstant


class _Fills(Shape):
    data: list[_Fill]


class _Quote(Shape):
    price: Amount  # cents
    quantity: int  # nodes
    start_at: UtcInstant
    end_at: UtcInstant
    instance_type: str


class _Answered(Shape):
    quote: dict[str, Any] | None


def trades(page: Page) -> tuple[Trade, ...]:
    """Return the trades of a page, the latest last; one without a price says nothing."""
    fills = read_page(_Fills, page, supplier=KEY).data
    made = [
        Trade(filled_at=fill.filled_at, nodes=fill.node_count, per_node=node_price(price))
        for fill in fills
        if (price := fill.dollars_per_node_hour) > 0
    ]
    return tuple(sorted(made, key=_latest_last))


def last_trade(made: tuple[Trade, ...]) -> Trade | None:
    """Return the latest trade, the dearest of several at one instant; None if there is none."""
    return max(made, key=_latest_last, default=None)


def node_price(dollars_per_hour: Decimal) -> QuotedPrice:
    """Return the price of a node-hour."""
    return QuotedPrice.of(dollars_per_hour, PriceUnit.NODE_OF_8, gpu_count=GPUS_OF_A_NODE)


def block_quote(page: Page) -> BlockQuote | None:
    """Return what is asked for a block, or None: nobody sells one. Raises AnswerChanged."""
    answered = read_page(_Answered, page, supplier=KEY).quote
    if answered is None:
        return None
    quote = read_as(_Quote, answered, call=page.call, supplier=KEY)
    if quote.price <= 0 or quote.quantity < 1 or quote.end_at <= quote.start_at:
        raise AnswerChanged(
            f"{page.call}: a quote for nothing, for no time or at no price", supplier=KEY
        )
    return BlockQuote(
        instance_type=quote.instance_type,
        nodes=quote.quantity,
        window=Window(start=quote.start_at, end=quote.end_at),
        price=Money(quote.price / _CENTS_PER_DOLLAR),
    )


def _latest_last(trade: Trade) -> tuple[datetime, Decimal, int]:
    return trade.filled_at, trade.per_node.amount, trade.nodes
