"""Hyperstack (NexGen Cloud): sizes, stock and prices in three lists, joined by the GPU's name.

Prices are per GPU-hour; the vCPU and memory rows are 0 with a GPU and not added. `value` is what
this account pays, `original_value` the list rate: offers bear the list rate, and where ours is
another it is an offer of its own. A rate may be published before it starts. The counts of the
configurations draw on the same machines: the one of an offer's size counts, they never add up.
Stock says nothing of spot sizes; theirs is a yes or no of the size. Contracts name no region.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final

from pydantic import Field

from pricing.offer import PriceUnit, Stock, StockState, StockUnit, Terms
from providers.access import Access
from providers.errors import ErrorKind
from providers.http import Answered, Web
from providers.hyperstack_contracts import CONTRACTS, PER_PAGE, holdings_of, rows_and_count
from providers.offer_book import Asked, Machine, OfferBook
from providers.paging import by_number, gathered, joined, only, softened
from providers.shape import Amount, Shape, UtcInstant, read_page, read_rows
from providers.supplier import (
    Answer,
    Ask,
    Capability,
    Fetched,
    GoldenPrice,
    Page,
    Paging,
    Profile,
)

KEY: Final = "hyperstack"
API_KEY: Final = "TONNAGE_HYPERSTACK_API_KEY"
FLAVOURS: Final = "flavors"
STOCKS: Final = "stocks"
PRICES: Final = "pricebook"
SPOT_SUFFIX: Final = "-spot"

PROFILE: Final = Profile(
    key=KEY,
    name="Hyperstack",
    hosts=("infrahub-api.nexgencloud.com",),
    url="https://infrahub-api.nexgencloud.com/v1",
    units=(PriceUnit.GPU,),
    golden=(
        GoldenPrice(
            raw=Decimal("3.20"),
            unit=PriceUnit.GPU,
            gpu_count=8,
            per_gpu_hour=Decimal("3.20"),
        ),
    ),
    capabilities=frozenset({Capability.OFFERS, Capability.STOCK, Capability.HOLDINGS}),
    secrets=(API_KEY,),
    permissions={
        Capability.OFFERS: ("a role that may list flavors and the price book",),
        Capability.STOCK: ("a role that may list flavors, stocks and the price book",),
        Capability.HOLDINGS: ("a role that may list contracts and the price book",),
    },
    paging=Paging.PAGE_NUMBER,
    licence="Hyperstack terms of service; answers are for the account's own use",
)

_KIND_OF: Final = {
    "invalid_credentials": ErrorKind.AUTH,
    "not_enough_stock": ErrorKind.CAPACITY_UNAVAILABLE,
}


class _Flavour(Shape):
    name: str
    region_name: str
    cpu: int
    ram: Amount
    gpu: str
    gpu_count: int
    stock_available: bool


class _Group(Shape):
    flavors: list[Any]


class _Flavours(Shape):
    data: list[_Group]


class _Model(Shape):
    model: str
    available: str
    in_7_days: str | None = Field(default=None, alias="planned_7_days")
    in_30_days: str | None = Field(default=None, alias="planned_30_days")
    in_100_days: str | None = Field(default=None, alias="planned_100_days")
    configurations: dict[str, int]

    @property
    def raw(self) -> str:
        """Return the supplier's own words, "10+" and all."""
        planned = {7: self.in_7_days, 30: self.in_30_days, 100: self.in_100_days}
        told = [f"within {days} days {word}" for days, word in planned.items() if word]
        return "; ".join([f"available {self.available}", *told])


class _Place(Shape):
    region: str
    models: list[_Model]


class _Stocks(Shape):
    stocks: list[_Place]


class _Rate(Shape):
    name: str
    value: Amount
    original_value: Amount | None = None
    start_time: UtcInstant | None = None
    end_time: UtcInstant | None = None

    @property
    def listed(self) -> Decimal:
        """Return the list rate."""
        return self.original_value or self.value

    def is_in_force(self, at: datetime) -> bool:
        """Say whether the rate has started and not ended."""
        started = self.start_time is None or self.start_time <= at
        return started and (self.end_time is None or at < self.end_time)


_Stock = Mapping[tuple[str, str], _Model]
"""(region, GPU's name) → what there is. Names are those of the sizes, exactly."""


class Hyperstack:
    """Hyperstack's public cloud, and our contracts there."""

    profile = PROFILE

    def missing(self, access: Access) -> tuple[str, ...]:
        """Return the key if it is not set: nothing here is public."""
        return () if access.has(API_KEY) else (API_KEY,)

    def fetch(self, ask: Ask, access: Access) -> Fetched:
        """Ask for the prices, and for the lists of what is wanted; none means much without."""
        if not ask.wanted & PROFILE.capabilities:
            return Fetched(pages=(), places=())
        headers = {"api_key": access.value(API_KEY) or ""}
        with Web(profile=PROFILE, access=access, classify=classify, headers=headers) as web:
            prices = gathered(only(partial(web.get, "/pricebook", call=PRICES)), region=None)
            if not prices.pages:
                return prices
            return joined(prices, *_wanted(web, ask))

    def parse(self, pages: Sequence[Page]) -> Answer:
        """Return an offer for each size and region, at the list rate and at ours if it differs."""
        book = OfferBook(profile=PROFILE)
        rates, stock = _rates(book, pages), _stock(pages)
        for page in pages:
            if page.call != FLAVOURS:
                continue
            groups = read_page(_Flavours, page, supplier=KEY).data
            rows, skips = read_rows(
                _Flavour,
                [flavour for group in groups for flavour in group.flavors],
                name_of=lambda row: row["name"],
                call=page.call,
                supplier=KEY,
            )
            book.skip_all(skips)
            for row in rows:
                listing = _Listing(book=book, row=row, page=page)
                listing.add(rates.get(row.gpu), stock.get((row.region_name, row.gpu)))
        paid = {name: (rate.value, rate.listed) for name, rate in rates.items()}
        holdings = holdings_of(pages, book=book, rates=paid)
        return book.answer(holdings=holdings)


