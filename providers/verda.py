"""Verda, once DataCrunch: types are public, stock needs a token.

Prices are strings per instance. Stock is the list of types that each location has, apart for
on-demand and spot: a type in no list is sold out and still priced, and without a token nothing is
known of stock. Memory is documented as the instance's total, and was seen as that of one GPU.
Term contracts are a discount in percent on the list price. The price history (fixed and dynamic)
is not read: dynamic is the second way to pay on demand, not spot.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, Final, Literal

from pricing.hardware import UnknownGpuError, canonical_gpu
from pricing.offer import UNKNOWN_STOCK, PriceUnit, Stock, StockState, Terms
from providers.access import Access
from providers.client_credentials import ClientCredentials
from providers.errors import ErrorKind
from providers.http import Web
from providers.offer_book import Asked, Machine, OfferBook
from providers.paging import gathered, joined, only, softened
from providers.shape import Amount, Shape, read_page, read_rows
from providers.supplier import (
    Answer,
    Ask,
    Capability,
    Fetched,
    GoldenPrice,
    Page,
    Profile,
)

KEY: Final = "verda"
CREDENTIAL: Final = ("TONNAGE_VERDA_CLIENT_ID", "TONNAGE_VERDA_CLIENT_SECRET")
SIGN_IN: Final = "/oauth2/token"
TYPES: Final = "instance-types"
STOCK_ON_DEMAND: Final = "instance-availability on-demand"
STOCK_SPOT: Final = "instance-availability spot"
TERM_DISCOUNTS: Final = "long-term-periods"

PROFILE: Final = Profile(
    key=KEY,
    name="Verda",
    hosts=("api.verda.com", "api.datacrunch.io"),
    url="https://api.verda.com/v1",
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
    public=frozenset({Capability.OFFERS}),
    secrets=CREDENTIAL,
    permissions={
        Capability.OFFERS: ("none for types; cloud-api-v1 for term discounts",),
        Capability.STOCK: ("scope cloud-api-v1",),
    },
    licence="Verda terms of service; answers are for the account's own use",
)

_KIND_OF: Final = {
    "unauthorized_request": ErrorKind.AUTH,
    "forbidden_action": ErrorKind.PERMISSION,
    "insufficient_funds": ErrorKind.BILLING,
    "insufficient_resources": ErrorKind.CAPACITY_UNAVAILABLE,
    "invalid_request": ErrorKind.INVALID_REQUEST,
    "not_found": ErrorKind.NOT_FOUND,
}

_STOCK_OF: Final = {STOCK_ON_DEMAND: Terms.ON_DEMAND, STOCK_SPOT: Terms.SPOT}


class _Cores(Shape):
    number_of_cores: int


class _Gpus(Shape):
    number_of_gpus: int


class _Size(Shape):
    size_in_gigabytes: int


class _Type(Shape):
    instance_type: str
    name: str
    cpu: _Cores
    gpu: _Gpus
    gpu_memory: _Size
    memory: _Size
    price_per_hour: Amount | None
    spot_price: Amount | None
    currency: Literal["usd"]  # as asked for; a row in another would be priced wrongly


class _Location(Shape):
    location_code: str
    availabilities: list[str]


class _Period(Shape):
    code: str
    is_enabled: bool
    unit_name: str
    unit_value: int
    discount_percentage: Amount


_InStock = Mapping[Terms, Mapping[str, frozenset[str]]]
"""Terms → type → the locations that have it. Terms that were not answered are absent."""


class Verda:
    """Verda's public cloud."""

    profile = PROFILE

    def missing(self, access: Access) -> tuple[str, ...]:
        """Return the other half when only one half of the credential is set; none is public."""
        missing = tuple(name for name in CREDENTIAL if not access.has(name))
        return missing if len(missing) == 1 else ()

    def fetch(self, ask: Ask, access: Access) -> Fetched:
        """Ask for the types and, with a credential, where they are and what terms cost.

        The stock lists belong to the offers too: without them no offer has a place.
        """
        if not ask.wanted & PROFILE.capabilities:
            return Fetched(pages=(), places=())
        auth = _auth(access)
        with Web(profile=PROFILE, access=access, classify=classify, auth=auth) as web:
            listed = partial(web.get, "/instance-types", call=TYPES, query={"currency": "usd"})
            types = gathered(only(listed), region=None)
            if auth is None or not types.pages:
                return types
            return joined(types, *(softened(gathered(each, region=None)) for each in _more(web)))

    def parse(self, pages: Sequence[Page]) -> Answer:
        """Return an offer for each type, location and terms; one without region where sold out."""
        book = OfferBook(profile=PROFILE)
        in_stock = _in_stock(pages)
        discounts = (page for page in pages if page.call == TERM_DISCOUNTS)
        periods = [period for page in discounts for period in _periods(page)]
        for page in pages:
            if page.call != TYPES:
                continue
            rows, skips = read_rows(
                _Type,
                read_page(list[Any], page, supplier=KEY),
                name_of=lambda row: row["instance_type"],
                call=page.call,
                supplier=KEY,
            )
            book.skip_all(skips)
            for row in rows:
                listing = _Listing(book=book, row=row, page=page)
                listing.add_for_now(in_stock)
                listing.add_for_terms(periods)
        return book.answer()


