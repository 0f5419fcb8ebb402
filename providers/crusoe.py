"""Crusoe: types and stock by a signed API, prices from a dated sheet of ours.

There is no list price in the API: without a sheet offers are unpriced, and say so. Stock is a
count of instances by type and location, where the same pair may come twice: the larger counts. It
is that of on-demand; nothing is said of spot. The number behind the dot of a type is its slices of
a node (10 with L40S, 4 with GB200, else 8) and is not read: the GPUs are a field of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from pricing.offer import UNKNOWN_STOCK, PriceUnit, Stock, StockState, StockUnit, Terms
from providers.access import Access
from providers.crusoe_reservations import RESERVATIONS, Reservations, holdings_of
from providers.crusoe_signature import Signature, secret_of
from providers.errors import ErrorKind
from providers.http import Web
from providers.offer_book import Asked, Machine, OfferBook
from providers.paging import gathered, joined, only, softened
from providers.price_rows import CALL as SHEET
from providers.price_rows import PriceRow, price_rows, sheet_page
from providers.shape import Shape, read_page, read_rows
from providers.supplier import (
    Answer,
    Ask,
    Capability,
    Fetched,
    GoldenPrice,
    Page,
    Profile,
    SkipReason,
    Source,
)

KEY: Final = "crusoe"
ACCESS_KEY: Final = "TONNAGE_CRUSOE_ACCESS_KEY"
SIGNING_KEY: Final = "TONNAGE_CRUSOE_SECRET_KEY"
PROJECT: Final = "TONNAGE_CRUSOE_PROJECT_ID"
ORGANIZATION: Final = "TONNAGE_CRUSOE_ORG_ID"
PRICE_SHEET: Final = "TONNAGE_CRUSOE_PRICE_SHEET"
TYPES: Final = "vm-types"
CAPACITIES: Final = "capacities"
UNPRICED: Final = "unpriced"

PROFILE: Final = Profile(
    key=KEY,
    name="Crusoe",
    hosts=("api.cloud.crusoe.ai",),
    url="https://api.cloud.crusoe.ai/v1",
    units=(PriceUnit.GPU, PriceUnit.INSTANCE),
    golden=(
        GoldenPrice(
            raw=Decimal("3.90"),
            unit=PriceUnit.GPU,
            gpu_count=8,
            per_gpu_hour=Decimal("3.90"),
        ),
        GoldenPrice(
            raw=Decimal("31.20"),
            unit=PriceUnit.INSTANCE,
            gpu_count=8,
            per_gpu_hour=Decimal("3.90"),
        ),
    ),
    capabilities=frozenset({Capability.OFFERS, Capability.STOCK, Capability.HOLDINGS}),
    secrets=(ACCESS_KEY, SIGNING_KEY, PROJECT),
    options=(ORGANIZATION, PRICE_SHEET),
    permissions={
        Capability.OFFERS: ("role viewer of the project",),
        Capability.STOCK: ("any API key of the account",),
        Capability.HOLDINGS: ("role viewer of the organization",),
    },
    price_source=Source.PRICE_SHEET,
    licence="Crusoe terms of service; answers are for the account's own use",
)

_KIND_OF: Final = {
    "unauthenticated": ErrorKind.AUTH,
    "out_of_stock": ErrorKind.CAPACITY_UNAVAILABLE,
    "quota_exceeded": ErrorKind.QUOTA,
}


class _Type(Shape):
    product_name: str
    cpu_cores: int
    memory_gb: int
    gpu_type: str
    num_gpu: int


class _Capacity(Shape):
    type: str
    location: str
    quantity: int


class _Items(Shape):
    items: list[Any]


class _Capacities(Shape):
    items: list[_Capacity]


_Kind = tuple[Terms, int | None]
"""Terms and, of a term contract, its months."""


class Crusoe:
    """Crusoe's public cloud, and our reservations there."""

    profile = PROFILE

    def missing(self, access: Access) -> tuple[str, ...]:
        """Return what is not set of the key's two halves and the project that types belong to."""
        return tuple(name for name in PROFILE.secrets if not access.has(name))

    def fetch(self, ask: Ask, access: Access) -> Fetched:
        """Ask for types, where they are, and reservations; read the price sheet if there is one.

        The capacities belong to the offers too: without them no offer has a place.
        """
        auth = Signature(
            access_key=access.value(ACCESS_KEY) or "",
            secret=secret_of(access.value(SIGNING_KEY) or "", variable=SIGNING_KEY, supplier=KEY),
            now=access.now,
        )
        parts: list[Fetched] = []
        with Web(profile=PROFILE, access=access, classify=classify, auth=auth) as web:
            if ask.wanted & {Capability.OFFERS, Capability.STOCK}:
                path = f"/projects/{_in_path(access, PROJECT)}/compute/vms/types"
                types = gathered(only(partial(web.get, path, call=TYPES)), region=None)
                if not types.pages:
                    return types
                capacities = only(partial(web.get, "/capacities", call=CAPACITIES), reading=_rooms)
                parts = [types, softened(gathered(capacities, region=None)), _sheet(access)]
            if Capability.HOLDINGS in ask.wanted and access.has(ORGANIZATION):
                path = f"/organizations/{_in_path(access, ORGANIZATION)}/reservations"
                reserved = only(partial(web.get, path, call=RESERVATIONS), reading=_reserved)
                holdings = gathered(reserved, region=None)
                parts.append(softened(holdings) if parts else holdings)
        return joined(*parts)

    def parse(self, pages: Sequence[Page]) -> Answer:
        """Return an offer for each type, location and terms, priced as far as a sheet says."""
        book = OfferBook(profile=PROFILE)
        rooms, prices = _all_rooms(pages), _Prices.of(pages)
        listed: set[str] = set()
        for page in (page for page in pages if page.call == TYPES):
            rows, skips = read_rows(
                _Type,
                read_page(_Items, page, supplier=KEY).items,
                name_of=lambda row: row["product_name"],
                call=page.call,
                supplier=KEY,
            )
            book.skip_all(skips)
            for row in rows:
                listed.add(row.product_name)
                listing = _Listing(book=book, row=row, page=page, prices=prices)
                for region, stock in rooms.get(row.product_name, {None: UNKNOWN_STOCK}).items():
                    listing.add(region, stock)
            skipped = {skip.native_id for skip in skips}
            for name in rooms.keys() - listed - skipped:
                book.skip(name, SkipReason.NO_SHAPE, "has capacity and is not among the types")
            for name in prices.names() - listed - skipped:
                book.warn(f"{name} is in the price sheet and not among the types")
        return book.answer(holdings=holdings_of(pages, book=book))