def _wanted(web: Web, ask: Ask) -> Iterator[Fetched]:
    if ask.wanted & {Capability.OFFERS, Capability.STOCK}:
        yield gathered(only(partial(web.get, "/core/flavors", call=FLAVOURS)), region=None)
    if Capability.STOCK in ask.wanted:
        ask_for_stock = partial(web.get, "/core/stocks", call=STOCKS)
        yield softened(gathered(only(ask_for_stock, reading=_places), region=None))
    if Capability.HOLDINGS in ask.wanted:
        yield softened(gathered(_contracts(web), region=None))


def _contracts(web: Web) -> Iterator[Page]:
    """Yield the pages of contracts to a short one; `count` may be of the page or of them all."""

    def ask(number: int) -> Answered:
        query = {"page": number, "per_page": PER_PAGE}
        answered = web.get("/pricebook/contracts", call=CONTRACTS, query=query)
        rows_and_count(answered.content, supplier=KEY)  # unreadable: no offer is to suffer for it
        return answered

    def total(content: Any) -> int | None:
        rows, count = rows_and_count(content, supplier=KEY)
        return None if rows >= PER_PAGE else count

    return by_number(
        ask,
        lambda content: rows_and_count(content, supplier=KEY)[0],
        page_size=PER_PAGE,
        total_of=total,
        supplier=KEY,
    )


def _rates(book: OfferBook, pages: Sequence[Page]) -> dict[str, _Rate]:
    """Return the rate in force of each name: of several, the one that started last."""
    found: dict[str, _Rate] = {}
    for page in (page for page in pages if page.call == PRICES):
        rows, skips = read_rows(
            _Rate,
            read_page(list[Any], page, supplier=KEY),
            name_of=lambda row: row["name"],
            call=page.call,
            supplier=KEY,
        )
        book.skip_all(skips)
        for rate in sorted(rows, key=_started):
            if rate.is_in_force(page.fetched_at):
                found[rate.name] = rate
            elif rate.start_time is not None and rate.start_time > page.fetched_at:
                book.warn(f"{rate.name} has a new rate from {rate.start_time:%Y-%m-%d}")
    return found


def _started(rate: _Rate) -> tuple[str, Decimal]:
    started = rate.start_time.isoformat() if rate.start_time else ""
    return started, -rate.value


def _stock(pages: Iterable[Page]) -> _Stock:
    return {
        (place.region, model.model): model
        for page in pages
        if page.call == STOCKS
        for place in _places(page)
        for model in place.models
    }


def _places(page: Page) -> list[_Place]:
    return read_page(_Stocks, page, supplier=KEY).stocks


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    """One size in one region, and the offers that it becomes."""

    book: OfferBook
    row: _Flavour
    page: Page

    def add(self, rate: _Rate | None, model: _Model | None) -> None:
        """Add it at the list rate, and at our own where that is another."""
        stock = self._stock(model)
        is_spot = self.row.gpu.endswith(SPOT_SUFFIX)
        listed = rate.listed if rate else None
        self._add(
            Asked(amount=listed, unit=PriceUnit.GPU),
            terms=Terms.SPOT if is_spot else Terms.ON_DEMAND,
            stock=stock,
        )
        if rate is None or rate.value == rate.listed or self.row.gpu_count < 1:
            return
        if is_spot:
            self.book.warn(f"our rate of {self.row.gpu} is not the list rate, which is kept")
            return
        kind = f"contract rate, list {rate.listed:f}"
        own = Asked(amount=rate.value, unit=PriceUnit.GPU, kind=kind)
        self._add(own, terms=Terms.RESERVED, stock=stock)

    def _add(self, price: Asked, *, terms: Terms, stock: Stock) -> None:
        row = self.row
        self.book.add(
            row.name,
            Machine(
                gpu=row.gpu.removesuffix(SPOT_SUFFIX),
                count=row.gpu_count,
                vcpus=row.cpu,
                memory_gib=row.ram,
            ),
            price,
            page=self.page,
            region=row.region_name,
            terms=terms,
            stock=stock,
        )

    def _stock(self, model: _Model | None) -> Stock:
        """Return how many of this size could be had; else whether it could be, the size's word."""
        raw = model.raw if model else None
        count = model.configurations.get(f"{self.row.gpu_count}x") if model else None
        is_there = self.row.stock_available if count is None else count > 0
        state = StockState.IN_STOCK if is_there else StockState.OUT_OF_STOCK
        if count is None:
            return Stock(state=state, raw=raw)
        return Stock(state=state, count=count, count_unit=StockUnit.INSTANCE, raw=raw)


def classify(_status: int, content: Any) -> tuple[ErrorKind | None, str | None]:
    """Decide by Hyperstack's reason: a shortage comes as HTTP 400."""
    reason = content.get("error_reason") if isinstance(content, dict) else None
    return (_KIND_OF.get(reason), reason) if isinstance(reason, str) else (None, None)


SUPPLIER: Final = Hyperstack()
