"""What Nebius's pages say: prices of presets, stock by level and by quota, blocks of capacity.

A price is for a whole machine an hour; 0 means not on sale. Stock is "clipped by quota": a limit
that is reached is ours and says nothing of theirs, and what is not fresh is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, TypeVar

from pricing.holding import Holding, HoldingKind, HoldingState, QuantityChange
from pricing.offer import UNKNOWN_STOCK, PriceUnit, Stock, StockState, StockUnit, Terms
from providers.nebius_sdk import (
    ADVICE_LIST,
    BLOCKS,
    CONTRACT,
    ESTIMATE,
    KEY,
    ON_DEMAND,
    PLATFORMS,
    PREEMPTIBLE,
)
from providers.offer_book import Asked, Machine, OfferBook
from providers.shape import Amount, Shape, UtcInstant, read_as, read_page, read_rows
from providers.supplier import Answer, Page, SkipReason

_LEVEL: Final = "AVAILABILITY_LEVEL_"
_FRESH: Final = "DATA_STATE_FRESH"
_WITH_ROOM: Final = ("HIGH", "MEDIUM", "LOW")

_STATE_OF: Final = {
    "STATE_ALLOCATING": HoldingState.SCHEDULED,
    "STATE_ACTIVE": HoldingState.ACTIVE,
    "STATE_SHUTTING": HoldingState.EXPIRED,
}
_STATE_OF_INACTIVE: Final = {
    "STATE_SCHEDULED": HoldingState.SCHEDULED,
    "STATE_EXPIRED": HoldingState.EXPIRED,
}
"""A block without an active interval is one that begins later, or one that is over."""


_TERMS_OF: Final = {
    ON_DEMAND: Terms.ON_DEMAND,
    PREEMPTIBLE: Terms.SPOT,
    CONTRACT: Terms.RESERVED,
}
_KIND_OF: Final = {CONTRACT: "contract"}
_ADVISED_AS: Final = {ON_DEMAND: "on_demand", PREEMPTIBLE: "preemptible", CONTRACT: "reserved"}


class _Metadata(Shape):
    id: str
    name: str = ""


class _ProjectSpec(Shape):
    region: str


class _Project(Shape):
    metadata: _Metadata
    spec: _ProjectSpec


class _Resources(Shape):
    vcpu_count: int
    memory_gibibytes: Amount
    gpu_count: int


class _Preset(Shape):
    name: str
    resources: _Resources


class _PlatformSpec(Shape):
    gpu_memory_gigabytes: int = 0
    presets: list[_Preset]


class _PlatformStatus(Shape):
    allowed_for_preemptibles: bool = False


class Platform(Shape):
    """A platform of a region: one sort of machine, in presets of several sizes."""

    metadata: _Metadata
    spec: _PlatformSpec
    status: _PlatformStatus = _PlatformStatus()


class _List(Shape):
    items: list[Any]


class _Unit(Shape):
    unit: str


class _Cost(Shape):
    cost: Amount


class _General(Shape):
    total: _Cost


class _Total(Shape):
    aggregation_unit: _Unit
    general: _General | None = None  # a range instead for what may grow; a machine has one price


class _Estimate(Shape):
    total_costs: list[_Total]
    currency: str


class _Estimated(Shape):
    platform: str
    preset: str
    market: str
    answer: _Estimate | None

    def hourly(self) -> Decimal | None:
        """Return the one price an hour in dollars; None for none, for several, for others."""
        if self.answer is None or self.answer.currency.lower() != "usd":
            return None
        hourly = [
            total.general.total.cost
            for total in self.answer.total_costs
            if total.aggregation_unit.unit == "hour" and total.general is not None
        ]
        return hourly[0] if len(hourly) == 1 else None


class _Availability(Shape):
    data_state: str
    availability_level: str
    available: int
    limit: int


class _AdvisedPreset(Shape):
    name: str


class _AdvisedMachine(Shape):
    platform: str
    preset: _AdvisedPreset


class _AdviceSpec(Shape):
    region: str
    compute_instance: _AdvisedMachine | None = None


class _Advice(Shape):
    spec: _AdviceSpec
    status: dict[str, Any]


class _Affine(Shape):
    platform: str


class _Affinity(Shape):
    compute_v1: _Affine | None = None


class _Interval(Shape):
    start_time: UtcInstant | None = None
    end_time: UtcInstant | None = None
    state: str = ""


class _BlockStatus(Shape):
    region: str
    resource_affinity: _Affinity
    state: str
    current_limit: int
    usage: int
    next_change_at: UtcInstant | None = None
    next_change_to: int | None = None
    current_continuous_interval: _Interval = _Interval()


class _Block(Shape):
    metadata: _Metadata
    status: _BlockStatus


@dataclass(frozen=True, slots=True)
class _Spot:
    """One way of paying for one preset in one region."""

    region: str | None
    platform: str
    preset: str
    market: str


_Row = TypeVar("_Row", bound=Shape)


def projects(pages: Iterable[Page]) -> dict[str, str]:
    """Return one project of each region: prices and platforms are the same in all of them."""
    found: dict[str, str] = {}
    for page in pages:
        for project in _rows(_Project, page, None):
            region, name = project.spec.region, project.metadata.id
            found[region] = min(found.get(region, name), name)
    return dict(sorted(found.items()))


def platforms(page: Page, book: OfferBook | None = None) -> list[Platform]:
    """Return the platforms of a page; those that cannot be read become skips of the book."""
    return _rows(Platform, page, book)


def read_answer(pages: Sequence[Page], book: OfferBook) -> Answer:
    """Return what the pages say. Pages may come in any order."""
    prices: dict[_Spot, tuple[Page, Decimal | None]] = {}
    for page in pages:
        if page.call == ESTIMATE:
            read = read_page(_Estimated, page, supplier=KEY)
            spot = _Spot(page.location, read.platform, read.preset, read.market)
            prices[spot] = (page, read.hourly())
    stock = _stock(book, pages)
    for page in pages:
        if page.call == PLATFORMS:
            for platform in platforms(page, book):
                _add_platform(book, platform, page.location, prices=prices, stock=stock)
    blocks = {
        holding.resource_id: holding
        for page in pages
        if page.call == BLOCKS
        for holding in _holdings(book, page)
    }
    return book.answer(holdings=tuple(blocks[name] for name in sorted(blocks)))


def _rows(shape: type[_Row], page: Page, book: OfferBook | None) -> list[_Row]:
    rows, skips = read_rows(
        shape,
        read_page(_List, page, supplier=KEY).items,
        name_of=lambda row: row["metadata"]["name"] or row["metadata"]["id"],
        call=page.call,
        supplier=KEY,
    )
    if book is not None:
        book.skip_all(skips)
    return rows


def _add_platform(
    book: OfferBook,
    platform: Platform,
    region: str | None,
    *,
    prices: Mapping[_Spot, tuple[Page, Decimal | None]],
    stock: Mapping[_Spot, Stock],
) -> None:
    for preset in platform.spec.presets:
        native_id = f"{platform.metadata.name}/{preset.name}"
        if not preset.resources.gpu_count:
            book.skip(native_id, SkipReason.NO_GPU)
            continue
        machine = Machine(
            gpu=platform.metadata.name,
            count=preset.resources.gpu_count,
            memory_gb=platform.spec.gpu_memory_gigabytes or None,
            vcpus=preset.resources.vcpu_count,
            memory_gib=preset.resources.memory_gibibytes,
        )
        listed = prices.get(_Spot(region, platform.metadata.name, preset.name, ON_DEMAND))
        for market, terms in _TERMS_OF.items():
            spot = _Spot(region, platform.metadata.name, preset.name, market)
            if spot not in prices:
                continue  # not asked, or its page is missing: nothing can be said
            page, amount = prices[spot]
            if market == CONTRACT and (not amount or listed is None or amount == listed[1]):
                continue  # there is no contract for it: the calculator gives the list price
            book.add(
                native_id,
                machine,
                Asked(amount=amount, unit=PriceUnit.INSTANCE, kind=_KIND_OF.get(market)),
                page=page,
                region=region,
                terms=terms,
                stock=stock.get(spot, UNKNOWN_STOCK),
            )


def _stock(book: OfferBook, pages: Sequence[Page]) -> dict[_Spot, Stock]:
    """Return the stock of each place; of several fabrics in a region the one with most room."""
    found: dict[_Spot, Stock] = {}
    for page in pages:
        if page.call != ADVICE_LIST:
            continue
        for advice in _rows(_Advice, page, book):
            machine = advice.spec.compute_instance
            if machine is None:
                continue  # advice on something else than machines
            for market, name in _ADVISED_AS.items():
                if name not in advice.status:
                    continue
                spot = _Spot(advice.spec.region, machine.platform, machine.preset.name, market)
                row = read_as(_Availability, advice.status[name], call=page.call, supplier=KEY)
                told = _stock_of(row)
                found[spot] = max(found.get(spot, told), told, key=_room)
    return found


def _stock_of(told: _Availability) -> Stock:
    level = told.availability_level.removeprefix(_LEVEL)
    if told.data_state != _FRESH:
        return Stock(raw=told.data_state)
    if level == "LIMIT_REACHED" or (level in _WITH_ROOM and told.limit == 0):
        return Stock(state=StockState.RESTRICTED, raw=told.availability_level)
    if level not in _WITH_ROOM:
        return Stock(raw=told.availability_level)
    return Stock(
        state=StockState.IN_STOCK if told.available else StockState.OUT_OF_STOCK,
        count=told.available,
        count_unit=StockUnit.INSTANCE,
        raw=told.availability_level,
    )


def _room(stock: Stock) -> tuple[int, int]:
    order = (
        StockState.UNKNOWN,
        StockState.RESTRICTED,
        StockState.OUT_OF_STOCK,
        StockState.IN_STOCK,
    )
    return order.index(stock.state), stock.count or 0


def _holdings(book: OfferBook, page: Page) -> Iterator[Holding]:
    for block in _rows(_Block, page, book):
        status, name = block.status, block.metadata.id
        affine, interval = status.resource_affinity.compute_v1, status.current_continuous_interval
        if affine is None:
            book.skip(name, SkipReason.NO_SHAPE, "a block of another service than compute")
            continue
        change = None
        if status.next_change_at is not None and status.next_change_to is not None:
            change = QuantityChange(at=status.next_change_at, to=status.next_change_to)
        yield Holding(
            supplier=KEY,
            resource_id=name,
            kind=HoldingKind.CAPACITY_BLOCK,
            name=block.metadata.name or None,
            region=status.region,
            native_type=affine.platform,
            gpu=book.gpu(name, affine.platform),
            gpus_per_unit=None,
            quantity=status.current_limit,
            unit=StockUnit.GPU,
            used=status.usage,
            start_at=interval.start_time,
            end_at=interval.end_time,
            state=_STATE_OF.get(status.state)
            or _STATE_OF_INACTIVE.get(interval.state, HoldingState.UNKNOWN),
            provider_state=status.state,
            next_change=change,
            observed_at=page.fetched_at,
            source=page.call,
        )