def _in_path(access: Access, variable: str) -> str:
    return quote(access.value(variable) or "", safe="")


def _sheet(access: Access) -> Fetched:
    """Return the price sheet; one that is wrong leaves the offers unpriced and is told."""
    path = access.value(PRICE_SHEET)
    if path is None:
        return Fetched(pages=(), places=())

    def pages() -> Iterator[Page]:
        page = sheet_page(Path(path), supplier=KEY, access=access)
        price_rows(page, supplier=KEY)
        yield page

    return softened(gathered(pages(), region=None))


def _rooms(page: Page) -> list[_Capacity]:
    return read_page(_Capacities, page, supplier=KEY).items


def _reserved(page: Page) -> Reservations:
    return read_page(Reservations, page, supplier=KEY)


def _all_rooms(pages: Sequence[Page]) -> dict[str, dict[str | None, Stock]]:
    """Return type → location → stock; of two counts of the same the larger."""
    most: dict[tuple[str, str], int] = {}
    for page in (page for page in pages if page.call == CAPACITIES):
        for room in _rooms(page):
            key = room.type, room.location
            most[key] = max(room.quantity, most.get(key, 0))
    found: dict[str, dict[str | None, Stock]] = {}
    for (name, location), count in most.items():
        found.setdefault(name, {})[location] = Stock(
            state=StockState.IN_STOCK if count else StockState.OUT_OF_STOCK,
            count=count,
            count_unit=StockUnit.INSTANCE,
        )
    return found


