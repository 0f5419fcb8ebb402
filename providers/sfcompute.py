"""SF Compute: an order book of nodes of eight GPUs, from one hour to another.

What is free is told by SKU and window; a SKU's alias is its zone and its GPU (`sea-3-h100`). There
is no list price: the last trade of that GPU stands in (`last_fill`), wherever and for whenever it
was. Orders are ours: a filled one is a block of nodes. Quotes take minutes and are not asked here.
The market's calls are a preview of the vendor's and may change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from pricing.holding import Holding
from pricing.offer import (
    GPUS_OF_A_NODE,
    PriceUnit,
    Stock,
    StockState,
    StockUnit,
    Terms,
    Window,
)
from providers.access import Access
from providers.errors import ErrorKind
from providers.http import Answered, Query, Web
from providers.offer_book import Asked, Machine, OfferBook
from providers.paging import by_cursor, gathered, joined, softened
from providers.sfcompute_orders import ORDERS, holdings
from providers.sfcompute_trades import KEY, Trade, last_trade, trades
from providers.shape import Shape, UtcInstant, read_as, read_page, read_rows
from providers.supplier import (
    Answer,
    Ask,
    Capability,
    Fetched,
    GoldenPrice,
    Page,
    Paging,
    Profile,
    Skip,
    SkipReason,
)

API_KEY: Final = "TONNAGE_SFCOMPUTE_API_KEY"
FREE: Final = "instance_skus/availability"
FILLS: Final = "orderbook/fills "  # and the GPU that was asked for, which the answer does not name
PAGE_SIZE: Final = 200
TRADES_OF: Final = timedelta(days=7)
"""An older trade says too little of today's price."""

PROFILE: Final = Profile(
    key=KEY,
    name="SF Compute",
    hosts=("api.sfcompute.com",),
    url="https://api.sfcompute.com",
    units=(PriceUnit.NODE_OF_8,),
    golden=(
        GoldenPrice(
            raw=Decimal("16.320000"),
            unit=PriceUnit.NODE_OF_8,
            gpu_count=8,
            per_gpu_hour=Decimal("2.04"),
        ),
    ),
    capabilities=frozenset({Capability.OFFERS, Capability.STOCK, Capability.HOLDINGS}),
    secrets=(API_KEY,),
    permissions={
        Capability.OFFERS: ("a token of the account",),
        Capability.STOCK: ("a token of the account",),
        Capability.HOLDINGS: ("a token of the account",),
    },
    paging=Paging.CURSOR,
    licence="SF Compute terms of service; market data is shown to account holders",
)

_KIND_OF: Final = {
    "unauthorized": ErrorKind.AUTH,
    "forbidden": ErrorKind.PERMISSION,
    "payment_required": ErrorKind.BILLING,
    "unprocessable_entity": ErrorKind.INVALID_REQUEST,
    "not_found": ErrorKind.NOT_FOUND,
    "conflict": ErrorKind.CONFLICT,
    "internal_server_error": ErrorKind.TRANSIENT,
}


class _Sku(Shape):
    alias: str


class _Period(Shape):
    start_at: UtcInstant
    end_at: UtcInstant
    node_count: int


class _Free(Shape):
    instance_sku: _Sku
    schedule: list[_Period]


class _List(Shape):
    data: list[Any]
    has_more: bool = False
    cursor: str | None = None


