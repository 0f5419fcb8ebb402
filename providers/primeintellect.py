"""Prime Intellect: a reseller's configurations, on one machine or across several.

A price is for the whole configuration of `gpuCount` GPUs. Where the disk is not included, the least
that can be bought is the price with the smallest disk: that is the executable price. Stock is a
level in words. A `cloudId` may be the bare name of a GPU, the same for 1 and for 8 of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from pricing.money import currency
from pricing.offer import OfferClass, PriceUnit, Stock, StockState, Terms
from providers.access import Access
from providers.errors import ErrorKind
from providers.http import Web
from providers.offer_book import Asked, Machine, OfferBook
from providers.paging import by_number, gathered, joined, softened
from providers.shape import Amount, Shape, read_as, read_page, read_rows
from providers.supplier import (
    Answer,
    Ask,
    Capability,
    Fetched,
    GoldenPrice,
    Page,
    Paging,
    Profile,
    Sharing,
    SkipReason,
)
from providers.upstreams import upstream

KEY: Final = "primeintellect"
API_KEY: Final = "TONNAGE_PRIMEINTELLECT_API_KEY"
SINGLE: Final = "availability/gpus"
CLUSTERS: Final = "availability/multi-node"
PAGE_SIZE: Final = 100

PROFILE: Final = Profile(
    key=KEY,
    name="Prime Intellect",
    hosts=("api.primeintellect.ai",),
    url="https://api.primeintellect.ai/api/v1",
    units=(PriceUnit.INSTANCE,),
    golden=(
        GoldenPrice(
            raw=Decimal("48.88"),
            unit=PriceUnit.INSTANCE,
            gpu_count=8,
            per_gpu_hour=Decimal("6.11"),
        ),
    ),
    capabilities=frozenset({Capability.OFFERS, Capability.STOCK}),
    secrets=(API_KEY,),
    permissions={
        Capability.OFFERS: ("Availability: read",),
        Capability.STOCK: ("Availability: read",),
    },
    paging=Paging.PAGE_NUMBER,
    licence="Prime Intellect terms of service; answers are for the account's own use",
    sharing=Sharing.OWN_USE,
    is_reseller=True,
)

_STATE_OF: Final = {
    "available": StockState.IN_STOCK,
    "high": StockState.IN_STOCK,
    "medium": StockState.IN_STOCK,
    "low": StockState.IN_STOCK,  # a level, kept as the raw word: little is still obtainable
    "unavailable": StockState.OUT_OF_STOCK,
    "out of stock": StockState.OUT_OF_STOCK,
}


class _Camel(Shape):
    model_config = ConfigDict(alias_generator=to_camel)


class _Disk(_Camel):
    min_count: Amount | None = None
    price_per_unit: Amount | None = None  # per GB-hour
    default_included_in_price: bool | None = None


class _Count(_Camel):
    default_count: int | None = None


class _Prices(_Camel):
    on_demand: Amount | None
    community_price: Amount | None = None
    is_variable: bool | None = None
    currency: str


class _Configuration(_Camel):
    cloud_id: str
    gpu_type: str
    socket: str | None = None
    provider: str
    region: str | None = None
    data_center: str | None = None
    gpu_count: int
    disk: _Disk | None = None
    vcpu: _Count | None = None
    interconnect_type: str | None = None
    stock_status: str | None = None
    security: str | None = None
    prices: _Prices
    is_spot: bool | None = None
    prepaid_time: Amount | None = None


class _Listing(_Camel):
    items: list[Any]
    total_count: int | None = None


class PrimeIntellect:
    """Prime Intellect's marketplace."""

    profile = PROFILE

    def missing(self, access: Access) -> tuple[str, ...]:
        """Return the key if it is not set: nothing here is public."""
        return () if access.has(API_KEY) else (API_KEY,)

    def fetch(self, ask: Ask, access: Access) -> Fetched:
        """Ask for machines and for clusters, page after page; stock comes with them.

        Without the clusters the answer is partial, without the machines there is none.
        """
        if Capability.OFFERS not in ask.wanted:
            return Fetched(pages=(), places=())
        headers = {"Authorization": f"Bearer {access.value(API_KEY)}"}
        with Web(profile=PROFILE, access=access, classify=classify, headers=headers) as web:
            machines = gathered(_listed(web, SINGLE), region=None)
            return joined(machines, softened(gathered(_listed(web, CLUSTERS), region=None)))

    def parse(self, pages: Sequence[Page]) -> Answer:
        """Return an offer for each configuration, sold out or not."""
        book = OfferBook(profile=PROFILE)
        for page in pages:
            listing = read_page(_Listing, page, supplier=KEY)
            rows, skips = read_rows(
                _Configuration,
                listing.items,
                name_of=lambda row: row["cloudId"],
                call=page.call,
                supplier=KEY,
            )
            book.skip_all(skips)
            for row in rows:
                _add(book, row, page)
        return book.answer()


