"""Lambda: types and prices as one map, stock as the regions that have room.

A type with no region is sold out and still priced: it is an offer without a place. The price per
GPU differs by size, so each size is an offer of its own. Reserved capacity exists on paper only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from pricing.offer import PriceUnit, Stock, StockState, Terms
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
)

KEY: Final = "lambda"
API_KEY: Final = "TONNAGE_LAMBDA_API_KEY"
TYPES: Final = "instance-types"

PROFILE: Final = Profile(
    key=KEY,
    name="Lambda",
    hosts=("cloud.lambda.ai", "cloud.lambdalabs.com"),
    url="https://cloud.lambda.ai/api/v1",
    units=(PriceUnit.CENTS_PER_INSTANCE,),
    golden=(
        GoldenPrice(
            raw=Decimal(5352),
            unit=PriceUnit.CENTS_PER_INSTANCE,
            gpu_count=8,
            per_gpu_hour=Decimal("6.69"),
        ),
    ),
    capabilities=frozenset({Capability.OFFERS, Capability.STOCK}),
    secrets=(API_KEY,),
    permissions={Capability.OFFERS: ("any API key of the account",)},
    licence="Lambda terms of service; answers are for the account's own use",
)

_KIND_OF: Final = {
    "global/invalid-api-key": ErrorKind.AUTH,
    "global/account-inactive": ErrorKind.PERMISSION,
    "global/invalid-parameters": ErrorKind.INVALID_REQUEST,
    "global/quota-exceeded": ErrorKind.QUOTA,
    "global/rate-limited": ErrorKind.THROTTLED,
    "global/object-does-not-exist": ErrorKind.NOT_FOUND,
    "global/conflict": ErrorKind.CONFLICT,
    "instance-operations/launch/insufficient-capacity": ErrorKind.CAPACITY_UNAVAILABLE,
}


class _Specs(Shape):
    vcpus: int
    memory_gib: Amount
    gpus: int


class _InstanceType(Shape):
    name: str
    gpu_description: str
    price_cents_per_hour: Amount
    specs: _Specs


class _Region(Shape):
    name: str


class _Listed(Shape):
    instance_type: _InstanceType
    regions_with_capacity_available: list[_Region]


class _Types(Shape):
    data: dict[str, Any]


class LambdaCloud:
    """Lambda's public cloud."""

    profile = PROFILE

    def missing(self, access: Access) -> tuple[str, ...]:
        """Return the key if it is not set: nothing here is public."""
        return () if access.has(API_KEY) else (API_KEY,)

    def fetch(self, ask: Ask, access: Access) -> Fetched:
        """Ask for the one list there is."""
        if Capability.OFFERS not in ask.wanted:
            return Fetched(pages=(), places=())
        return gathered(self._pages(access), region=None)

    def _pages(self, access: Access) -> Iterator[Page]:
        headers = {"Authorization": f"Bearer {access.value(API_KEY)}"}
        with Web(profile=PROFILE, access=access, classify=classify, headers=headers) as web:
            yield web.get("/instance-types", call=TYPES).page

    def parse(self, pages: Sequence[Page]) -> Answer:
        """Return an offer for each type and region, and one without region where it is sold out."""
        book = OfferBook(profile=PROFILE)
        for page in pages:
            types = read_page(_Types, page, supplier=KEY)
            rows, skips = read_rows(
                _Listed,
                types.data.values(),
                name_of=lambda row: row["instance_type"]["name"],
                call=page.call,
                supplier=KEY,
            )
            book.skip_all(skips)
            for row in rows:
                _add(book, row, page)
        return book.answer()


def _add(book: OfferBook, row: _Listed, page: Page) -> None:
    kind = row.instance_type
    machine = Machine(
        gpu=kind.gpu_description,
        count=kind.specs.gpus,
        vcpus=kind.specs.vcpus,
        memory_gib=kind.specs.memory_gib,
    )
    price = Asked(amount=kind.price_cents_per_hour, unit=PriceUnit.CENTS_PER_INSTANCE)
    with_room = [region.name for region in row.regions_with_capacity_available]
    state = StockState.IN_STOCK if with_room else StockState.OUT_OF_STOCK
    places: list[str | None] = [*with_room] or [None]
    for region in places:
        book.add(
            kind.name,
            machine,
            price,
            page=page,
            region=region,
            terms=Terms.ON_DEMAND,
            stock=Stock(state=state),
        )


def classify(_status: int, content: Any) -> tuple[ErrorKind | None, str | None]:
    """Decide by Lambda's code: a shortage and an exceeded quota both come as HTTP 400."""
    error = content.get("error") if isinstance(content, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    return (_KIND_OF.get(code), code) if isinstance(code, str) else (None, None)


SUPPLIER: Final = LambdaCloud()