class SfCompute:
    """The San Francisco Compute Company's market."""

    profile = PROFILE

    def missing(self, access: Access) -> tuple[str, ...]:
        """Return the token if it is not set: nothing here is public."""
        return () if access.has(API_KEY) else (API_KEY,)

    def fetch(self, ask: Ask, access: Access) -> Fetched:
        """Ask what is free, how it traded, and for our orders.

        Without trades or orders the answer is partial: what is free is told without a price.
        """
        headers = {"Authorization": f"Bearer {access.value(API_KEY)}"}
        with Web(profile=PROFILE, access=access, classify=classify, headers=headers) as web:
            parts: list[Fetched] = []
            if Capability.OFFERS in ask.wanted:
                parts += self._market(web, until=access.now())
            if Capability.HOLDINGS in ask.wanted:
                orders = gathered(
                    _listed(web, "/v2/orders", ORDERS, {"limit": PAGE_SIZE}), region=None
                )
                parts.append(softened(orders) if parts else orders)
            return joined(*parts)

    def _market(self, web: Web, *, until: datetime) -> Iterator[Fetched]:
        free = gathered(_listed(web, f"/preview/v2/{FREE}", FREE, {}), region=None)
        yield free
        skus = [row.instance_sku.alias for page in free.pages for row in _read_free(page)[0]]
        for gpu in sorted({_gpu_of(alias) for alias in skus}):
            query: Query = {
                "requirements": f"gpu_type:{gpu}",
                "start_at": int((until - TRADES_OF).timestamp()),
                "end_at": int(until.timestamp()),
            }
            fills = _listed(web, "/preview/v2/orderbook/fills", FILLS + gpu, query)
            yield softened(gathered(fills, region=None))

    def parse(self, pages: Sequence[Page]) -> Answer:
        """Return an offer for each SKU and window that is free, and a holding a filled order."""
        book = OfferBook(profile=PROFILE)
        prices = _last_trades(pages)
        orders: dict[str, Holding] = {}
        for page in pages:
            if page.call == FREE:
                _add_free(book, page, prices)
            elif page.call == ORDERS:
                orders |= {holding.resource_id: holding for holding in holdings(book, page)}
        return book.answer(holdings=tuple(orders[order] for order in sorted(orders)))


def _listed(web: Web, path: str, call: str, query: Query) -> Iterator[Page]:
    def ask(cursor: str | None) -> Answered:
        after = {"starting_after": cursor} if cursor else {}
        return web.get(path, call=call, query={**query, **after})

    def following(answered: Answered) -> str | None:
        listed = read_as(_List, answered.content, call=call, supplier=KEY)
        return listed.cursor if listed.has_more else None

    return by_cursor(ask, following, supplier=KEY)


def _gpu_of(alias: str) -> str:
    return alias.rpartition("-")[2]


def _read_free(page: Page) -> tuple[list[_Free], list[Skip]]:
    return read_rows(
        _Free,
        read_page(_List, page, supplier=KEY).data,
        name_of=lambda row: row["instance_sku"]["alias"],
        call=page.call,
        supplier=KEY,
    )


def _last_trades(pages: Sequence[Page]) -> dict[str, Trade]:
    """Return the last trade of each GPU that was traded."""
    made: dict[str, tuple[Trade, ...]] = {}
    for page in pages:
        if page.call.startswith(FILLS):
            gpu = page.call.removeprefix(FILLS)
            made[gpu] = made.get(gpu, ()) + trades(page)
    lasts = {gpu: last_trade(of_gpu) for gpu, of_gpu in made.items()}
    return {gpu: last for gpu, last in lasts.items() if last is not None}


def _add_free(book: OfferBook, page: Page, prices: Mapping[str, Trade]) -> None:
    rows, skips = _read_free(page)
    book.skip_all(skips)
    for row in rows:
        for period in row.schedule:
            _add(book, row.instance_sku.alias, period, prices, page=page)


def _add(
    book: OfferBook, alias: str, period: _Period, prices: Mapping[str, Trade], *, page: Page
) -> None:
    if period.end_at <= period.start_at or period.node_count < 0:
        book.skip(alias, SkipReason.MALFORMED, "a window that ends before it starts, or no count")
        return
    zone, _, gpu = alias.rpartition("-")
    last = prices.get(gpu)
    book.add(
        alias,
        Machine(gpu=gpu, count=GPUS_OF_A_NODE),
        Asked(
            amount=last.per_node.amount if last else None,
            unit=PriceUnit.NODE_OF_8,
            kind="last_fill" if last else None,
        ),
        page=page,
        region=zone or None,
        terms=Terms.AUCTION,
        stock=Stock(
            state=StockState.IN_STOCK if period.node_count else StockState.OUT_OF_STOCK,
            count=period.node_count,
            count_unit=StockUnit.NODE,
        ),
        window=Window(start=period.start_at, end=period.end_at),
        flags=() if last else ("no_recent_fill",),
        unpriced_is_offer=True,  # nodes that nobody traded of late are still nodes for sale
    )


def classify(_status: int, content: Any) -> tuple[ErrorKind | None, str | None]:
    """Decide by SF Compute's type of error."""
    error = content.get("error") if isinstance(content, dict) else None
    code = error.get("type") if isinstance(error, dict) else None
    return (_KIND_OF.get(code), code) if isinstance(code, str) else (None, None)


SUPPLIER: Final = SfCompute()
