"""What Oracle's pages say: parts and shapes joined by part number, reports, reservations.

A part that no shape is billed by (H100T beside H100) is no offer of another shape that sounds like
it. A shape's name ends in its number of GPUs; where that and the stated number differ (a footnote
glued on: "GB200.41") neither is believed. Preemptible machines cost half the list price.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from pricing.holding import Holding, HoldingKind, HoldingState
from pricing.offer import UNKNOWN_STOCK, PriceUnit, Stock, StockState, StockUnit, Terms
from providers.offer_book import Asked, Machine, OfferBook
from providers.shape import Amount, Shape, read_page, read_rows
from providers.supplier import Answer, Page, SkipReason

KEY: Final = "oci"
PRODUCTS: Final = "products"
SHAPES: Final = "shapes"
REGIONS: Final = "region-subscriptions"
DOMAINS: Final = "availability-domains"
REPORT: Final = "capacity-report"
RESERVATIONS: Final = "capacity-reservations"
RESERVATION: Final = "capacity-reservation"

PREEMPTIBLE_SHARE: Final = Decimal("0.5")
"""Of the list price, by Oracle's terms; no price of its own is listed."""
PREEMPTIBLE_KIND: Final = "half-of-list"

_PER_GPU_HOUR: Final = "GPU Per Hour"
_GPU_CATEGORY: Final = "Compute - GPU"
_PAY_AS_YOU_GO: Final = "PAY_AS_YOU_GO"
_RACK_NOTE: Final = " (NVL72)"
_COUNT_IN_NAME: Final = re.compile(r"\.([0-9]+)$")
_ZONE_IN_NAME: Final = re.compile(r"AD-[0-9]+$", re.IGNORECASE)

_STOCK_OF: Final = {
    "AVAILABLE": StockState.IN_STOCK,
    "OUT_OF_HOST_CAPACITY": StockState.OUT_OF_STOCK,
    "HARDWARE_NOT_SUPPORTED": StockState.NOT_OFFERED,
}

_STATE_OF: Final = {
    "CREATING": HoldingState.REQUESTED,
    "ACTIVE": HoldingState.ACTIVE,
    "UPDATING": HoldingState.ACTIVE,
    "MOVING": HoldingState.ACTIVE,
    "DELETING": HoldingState.CANCELLED,
    "DELETED": HoldingState.CANCELLED,
}


class _Camel(Shape):
    model_config = ConfigDict(alias_generator=to_camel)


class _Price(_Camel):
    model: str
    value: Amount


class _Localization(_Camel):
    currency_code: str
    prices: list[_Price]


class _Product(_Camel):
    part_number: str
    metric_name: str
    service_category: str = ""
    currency_code_localizations: list[_Localization]

    def in_dollars(self) -> Decimal | None:
        """Return the one list price in dollars; None for none, or for several that differ."""
        amounts = {
            price.value
            for local in self.currency_code_localizations
            if local.currency_code == "USD"
            for price in local.prices
            if price.model == _PAY_AS_YOU_GO
        }
        return amounts.pop() if len(amounts) == 1 else None


class _Products(Shape):
    items: list[Any]


class _Kind(Shape):
    value: str


class _Billed(_Camel):
    type: _Kind
    part_number: str


class _Shape(_Camel):
    name: str
    hidden: bool = False
    status: str = "ACTIVE"
    allow_preemptible: bool = False
    gpu_qty: int | None = None
    products: list[_Billed]

    @property
    def title(self) -> str:
        """Return the name that the compute service knows."""
        return self.name.removesuffix(_RACK_NOTE)

    @property
    def gpus(self) -> int:
        """Return how many GPUs it has."""
        return self.gpu_qty or 0

    @property
    def part_number(self) -> str | None:
        """Return the part that a GPU shape is billed by: the one of its processors."""
        return next((each.part_number for each in self.products if each.type.value == "ocpu"), None)

    def count_is_believable(self) -> bool:
        """Say whether the stated number of GPUs is the one in the name, where there is one."""
        named = _COUNT_IN_NAME.search(self.title)
        return named is None or int(named.group(1)) == self.gpus


class _Shapes(Shape):
    items: list[Any]


class _Subscription(_Camel):
    region_name: str
    status: str = "READY"


class _Domain(Shape):
    name: str


class _Availability(_Camel):
    instance_shape: str
    fault_domain: str | None = None
    available_count: int | None = None
    availability_status: str