def _auth(access: Access) -> ClientCredentials | None:
    client_id, client_secret = (access.value(name) for name in CREDENTIAL)
    if client_id is None or client_secret is None:
        return None
    return ClientCredentials(
        supplier=KEY,
        name=PROFILE.name,
        url=access.url(KEY, PROFILE.url).rstrip("/") + SIGN_IN,
        client_id=client_id,
        client_secret=client_secret,
        access=access,
        classify=classify,
    )


def _more(web: Web) -> Iterator[Iterator[Page]]:
    """Yield what only an account may ask, none of which the types depend on."""
    for call, is_spot in ((STOCK_ON_DEMAND, "false"), (STOCK_SPOT, "true")):
        query = {"is_spot": is_spot}
        stock = partial(web.get, "/instance-availability", call=call, query=query)
        yield only(stock, reading=_locations)
    terms = partial(web.get, "/long-term/periods/instances", call=TERM_DISCOUNTS)
    yield only(terms, reading=_periods)


def _locations(page: Page) -> list[_Location]:
    return read_page(list[_Location], page, supplier=KEY)


def _periods(page: Page) -> list[_Period]:
    return read_page(list[_Period], page, supplier=KEY)


def _in_stock(pages: Sequence[Page]) -> _InStock:
    found: dict[Terms, dict[str, frozenset[str]]] = {}
    for page in pages:
        terms = _STOCK_OF.get(page.call)
        if terms is None:
            continue
        by_type = found.setdefault(terms, {})
        for location in _locations(page):
            for name in location.availabilities:
                by_type[name] = by_type.get(name, frozenset()) | {location.location_code}
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    """One type, and the offers that it becomes."""

    book: OfferBook
    row: _Type
    page: Page

    def add_for_now(self, in_stock: _InStock) -> None:
        """Add what can be had without a term, where it can be had."""
        prices = {Terms.ON_DEMAND: self.row.price_per_hour, Terms.SPOT: self.row.spot_price}
        for terms, amount in prices.items():
            by_type = in_stock.get(terms)
            with_room = by_type.get(self.row.instance_type) if by_type is not None else None
            if by_type is None:
                stock = UNKNOWN_STOCK
            else:
                stock = Stock(state=StockState.IN_STOCK if with_room else StockState.OUT_OF_STOCK)
            places: list[str | None] = [*(with_room or ())] or [None]
            for region in places:
                self.book.add(
                    self.row.instance_type,
                    self._machine(),
                    Asked(amount=amount, unit=PriceUnit.INSTANCE),
                    page=self.page,
                    region=region,
                    terms=terms,
                    stock=stock,
                )

    def add_for_terms(self, periods: Sequence[_Period]) -> None:
        """Add what a term contract costs: the list price less the discount of its length."""
        listed = self.row.price_per_hour
        if not listed or self.row.gpu.number_of_gpus < 1:
            return
        for period in (each for each in periods if each.is_enabled):
            if period.unit_name != "month":
                self.book.warn(f"term {period.code} counts in {period.unit_name}s: left out")
                continue
            discount = period.discount_percentage
            self.book.add(
                self.row.instance_type,
                self._machine(),
                Asked(
                    amount=listed * (100 - discount) / 100,
                    unit=PriceUnit.INSTANCE,
                    kind=f"list less {discount:f} %",
                ),
                page=self.page,
                region=None,
                terms=Terms.RESERVED,
                term_months=period.unit_value,
            )

    def _machine(self) -> Machine:
        return Machine(
            gpu=self.row.name,
            count=self.row.gpu.number_of_gpus,
            memory_gb=_memory_of_one(self.row),
            vcpus=self.row.cpu.number_of_cores,
            memory_gib=Decimal(self.row.memory.size_in_gigabytes),  # binary, as clouds count it
        )


def _memory_of_one(row: _Type) -> int | None:
    """Return the memory of one GPU: the total shared out, unless it already is a GPU's own."""
    total, count = row.gpu_memory.size_in_gigabytes, row.gpu.number_of_gpus
    if count < 1:
        return None
    try:
        named = canonical_gpu(row.name, provider=KEY)
    except UnknownGpuError:
        return total // count
    is_of_one = named.memory_gb is not None and not named.memory_differs(total)
    return total if is_of_one else total // count


def classify(_status: int, content: Any) -> tuple[ErrorKind | None, str | None]:
    """Decide by Verda's code: a shortage comes as HTTP 503."""
    code = content.get("code") if isinstance(content, dict) else None
    return (_KIND_OF.get(code), code) if isinstance(code, str) else (None, None)


SUPPLIER: Final = Verda()
