"""Shadeform: a reseller's list of what some thirty clouds have, sold out or not.

Prices are whole US cents for the instance: the schema names no currency, dollars are its custom,
so confirm it in the contract. The form factor stands in `interconnect` alone. Regions belong to
the cloud behind; `excesssupply` hides whose they are. Asking for what is available only would hide
the sold-out rows, so everything is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from pricing.offer import PriceUnit, Stock, StockState
from providers.access import Access
from providers.errors import ErrorKind
from providers.http import Web
from providers.offer_book import Asked, Machine, OfferBook
from providers.paging import gathered
from providers.shape import Amount, Shape, read_page, read_rows
from providers.supplier import (
    Answer,
    Ask,
    Capability,
    Fetched,
    GoldenPrice,
    Page,
    Profile,
    Sharing,
)
from providers.upstreams import upstream

KEY: Final = "shadeform"
API_KEY: Final = "TONNAGE_SHADEFORM_API_KEY"
TYPES: Final = "instance-types"

PROFILE: Final = Profile(
    key=KEY,
    name="Shadeform",
    hosts=("api.shadeform.ai",),
    url="https://api.shadeform.ai/v1",
    units=(PriceUnit.CENTS_PER_INSTANCE,),
    golden=(
        GoldenPrice(
            raw=Decimal(2560),
            unit=PriceUnit.CENTS_PER_INSTANCE,
            gpu_count=8,
            per_gpu_hour=Decimal("3.20"),
        ),
    ),
    capabilities=frozenset({Capability.OFFERS, Capability.STOCK}),
    secrets=(API_KEY,),
    permissions={
        Capability.OFFERS: ("any API key of the account",),
        Capability.STOCK: ("any API key of the account",),
    },
    licence="Shadeform terms of service: answers are for the account's own use; no scraping",
    sharing=Sharing.OWN_USE,
    is_reseller=True,
)

_KIND_OF: Final = {
    "UNAUTHORIZED": ErrorKind.AUTH,
    "FORBIDDEN": ErrorKind.PERMISSION,
    "OUT_OF_STOCK": ErrorKind.CAPACITY_UNAVAILABLE,
}


class _Configuration(Shape):
    gpu_type: str
    interconnect: str | None = None
    num_gpus: int
    vcpus: int | None = None
    vram_per_gpu_in_gb: int | None = None


class _Room(Shape):
    region: str
    available: bool


class _Listed(Shape):
    cloud: str
    region: str | None = None
    shade_instance_type: str
    configuration: _Configuration
    hourly_price: Amount | None
    deployment_type: str | None = None
    availability: list[_Room]


class _Types(Shape):
    instance_types: list[Any]


class Shadeform:
    """Shadeform's marketplace."""

    profile = PROFILE

    def missing(self, access: Access) -> tuple[str, ...]:
        """Return the key if it is not set: nothing here is public."""
        return () if access.has(API_KEY) else (API_KEY,)

    def fetch(self, ask: Ask, access: Access) -> Fetched:
        """Ask for the one list there is; stock comes with it."""
        if Capability.OFFERS not in ask.wanted:
            return Fetched(pages=(), places=())
        return gathered(self._pages(access), region=None)

    def _pages(self, access: Access) -> Iterator[Page]:
        headers = {"X-API-KEY": access.value(API_KEY) or ""}
        with Web(profile=PROFILE, access=access, classify=classify, headers=headers) as web:
            yield web.get("/instances/types", call=TYPES, query={"sort": "price"}).page

    def parse(self, pages: Sequence[Page]) -> Answer:
        """Return an offer for each type and region of each cloud, sold out or not."""
        book = OfferBook(profile=PROFILE)
        for page in pages:
            types = read_page(_Types, page, supplier=KEY)
            rows, skips = read_rows(
                _Listed,
                types.instance_types,
                name_of=lambda row: row["shade_instance_type"],
                call=page.call,
                supplier=KEY,
            )
            book.skip_all(skips)
            for row in rows:
                _add(book, row, page)
        return book.answer()


def _add(book: OfferBook, row: _Listed, page: Page) -> None:
    hardware = row.configuration
    machine = Machine(
        gpu=hardware.gpu_type,
        form_factor=hardware.interconnect,
        count=hardware.num_gpus,
        memory_gb=hardware.vram_per_gpu_in_gb,
        vcpus=hardware.vcpus,
    )
    kind = row.deployment_type
    flags = (kind.lower(),) if kind and kind.lower() != "vm" else ()
    for place, is_available in _places(row):
        book.add(
            row.shade_instance_type,
            machine,
            Asked(amount=row.hourly_price, unit=PriceUnit.CENTS_PER_INSTANCE),
            page=page,
            region=place,
            stock=Stock(state=StockState.IN_STOCK if is_available else StockState.OUT_OF_STOCK),
            upstream=upstream(row.cloud),
            flags=flags,
        )


def _places(row: _Listed) -> Iterator[tuple[str, bool]]:
    """Yield each place as cloud and region: clouds have regions of the same name."""
    for room in row.availability:
        yield f"{row.cloud}/{room.region}", room.available
    if not row.availability:
        yield f"{row.cloud}/{row.region}" if row.region else row.cloud, False


def classify(_status: int, content: Any) -> tuple[ErrorKind | None, str | None]:
    """Decide by Shadeform's code where it is one that we know."""
    code = content.get("code") if isinstance(content, dict) else None
    return (_KIND_OF.get(code), code) if isinstance(code, str) else (None, None)


SUPPLIER: Final = Shadeform()
