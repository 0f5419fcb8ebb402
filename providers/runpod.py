"""RunPod: pods from data centres of its own (secure) and from those of others (community).

Prices are per GPU and the same for 1 GPU and for the most that a pod may have, so an offer is one
GPU. The two clouds are different risks and never one offer; community hosts name no place and no
stock. MIG slices stand beside whole GPUs under almost the same name.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final

from pydantic import Field

from pricing.offer import UNKNOWN_STOCK, OfferClass, PriceUnit, Stock, StockState, Terms
from providers.access import Access
from providers.errors import ErrorKind
from providers.http import Web
from providers.offer_book import Asked, Machine, OfferBook
from providers.paging import gathered, only
from providers.shape import Amount, Shape, read_page, read_rows
from providers.supplier import (
    Answer,
    Ask,
    Capability,
    Fetched,
    GoldenPrice,
    Page,
    Profile,
    SkipReason,
)

KEY: Final = "runpod"
API_KEY: Final = "TONNAGE_RUNPOD_API_KEY"
CATALOGUE: Final = "gpu-catalogue"

PROFILE: Final = Profile(
    key=KEY,
    name="RunPod",
    hosts=("api.runpod.io",),
    url="https://api.runpod.io",
    units=(PriceUnit.GPU,),
    golden=(
        GoldenPrice(
            raw=Decimal("6.79"),
            unit=PriceUnit.GPU,
            gpu_count=8,
            per_gpu_hour=Decimal("6.79"),
        ),
    ),
    capabilities=frozenset({Capability.OFFERS, Capability.STOCK}),
    secrets=(API_KEY,),
    permissions={
        Capability.OFFERS: ("an API key with read access to the catalogue",),
        Capability.STOCK: ("an API key with read access to the catalogue",),
    },
    licence="RunPod terms of service: no index or data base from its listings; own account only",
)

_STATE_OF: Final = {
    "HIGH": StockState.IN_STOCK,
    "MEDIUM": StockState.IN_STOCK,
    "LOW": StockState.IN_STOCK,
    "NONE": StockState.OUT_OF_STOCK,
}


class _Prices(Shape):
    secure: Amount | None
    community: Amount | None


class _Counts(Shape):
    secure: int
    community: int


class _DataCentre(Shape):
    id: str
    availability: str | None = None


class _Gpu(Shape):
    id: str
    memory: int
    secure: bool
    community: bool
    price: _Prices
    most: _Counts = Field(alias="maxCount")
    availability: str | None = None
    data_centres: list[_DataCentre] | None = Field(default=None, alias="dataCenters")


class _Catalogue(Shape):
    gpus: list[Any]


class RunPod:
    """RunPod's catalogue of pods."""

    profile = PROFILE

    def missing(self, access: Access) -> tuple[str, ...]:
        """Return the key if it is not set: nothing of the present API is public."""
        return () if access.has(API_KEY) else (API_KEY,)

    def fetch(self, ask: Ask, access: Access) -> Fetched:
        """Ask for the one list there is; stock comes with it, for a named product only."""
        if not ask.wanted & PROFILE.capabilities:
            return Fetched(pages=(), places=())
        headers = {"Authorization": f"Bearer {access.value(API_KEY)}"}
        query = {"include": "AVAILABILITY", "product": "POD"}
        with Web(profile=PROFILE, access=access, classify=classify, headers=headers) as web:
            catalogue = partial(web.get, "/v2/catalog/gpus", call=CATALOGUE, query=query)
            return gathered(only(catalogue), region=None)

    def parse(self, pages: Sequence[Page]) -> Answer:
        """Return an offer for each GPU in each data centre, and one in the community cloud."""
        book = OfferBook(profile=PROFILE)
        for page in pages:
            rows, skips = read_rows(
                _Gpu,
                read_page(_Catalogue, page, supplier=KEY).gpus,
                name_of=lambda row: row["id"],
                call=page.call,
                supplier=KEY,
            )
            book.skip_all(skips)
            for row in rows:
                _add(book, row, page)
        return book.answer()


def _add(book: OfferBook, row: _Gpu, page: Page) -> None:
    if row.secure:
        _add_secure(book, row, page)
    if row.community:
        book.add(
            row.id,
            _machine(row),
            Asked(amount=row.price.community, unit=PriceUnit.GPU),
            page=page,
            region=None,
            terms=Terms.ON_DEMAND,
            stock=UNKNOWN_STOCK,  # the level of the row is that of the secure cloud
            offer_class=OfferClass.COMMUNITY,
            flags=(_most(row.most.community),),
        )
    if not (row.secure or row.community):
        book.skip(row.id, SkipReason.NO_SHAPE, "offered in neither cloud")


def _add_secure(book: OfferBook, row: _Gpu, page: Page) -> None:
    """Add the data centres that are named; with none, the GPU is still listed and priced."""
    places: list[tuple[str | None, str | None]] = [
        (centre.id, centre.availability) for centre in row.data_centres or ()
    ]
    for region, level in places or [(None, row.availability)]:
        book.add(
            row.id,
            _machine(row),
            Asked(amount=row.price.secure, unit=PriceUnit.GPU),
            page=page,
            region=region,
            terms=Terms.ON_DEMAND,
            stock=_stock(level),
            offer_class=OfferClass.SECURE,
            flags=(_most(row.most.secure),),
        )


def _machine(row: _Gpu) -> Machine:
    return Machine(gpu=row.id, count=1, memory_gb=row.memory)


def _most(count: int) -> str:
    return f"up-to-{count}-gpus"


def _stock(level: str | None) -> Stock:
    """Return the stock of a level, which never becomes a number."""
    if level is None:
        return UNKNOWN_STOCK
    return Stock(state=_STATE_OF.get(level, StockState.UNKNOWN), raw=level)


def classify(_status: int, content: Any) -> tuple[ErrorKind | None, str | None]:
    """Leave it to the status: problem documents (RFC 7807) carry a title and no code."""
    title = content.get("title") if isinstance(content, dict) else None
    return None, title if isinstance(title, str) else None


SUPPLIER: Final = RunPod()