def _listed(web: Web, path: str) -> Iterator[Page]:
    return by_number(
        lambda number: web.get(
            f"/{path}", call=path, query={"page": number, "page_size": PAGE_SIZE}
        ),
        lambda content: len(_listing(content, path).items),
        page_size=PAGE_SIZE,
        total_of=lambda content: _listing(content, path).total_count,
        supplier=KEY,
    )


def _listing(content: Any, call: str) -> _Listing:
    return read_as(_Listing, content, call=call, supplier=KEY)


def _add(book: OfferBook, row: _Configuration, page: Page) -> None:
    price = _asked(row)
    if price is None:
        book.skip(row.cloud_id, SkipReason.MALFORMED, "prices.currency: no currency code")
        return
    book.add(
        row.cloud_id,
        Machine(
            gpu=row.gpu_type,
            form_factor=row.socket,
            count=row.gpu_count,
            vcpus=row.vcpu.default_count if row.vcpu else None,
            interconnect=row.interconnect_type.lower() if row.interconnect_type else None,
        ),
        price,
        page=page,
        region=_place(row),
        terms=_terms(row),
        stock=_stock(row.stock_status),
        offer_class=_class(row.security),
        upstream=upstream(row.provider),
        flags=_flags(row, price, page),
    )


def _asked(row: _Configuration) -> Asked | None:
    """Return the price, base and executable, or None when its currency is no currency."""
    prices = row.prices
    try:
        code = currency(prices.currency)
    except ValueError:
        return None
    amount = prices.on_demand or prices.community_price
    extra = _least_disk(row.disk)
    return Asked(
        amount=amount,
        unit=PriceUnit.INSTANCE,
        currency=code,
        executable=amount + extra if amount and extra else None,
    )


def _least_disk(disk: _Disk | None) -> Decimal | None:
    """Return what the smallest disk costs an hour; None where the price includes one."""
    if disk is None or disk.default_included_in_price:
        return None
    return (disk.min_count or Decimal(0)) * (disk.price_per_unit or Decimal(0)) or None


def _place(row: _Configuration) -> str:
    where = row.data_center or row.region
    return f"{row.provider}/{where}" if where else row.provider


def _terms(row: _Configuration) -> Terms:
    if row.prepaid_time:
        return Terms.RESERVED  # paid ahead for that long, used or not
    return Terms.SPOT if row.is_spot else Terms.ON_DEMAND


def _stock(level: str | None) -> Stock:
    state = _STATE_OF.get((level or "").strip().lower(), StockState.UNKNOWN)
    return Stock(state=state, raw=level)


def _class(security: str | None) -> OfferClass | None:
    known = {"secure_cloud": OfferClass.SECURE, "community_cloud": OfferClass.COMMUNITY}
    return known.get(security or "")


def _flags(row: _Configuration, price: Asked, page: Page) -> Iterator[str]:
    if price.executable is not None:
        yield "disk_extra"
    if row.prices.is_variable:
        yield "variable_price"
    if row.prepaid_time:
        yield "prepaid"
    if page.call == CLUSTERS:
        yield "multi_node"


def classify(_status: int, content: Any) -> tuple[ErrorKind | None, str | None]:
    """Leave the kind to the status: `detail` is a text, or a list whose types serve as code."""
    detail = content.get("detail") if isinstance(content, dict) else None
    first = detail[0] if isinstance(detail, list) and detail else None
    code = first.get("type") if isinstance(first, dict) else None
    return None, code if isinstance(code, str) else None


SUPPLIER: Final = PrimeIntellect()