@dataclass(frozen=True, slots=True)
class _Prices:
    """The latest price of each type, place and terms in the sheets; place None: everywhere."""

    rows: Mapping[str, Mapping[tuple[_Kind, str | None], PriceRow]] = field(repr=False)

    @classmethod
    def of(cls, pages: Sequence[Page]) -> _Prices:
        found: dict[str, dict[tuple[_Kind, str | None], PriceRow]] = {}
        for page in (page for page in pages if page.call == SHEET):
            for row in price_rows(page, supplier=KEY):
                if row.supplier != KEY:
                    continue
                by_kind = found.setdefault(row.native_id, {})
                key = (row.terms, row.term_months), row.region
                known = by_kind.get(key)
                if known is None or (row.as_of, row.line) >= (known.as_of, known.line):
                    by_kind[key] = row
        return cls(found)

    def names(self) -> frozenset[str]:
        """Return the types that have a price."""
        return frozenset(self.rows)

    def at(self, name: str, region: str | None) -> dict[_Kind, PriceRow]:
        """Return the prices of a type at a place, its own before those for everywhere."""
        by_kind = self.rows.get(name, {})
        everywhere = {kind: row for (kind, place), row in by_kind.items() if place is None}
        return everywhere | {kind: row for (kind, place), row in by_kind.items() if place == region}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    """One type, and the offers that it becomes."""

    book: OfferBook
    row: _Type
    page: Page
    prices: _Prices

    def add(self, region: str | None, stock: Stock) -> None:
        """Add it at a place: on demand with its stock, priced or not, and what else has a price."""
        on_demand: _Kind = (Terms.ON_DEMAND, None)
        found = {on_demand: None, **self.prices.at(self.row.product_name, region)}
        for (terms, months), priced in found.items():
            price = self._asked(priced)
            is_counted = (terms, months) == on_demand
            told = Stock(state=priced.stock) if priced else UNKNOWN_STOCK
            self.book.add(
                self.row.product_name,
                self._machine(),
                price,
                page=self.page,
                region=region,
                terms=terms,
                term_months=months,
                stock=stock if is_counted else told,
                flags=() if price.amount else (UNPRICED,),
                unpriced_is_offer=is_counted,
            )

    def _asked(self, priced: PriceRow | None) -> Asked:
        if priced is None:
            return Asked(amount=None, unit=PriceUnit.GPU)
        if priced.gpu_count != self.row.num_gpu or priced.unit not in PROFILE.units:
            self.book.warn(
                f"line {priced.line} of the price sheet is for another machine or unit than "
                f"{self.row.product_name} and was not used"
            )
            return Asked(amount=None, unit=PriceUnit.GPU)
        return Asked(
            amount=priced.price,
            unit=priced.unit,
            currency=priced.currency,
            kind=priced.price_kind,
        )

    def _machine(self) -> Machine:
        return Machine(
            gpu=self.row.gpu_type,
            count=self.row.num_gpu,
            vcpus=self.row.cpu_cores,
            memory_gib=Decimal(self.row.memory_gb),  # binary, as clouds count it
            interconnect="InfiniBand" if "-ib." in self.row.product_name else None,
        )


def classify(_status: int, content: Any) -> tuple[ErrorKind | None, str | None]:
    """Decide by Crusoe's code: a shortage comes as 409, an exceeded quota as 403."""
    code = content.get("code") if isinstance(content, dict) else None
    return (_KIND_OF.get(code), code) if isinstance(code, str) else (None, None)


SUPPLIER: Final = Crusoe()
