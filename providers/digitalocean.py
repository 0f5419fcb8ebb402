"""DigitalOcean: every droplet size in one paged list, the terms in the suffix of its slug.

No suffix is on demand, `-spot` is spot, `-contracted` a term contract: those often state no price,
and the regions that are listed for them are not reliable, so a contract says more. A size without
a region, or not `available`, is sold out and still an offer. `vram` is the memory of all GPUs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from pricing.hardware import Gpu
from pricing.offer import PriceUnit, Stock, StockState, Terms
from providers.access import Access
from providers.errors import ErrorKind
from providers.http import Answered, Web
from providers.offer_book import Asked, Machine, OfferBook
from providers.paging import by_cursor, gathered
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
    SkipReason,
)

KEY: Final = "digitalocean"
API_KEY: Final = "TONNAGE_DIGITALOCEAN_API_KEY"
SIZES: Final = "sizes"
PAGE_SIZE: Final = 200
MIB_PER_GIB: Final = 1024

PROFILE: Final = Profile(
    key=KEY,
    name="DigitalOcean",
    hosts=("api.digitalocean.com",),
    url="https://api.digitalocean.com/v2",
    units=(PriceUnit.INSTANCE,),
    golden=(
        GoldenPrice(
            raw=Decimal("35.28"),
            unit=PriceUnit.INSTANCE,
            gpu_count=8,
            per_gpu_hour=Decimal("4.41"),
        ),
    ),
    capabilities=frozenset({Capability.OFFERS, Capability.STOCK}),
    secrets=(API_KEY,),
    permissions={
        Capability.OFFERS: ("sizes:read", "regions:read"),
        Capability.STOCK: ("sizes:read", "regions:read"),
    },
    paging=Paging.LINK,
    licence="DigitalOcean terms of service; list prices are public",
)

_KIND_OF: Final = {
    "unauthorized": ErrorKind.AUTH,
    "forbidden": ErrorKind.PERMISSION,
    "not_found": ErrorKind.NOT_FOUND,
    "too_many_requests": ErrorKind.THROTTLED,
    "unprocessable_entity": ErrorKind.INVALID_REQUEST,
    "server_error": ErrorKind.TRANSIENT,
    "service_unavailable": ErrorKind.TRANSIENT,
}


class _Vram(Shape):
    amount: Amount


class _GpuInfo(Shape):
    count: Amount
    model: str
    vram: _Vram | None = None


class _Size(Shape):
    slug: str
    price_hourly: Amount | None
    vcpus: int
    memory: Amount  # MiB
    regions: list[str]
    available: bool
    gpu_info: _GpuInfo | None = None


class _Pages(Shape):
    next: str | None = None


class _Links(Shape):
    pages: _Pages = _Pages()


class _Sizes(Shape):
    sizes: list[Any]
    links: _Links


class DigitalOcean:
    """DigitalOcean's GPU droplets."""

    profile = PROFILE

    def missing(self, access: Access) -> tuple[str, ...]:
        """Return the token if it is not set: nothing here is public."""
        return () if access.has(API_KEY) else (API_KEY,)

    def fetch(self, ask: Ask, access: Access) -> Fetched:
        """Ask for the sizes, page after page: stock comes with them."""
        if Capability.OFFERS not in ask.wanted:
            return Fetched(pages=(), places=())
        return gathered(self._pages(access), region=None)

    def _pages(self, access: Access) -> Iterator[Page]:
        headers = {"Authorization": f"Bearer {access.value(API_KEY)}"}
        with Web(profile=PROFILE, access=access, classify=classify, headers=headers) as web:

            def ask(link: str | None) -> Answered:
                return web.get("/sizes", call=SIZES, query=_query(link))

            yield from by_cursor(ask, _next, supplier=KEY)

    def parse(self, pages: Sequence[Page]) -> Answer:
        """Return an offer for each size and region, one without region where there is none."""
        book = OfferBook(profile=PROFILE)
        for page in pages:
            listed = read_page(_Sizes, page, supplier=KEY)
            rows, skips = read_rows(
                _Size,
                listed.sizes,
                name_of=lambda row: row["slug"],
                call=page.call,
                supplier=KEY,
            )
            book.skip_all(skips)
            for row in rows:
                _add(book, row, page)
        return book.answer()


def terms_of(slug: str) -> Terms:
    """Return the terms that the suffix of a slug states."""
    if slug.endswith("-contracted"):
        return Terms.RESERVED
    return Terms.SPOT if slug.endswith("-spot") else Terms.ON_DEMAND


def classify(status: int, content: Any) -> tuple[ErrorKind | None, str | None]:
    """Decide by DigitalOcean's code, and by its text where one code means several things."""
    code = content.get("id") if isinstance(content, dict) else None
    if not isinstance(code, str):
        return None, None
    if status == 422 and "not available" in str(content.get("message")):
        return ErrorKind.CAPACITY_UNAVAILABLE, code
    return _KIND_OF.get(code.lower()), code


def _query(link: str | None) -> dict[str, str | int]:
    # Only the question of a link is followed: it is asked where the first page came from.
    if link is None:
        return {"per_page": PAGE_SIZE, "page": 1}
    return dict(parse_qsl(urlsplit(link).query))


def _next(answered: Answered) -> str | None:
    listed = read_as(_Sizes, answered.content, call=SIZES, supplier=KEY)
    return listed.links.pages.next


def _add(book: OfferBook, row: _Size, page: Page) -> None:
    machine = _machine(book, row)
    if machine is None:
        return
    terms = terms_of(row.slug)
    on_contract = terms is Terms.RESERVED
    flags = ("price_on_contract",) if on_contract and not row.price_hourly else ()
    has_room = row.available and bool(row.regions)
    regions: list[str | None] = [*row.regions] or [None]
    for region in regions:
        book.add(
            row.slug,
            machine,
            Asked(amount=row.price_hourly, unit=PriceUnit.INSTANCE),
            page=page,
            region=region,
            terms=terms,
            stock=Stock(state=StockState.IN_STOCK if has_room else StockState.OUT_OF_STOCK),
            flags=flags,
            unpriced_is_offer=on_contract,
        )


def _machine(book: OfferBook, row: _Size) -> Machine | None:
    """Return the hardware of a size, or None and a skip that says why it is no whole GPU."""
    info = row.gpu_info
    if info is None or info.count <= 0:
        book.skip(row.slug, SkipReason.NO_GPU)
        return None
    gpu = book.gpu(row.slug, info.model)
    if gpu is None:
        return None
    if info.count % 1 or _is_slice(gpu, info):
        book.skip(row.slug, SkipReason.GPU_SLICE, "the size holds less than a whole GPU")
        return None
    return Machine(
        gpu=info.model,
        count=int(info.count),
        vcpus=row.vcpus,
        memory_gib=row.memory / MIB_PER_GIB,
        interconnect="fabric" if "-fabric" in row.slug else None,
    )


def _is_slice(gpu: Gpu, info: _GpuInfo) -> bool:
    """Say whether the memory is too little for as many GPUs, and even for one."""
    if info.vram is None or gpu.memory_gb is None:
        return False
    least = info.vram.amount / info.count
    stated = {int(least.to_integral_value()), int(info.vram.amount)}  # in all, or of each GPU
    return least < gpu.memory_gb and all(gpu.memory_differs(memory) for memory in stated)


SUPPLIER: Final = DigitalOcean()