class _Report(_Camel):
    availability_domain: str
    shape_availabilities: list[_Availability]


class _Listed(Shape):
    id: str


class _Reserved(_Camel):
    instance_shape: str
    reserved_count: int
    used_count: int


class _Reservation(_Camel):
    id: str
    display_name: str | None = None
    availability_domain: str
    lifecycle_state: str
    instance_reservation_configs: list[_Reserved]


@dataclass(frozen=True, slots=True)
class _Spot:
    """A place: a region and an availability domain in it, or no place at all."""

    region: str | None
    zone: str | None


def regions_of(page: Page) -> tuple[str, ...]:
    """Return the regions that the account can use."""
    listed = read_page(list[_Subscription], page, supplier=KEY)
    return tuple(sorted(each.region_name for each in listed if each.status == "READY"))


def domain_names(pages: Iterable[Page]) -> tuple[str, ...]:
    """Return the availability domains by the names that reports want."""
    return tuple(
        domain.name
        for page in pages
        if page.call == DOMAINS
        for domain in read_page(list[_Domain], page, supplier=KEY)
    )


def gpu_shapes(pages: Iterable[Page]) -> tuple[str, ...]:
    """Return the names of the shapes with GPUs, as reports want them."""
    return tuple(each.title for each in _shapes(pages, None) if each.gpus)


def reservation_ids(page: Page) -> tuple[str, ...]:
    """Return the reservations that a page lists."""
    return tuple(each.id for each in read_page(list[_Listed], page, supplier=KEY))


def read_answer(pages: Sequence[Page], book: OfferBook) -> Answer:
    """Return what the pages say. Pages may come in any order."""
    shapes = _shapes(pages, book)
    _add_offers(book, shapes, pages)
    gpus_of = {shape.title: shape.gpus for shape in shapes}
    holdings = {
        holding.resource_id: holding
        for page in pages
        if page.call == RESERVATION
        for holding in _holdings(book, page, gpus_of)
    }
    return book.answer(holdings=tuple(holdings[name] for name in sorted(holdings)))


def _shapes(pages: Iterable[Page], book: OfferBook | None) -> tuple[_Shape, ...]:
    found: dict[str, _Shape] = {}
    for page in pages:
        if page.call != SHAPES:
            continue
        rows, skips = read_rows(
            _Shape,
            read_page(_Shapes, page, supplier=KEY).items,
            name_of=lambda row: row["name"],
            call=page.call,
            supplier=KEY,
        )
        found.update({row.title: row for row in rows})
        if book is not None:
            book.skip_all(skips)
    return tuple(found.values())


def _add_offers(book: OfferBook, shapes: Sequence[_Shape], pages: Sequence[Page]) -> None:
    price_pages = [page for page in pages if page.call == PRODUCTS]
    if not price_pages or not shapes:
        return  # one of the two could not be had: nothing can be said of any shape
    prices: dict[str, Decimal | None] = {}
    for page in price_pages:
        prices.update(_prices(book, page))
    for part in prices.keys() - {shape.part_number for shape in shapes}:
        book.skip(part, SkipReason.NO_SHAPE, "no shape is billed by this part")
    stock = _stock(book, pages)
    spots = _spots(pages) or [_Spot(None, None)]
    for shape in shapes:
        if not shape.gpus:
            book.skip(shape.title, SkipReason.NO_GPU)
        elif not shape.count_is_believable():
            detail = f"{shape.gpus} GPUs are stated, and the name says otherwise"
            book.skip(shape.title, SkipReason.IMPLAUSIBLE, detail)
        else:
            amount = prices.get(shape.part_number or "")
            for spot in spots:
                found = stock.get((spot, shape.title), UNKNOWN_STOCK)
                _add_shape(book, shape, amount, spot=spot, stock=found, page=price_pages[0])


def _prices(book: OfferBook, page: Page) -> dict[str, Decimal | None]:
    """Return the price per GPU-hour of every GPU part; other parts of GPU machines are skips."""
    products = [
        product
        for product in read_page(_Products, page, supplier=KEY).items
        if _is_about_gpus(product)
    ]
    rows, skips = read_rows(
        _Product, products, name_of=lambda row: row["partNumber"], call=page.call, supplier=KEY
    )
    book.skip_all(skips)
    for row in rows:
        if row.metric_name != _PER_GPU_HOUR:
            book.skip(row.part_number, SkipReason.NO_GPU, f"metered as {row.metric_name}")
    return {row.part_number: row.in_dollars() for row in rows if row.metric_name == _PER_GPU_HOUR}


