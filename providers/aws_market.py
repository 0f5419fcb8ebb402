"""AWS spot prices and capacity blocks: prices that the account is told, not the public.

Spot prices come as changes, the last one before the asked time included. A block costs a fee for
everything, from which the price an hour is derived; a rack is sold whole, and only so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from pydantic import Field

from pricing.money import USD, Money, currency
from pricing.offer import PriceUnit, Stock, StockState, StockUnit, Terms, Window
from providers.aws_errors import KEY
from providers.aws_prices import OnDemand, stored
from providers.aws_types import ULTRASERVERS, AwsShape, Listing
from providers.offer_book import Asked, OfferBook
from providers.shape import Amount, UtcInstant, read_page, read_rows
from providers.supplier import Page, SkipReason, SpotPrice

SPOT: Final = "spot"
BLOCKS: Final = "block-offerings"

LINUX: Final = "Linux/UNIX"
NO_DISCOUNT: Final = "no_discount"

_HOUR: Final = timedelta(hours=1)


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
            amount=stored(row.upfront_fee / (hours * instances)),
            unit=PriceUnit.INSTANCE,
            currency=currency(row.currency_code),
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
