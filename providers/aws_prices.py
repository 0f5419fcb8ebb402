"""AWS prices: the price list, spot prices and capacity blocks, each in a form of its own.

The list has a row at $0.00 for capacity blocks beside the real one, and no on-demand row at all
for types that are sold as blocks or spot only (p5e). A block costs a fee for everything, from
which the price an hour is derived. All of them are strings.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from pricing.money import MAX_DECIMALS, USD, Currency, Money, currency
from pricing.offer import PriceUnit, Stock, StockState, StockUnit, Terms, Window
from providers.aws_errors import KEY
from providers.aws_types import ULTRASERVERS, AwsShape, Kind, Listing
from providers.offer_book import Asked, OfferBook
from providers.shape import Amount, Shape, UtcInstant, read_page, read_rows
from providers.supplier import Page, SkipReason, SpotPrice

PRICES: Final = "prices"
SPOT: Final = "spot"
BLOCKS: Final = "block-offerings"

LINUX: Final = "Linux/UNIX"
PLAIN: Final = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
}
"""What the one row of a type and region has in the list that is its plain price."""

NO_DISCOUNT: Final = "no-discount"

OnDemand = Mapping[tuple[str, str], Decimal]
"""Region and type → the on-demand price of an instance-hour."""

_HOUR: Final = timedelta(hours=1)
_YEAR_HOURS: Final = 8760
_HOURLY: Final = "Hrs"
_ONCE: Final = "Quantity"


class _Camel(Shape):
    model_config = ConfigDict(alias_generator=to_camel)


class _Dimension(_Camel):
    unit: str
    price_per_unit: dict[str, Amount]


class _TermAttributes(AwsShape):
    lease_contract_length: str = ""
    offering_class: str = ""
    purchase_option: str = ""


class _Term(_Camel):
    price_dimensions: dict[str, _Dimension]
    term_attributes: _TermAttributes = _TermAttributes()


class _Product(_Camel):
    attributes: dict[str, str]


class _Terms(AwsShape):
    on_demand: dict[str, _Term] = Field(default_factory=dict)
    reserved: dict[str, _Term] = Field(default_factory=dict)


class _Listed(_Camel):
    product: _Product
    terms: _Terms


class _PriceList(AwsShape):
    price_list: list[str]


class _Spot(AwsShape):
    instance_type: str
    product_description: str
    spot_price: Amount
    timestamp: UtcInstant
    availability_zone: str | None = None
    availability_zone_id: str | None = None


class _SpotPrices(AwsShape):
    spot_price_history: list[Any]


class _Segment(AwsShape):
    availability_zone_id: str | None = None


class _Block(AwsShape):
    capacity_block_offering_id: str
    instance_type: str | None = None
    availability_zone: str | None = None
    instance_count: int | None = None
    start_date: UtcInstant
    end_date: UtcInstant
    capacity_block_duration_hours: int = 0
    capacity_block_duration_minutes: int = 0
    upfront_fee: Amount
    currency_code: str = "USD"
    ultraserver_type: str | None = None
    ultraserver_count: int | None = None
    capacity_block_offering_segments: list[_Segment] = Field(default_factory=list)


class _Blocks(AwsShape):
    capacity_block_offerings: list[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figure:
    """A price of the list for a type in a region; `name` tells reserved rates apart."""

    native_type: str
    region: str
    name: str
    hourly: Decimal
    upfront: Decimal
    months: int | None
    page: Page


def add_listed(pages: Iterable[Page], listing: Listing, book: OfferBook) -> OnDemand:
    """Add the on-demand offer of each zone and the reserved rates of each region.

    Returns the on-demand prices, per instance-hour.
    """
    asked: set[str] = set()
    figures: list[_Figure] = []
    for page in pages:
        if page.call.startswith(PRICES):
            asked.add(page.call.removeprefix(PRICES).strip())
            figures += _figures(page, book)
    priced: dict[tuple[str, str], Decimal] = {}
    for figure in figures:
        kind = listing.kinds.get((figure.region, figure.native_type))
        if kind is None:
            continue  # a region that was not asked
        if figure.months is None:
            priced[figure.region, figure.native_type] = figure.hourly
            _add_on_demand(figure, kind, listing, book)
        else:
            _add_reserved(figure, kind, book)
    for region, name in sorted(listing.kinds.keys() - priced):
        if name in asked:
            book.skip(name, SkipReason.UNPRICED, f"no on-demand price in {region}")
    return priced


def _add_on_demand(figure: _Figure, kind: Kind, listing: Listing, book: OfferBook) -> None:
    if "on-demand" not in kind.sold_as:
        return
    for zone in sorted(listing.zones[figure.region, figure.native_type]):
        book.add(
            figure.native_type,
            kind.machine,
            Asked(amount=figure.hourly, unit=PriceUnit.INSTANCE),
            page=figure.page,
            region=figure.region,
            zone=zone,
            stock=Stock(raw="zone is constrained" if zone in listing.constrained else None),
        )


def _add_reserved(figure: _Figure, kind: Kind, book: OfferBook) -> None:
    hours = Decimal((figure.months or 0) * _YEAR_HOURS) / 12
    effective = figure.hourly + figure.upfront / hours
    book.add(
        f"{figure.native_type} {figure.name}",
        kind.machine,
        Asked(
            amount=_stored(effective),
            unit=PriceUnit.INSTANCE,
            kind="effective" if figure.upfront else None,
            upfront_fee=figure.upfront or None,
        ),
        page=figure.page,
        region=figure.region,
        terms=Terms.RESERVED,
        term_months=figure.months,
    )


def _figures(page: Page, book: OfferBook) -> Iterator[_Figure]:
    written = read_page(_PriceList, page, supplier=KEY).price_list
    rows, skips = read_rows(
        _Listed,
        [_loaded(text) for text in written],
        name_of=lambda row: row["product"]["attributes"]["instanceType"],
        call=page.call,
        supplier=KEY,
    )
    book.skip_all(skips)
    for row in rows:
        said = row.product.attributes
        name, region = said.get("instanceType", ""), said.get("regionCode", "")
        if said.get("marketoption") == "CapacityBlock":
            book.skip(name, SkipReason.UNPRICED, f"a block row at 0 in {region} is no price")
        elif all(said.get(field) == value for field, value in PLAIN.items()):
            yield from _of_product(row, name, region, page)


def _of_product(row: _Listed, name: str, region: str, page: Page) -> Iterator[_Figure]:
    for kind, terms in (("", row.terms.on_demand), ("reserved", row.terms.reserved)):
        for term in terms.values():
            what = term.term_attributes
            if kind and what.offering_class != "standard":
                continue  # convertible rates are dearer and for exchanges, not for buying
            hourly, upfront = _sum(term, _HOURLY), _sum(term, _ONCE)
            months = {"1yr": 12, "3yr": 36}.get(what.lease_contract_length)
            if (hourly <= 0 and upfront <= 0) or (kind and months is None):
                continue  # a price of 0 does not exist
            yield _Figure(
                native_type=name,
                region=region,
                name=what.purchase_option.lower(),
                hourly=hourly,
                upfront=upfront,
                months=months if kind else None,
                page=page,
            )


def _sum(term: _Term, unit: str) -> Decimal:
    amounts = (
        dimension.price_per_unit.get(USD, Decimal(0))
        for dimension in term.price_dimensions.values()
        if dimension.unit == unit
    )
    return sum(amounts, Decimal(0))


def _loaded(text: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError:
        return text  # is told as a row that cannot be read


def spot_prices(
    pages: Iterable[Page], listing: Listing, book: OfferBook, *, on_demand: OnDemand
) -> tuple[SpotPrice, ...]:
    """Return every remembered change, and add an offer for the last one of each type and zone.

    One that costs no less than on demand is kept, and flagged.
    """
    changes: dict[SpotPrice, Page] = {}
    for page in pages:
        if page.call == SPOT:
            for change in _changes(page, listing, book):
                changes[change] = page
    ordered = sorted(changes, key=_when)
    last = {(each.native_id, each.region, each.zone): each for each in ordered}
    for change in last.values():
        usual = on_demand.get((change.region, change.native_id))
        saves = usual is None or change.per_instance.amount < usual
        flags = () if saves else (NO_DISCOUNT,)
        _add_spot(change, listing, book, page=changes[change], flags=flags)
    return tuple(ordered)


def _changes(page: Page, listing: Listing, book: OfferBook) -> Iterator[SpotPrice]:
    rows, skips = read_rows(
        _Spot,
        read_page(_SpotPrices, page, supplier=KEY).spot_price_history,
        name_of=lambda row: row["InstanceType"],
        call=page.call,
        supplier=KEY,
    )
    book.skip_all(skips)
    region = page.location or ""
    for row in rows:
        if row.product_description != LINUX:
            continue
        if row.spot_price <= 0:
            book.skip(row.instance_type, SkipReason.UNPRICED, "a spot price of 0 is no price")
            continue
        yield SpotPrice(
            native_id=row.instance_type,
            region=region,
            zone=listing.zone_of(region, row.availability_zone, row.availability_zone_id),
            at=row.timestamp,
            per_instance=Money(row.spot_price, USD),
        )


def _when(change: SpotPrice) -> tuple[str, str, str, datetime, Decimal]:
    amount = change.per_instance.amount
    return change.region, change.native_id, change.zone or "", change.at, amount


def _add_spot(
    change: SpotPrice, listing: Listing, book: OfferBook, *, page: Page, flags: tuple[str, ...]
) -> None:
    kind = listing.kinds.get((change.region, change.native_id))
    if kind is None or "spot" not in kind.sold_as:
        return
    book.add(
        change.native_id,
        kind.machine,
        Asked(amount=change.per_instance.amount, unit=PriceUnit.INSTANCE),
        page=page,
        region=change.region,
        zone=change.zone,
        terms=Terms.SPOT,
        flags=flags,
    )


def add_blocks(pages: Iterable[Page], listing: Listing, book: OfferBook) -> None:
    """Add the capacity blocks that could be bought, each with its window and its whole fee."""
    for page in pages:
        if page.call != BLOCKS:
            continue
        rows, skips = read_rows(
            _Block,
            read_page(_Blocks, page, supplier=KEY).capacity_block_offerings,
            name_of=lambda row: row["CapacityBlockOfferingId"],
            call=page.call,
            supplier=KEY,
        )
        book.skip_all(skips)
        for row in rows:
            _add_block(row, listing, book, page=page)


def _add_block(row: _Block, listing: Listing, book: OfferBook, *, page: Page) -> None:
    rack = ULTRASERVERS.get(row.ultraserver_type or "")
    native_type = row.instance_type or (rack[0] if rack else "")
    machine = listing.machine(native_type)
    instances = row.instance_count or (rack[1] * (row.ultraserver_count or 1) if rack else 0)
    length = timedelta(
        hours=row.capacity_block_duration_hours, minutes=row.capacity_block_duration_minutes
    )
    if machine is None or instances < 1 or length <= timedelta(0):
        book.skip(native_type, SkipReason.NO_SHAPE, f"block {row.capacity_block_offering_id}")
        return
    # Summed in seconds and divided once: a block of 23 h 35 min is no whole number of hours.
    seconds = Decimal(int(length.total_seconds()))
    hours = seconds / int(_HOUR.total_seconds())
    zones = {segment.availability_zone_id for segment in row.capacity_block_offering_segments}
    book.add(
        row.ultraserver_type or native_type,
        machine,
        Asked(
            amount=_stored(row.upfront_fee / (hours * instances)),
            unit=PriceUnit.INSTANCE,
            currency=_currency(row.currency_code),
            kind="effective",
            upfront_fee=row.upfront_fee,
        ),
        page=page,
        region=page.location,
        zone=listing.zone_of(
            page.location or "", row.availability_zone, zones.pop() if len(zones) == 1 else None
        ),
        terms=Terms.CAPACITY_BLOCK,
        window=Window(start=row.start_date, end=row.end_date),
        stock=Stock(
            state=StockState.IN_STOCK,
            count=instances,
            count_unit=StockUnit.INSTANCE,
            at_least=True,  # so many were asked for; there may be more
            raw=row.capacity_block_offering_id,
        ),
        units=(instances, instances),
        flags=("ultraserver",) if rack else (),
    )


def _currency(code: str) -> Currency:
    return currency(code)


def _stored(amount: Decimal) -> Decimal:
    """Round a derived price to what the books keep; the fee it comes from stays exact."""
    return Money(amount, USD).rounded(MAX_DECIMALS).amount