def _is_about_gpus(product: Any) -> bool:
    """Say whether a product of the list, most of which are databases and the like, matters here."""
    if not isinstance(product, dict):
        return True  # not what it was: the reading of the rows will say so
    category = str(product.get("serviceCategory", ""))
    return category.startswith(_GPU_CATEGORY) or product.get("metricName") == _PER_GPU_HOUR


def _add_shape(
    book: OfferBook,
    shape: _Shape,
    amount: Decimal | None,
    *,
    spot: _Spot,
    stock: Stock,
    page: Page,
) -> None:
    machine = Machine(gpu=shape.title, count=shape.gpus)
    listed = shape.status == "ACTIVE" and not shape.hidden
    book.add(
        shape.title,
        machine,
        Asked(amount=amount, unit=PriceUnit.GPU),
        page=page,
        region=spot.region,
        zone=spot.zone,
        stock=stock,
        is_listed=listed,
    )
    if shape.allow_preemptible and amount is not None:
        book.add(
            shape.title,
            machine,
            Asked(amount=amount * PREEMPTIBLE_SHARE, unit=PriceUnit.GPU, kind=PREEMPTIBLE_KIND),
            page=page,
            region=spot.region,
            zone=spot.zone,
            terms=Terms.SPOT,
            is_listed=listed,
        )


def _spots(pages: Iterable[Page]) -> list[_Spot]:
    return [
        _Spot(page.location, _zone(domain.name))
        for page in pages
        if page.call == DOMAINS
        for domain in read_page(list[_Domain], page, supplier=KEY)
    ]


def _stock(book: OfferBook, pages: Iterable[Page]) -> dict[tuple[_Spot, str], Stock]:
    found: dict[tuple[_Spot, str], Stock] = {}
    for page in pages:
        if page.call != REPORT:
            continue
        report = read_page(_Report, page, supplier=KEY)
        spot = _Spot(page.location, _zone(report.availability_domain))
        for row in report.shape_availabilities:
            if row.fault_domain is None:  # the others are parts of this one
                found[spot, row.instance_shape] = _stock_of(book, row)
    return found


def _stock_of(book: OfferBook, row: _Availability) -> Stock:
    status = row.availability_status
    if status not in _STOCK_OF:
        book.warn(f"{REPORT}: {status!r} is a new word for stock and taken as unknown")
    counted = row.available_count is not None
    return Stock(
        state=_STOCK_OF.get(status, StockState.UNKNOWN),
        count=row.available_count,
        count_unit=StockUnit.INSTANCE if counted else None,
        raw=status,
    )


def _holdings(book: OfferBook, page: Page, gpus_of: Mapping[str, int]) -> Iterator[Holding]:
    """Yield a holding for each shape of a reservation; Oracle states no price and no end."""
    reservation = read_page(_Reservation, page, supplier=KEY)
    by_shape: dict[str, list[_Reserved]] = defaultdict(list)
    for part in reservation.instance_reservation_configs:
        by_shape[part.instance_shape].append(part)
    for shape, parts in by_shape.items():
        name = reservation.id if len(by_shape) == 1 else f"{reservation.id}/{shape}"
        if ".GPU" not in shape:
            book.skip(name, SkipReason.NO_GPU)
            continue
        yield Holding(
            supplier=KEY,
            resource_id=name,
            kind=HoldingKind.RESERVATION,
            name=reservation.display_name,
            region=page.location,
            zone=_zone(reservation.availability_domain),
            native_type=shape,
            gpu=book.gpu(name, shape),
            gpus_per_unit=gpus_of.get(shape),
            quantity=sum(part.reserved_count for part in parts),
            unit=StockUnit.INSTANCE,
            used=sum(part.used_count for part in parts),
            start_at=None,  # when it was made is not when a contract began
            end_at=None,
            state=_STATE_OF.get(reservation.lifecycle_state, HoldingState.UNKNOWN),
            provider_state=reservation.lifecycle_state,
            observed_at=page.fetched_at,
            source=page.call,
        )


def _zone(name: str) -> str:
    """Return "AD-1" of "Uocm:US-ASHBURN-AD-1": the rest is the tenancy's and the region's."""
    found = _ZONE_IN_NAME.search(name)
    return found.group(0).upper() if found else name
