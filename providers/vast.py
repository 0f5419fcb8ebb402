"""Vast.ai, a market of hosts: each row of its search is one machine that somebody offers.

The search is public, a POST, and has a limit but no pages: it is asked once for each name of a GPU,
cheapest first, and dearer offers than fit are none of ours (the reading warns). Prices are dollars
an hour for all GPUs of the row: `dph_base` for the machine, `dph_total` with the least disk,
`min_bid` the bid that gets it now on interruptible terms. One name means two cards for the A100:
`gpu_ram`, in MiB of one GPU, tells them apart. A machine that is offered in parts comes as several
rows, so counts are not to be added up. A bad key is a 404, and 429 is plain text without
Retry-After.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from pricing.offer import OfferClass, PriceUnit, Stock, StockState, StockUnit, Terms
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

KEY: Final = "vast"
SEARCH_PATH: Final = "/bundles/"
MOST_ROWS: Final = 64
"""The limit that is asked for: the search has one, and no second page."""

GPU_NAMES: Final = (
    "H100 SXM", "H100 NVL", "H100 PCIE", "H200", "H200 NVL", "B200", "B300 PC", "GB200",
    "A100 SXM4", "A100 PCIE", "L40S", "L4", "RTX PRO 6000 S", "RTX PRO 6000 WS", "RTX 6000Ada",
    "RTX A6000",
)  # fmt: skip
"""Its spellings of data-centre cards, the most wanted first: what comes late may be missing."""

PROFILE: Final = Profile(
    key=KEY,
    name="Vast.ai",
    hosts=("console.vast.ai",),
    url="https://console.vast.ai/api/v0",
    units=(PriceUnit.INSTANCE,),
    golden=(
        GoldenPrice(
            raw=Decimal("36.8"),
            unit=PriceUnit.INSTANCE,
            gpu_count=8,
            per_gpu_hour=Decimal("4.60"),
        ),
    ),
    capabilities=frozenset({Capability.OFFERS, Capability.STOCK}),
    public=frozenset({Capability.OFFERS, Capability.STOCK}),
    licence="for own purchases only: its terms forbid an index or benchmark made of its listings, "
    "and automated collection beyond own use without a licence",
    sharing=Sharing.OWN_USE,
    least_interval=timedelta(seconds=6),  # about ten requests a minute for an address
    time_out=timedelta(minutes=3),  # one request for each name
)

_KIND_OF: Final = {"invalid_user": ErrorKind.AUTH}
_COUNTRY: Final = re.compile(r",\s*([A-Z]{2})\s*$")
_CLASS_OF: Final = {0: OfferClass.COMMUNITY, 1: OfferClass.SECURE}
_MIB_OF_GIB: Final = 1024


class _Row(Shape):
    id: int
    gpu_name: str
    num_gpus: int
    gpu_ram: Amount
    dph_base: Amount
    dph_total: Amount
    min_bid: Amount | None = None
    cpu_cores_effective: Amount | None = None
    geolocation: str | None = None
    hosting_type: int | None = None
    rentable: bool
    rented: bool


class _Found(Shape):
    offers: list[Any]


class Vast:
    """The supplier."""

    profile = PROFILE

    def missing(self, _access: Access) -> tuple[str, ...]:
        """Return nothing: the search needs no credential."""
        return ()

    def fetch(self, ask: Ask, access: Access) -> Fetched:
        """Search for each name of a GPU."""
        if not ask.wanted & PROFILE.capabilities:
            return Fetched(pages=(), places=())
        return gathered(self._pages(access), region=None)

    def _pages(self, access: Access) -> Iterator[Page]:
        with Web(profile=PROFILE, access=access, classify=classify) as web:
            for name in GPU_NAMES:
                call = f"search {name}"
                yield web.ask(SEARCH_PATH, call=call, body=_search_for(name)).page

    def parse(self, pages: Sequence[Page]) -> Answer:
        """Return an offer on demand for each machine, and on spot terms where bids are taken."""
        book = OfferBook(profile=PROFILE)
        for page in pages:
            found = read_page(_Found, page, supplier=KEY).offers
            if len(found) >= MOST_ROWS:
                book.warn(f"{page.call}: {MOST_ROWS} offers, the limit; dearer ones are not listed")
            rows, skips = read_rows(
                _Row,
                found,
                name_of=lambda row: row["id"],
                call=page.call,
                supplier=KEY,
            )
            book.skip_all(skips)
            for row in rows:
                _add(book, row, page)
        return book.answer()


def classify(_status: int, content: Any) -> tuple[ErrorKind | None, str | None]:
    """Decide by the supplier's code: a key that it does not know is a 404 and no missing page."""
    code = content.get("error") if isinstance(content, dict) else None
    return (_KIND_OF.get(code), code) if isinstance(code, str) else (None, None)


def _search_for(gpu_name: str) -> dict[str, Any]:
    """Return the search for verified machines of data centres, in whatever number of GPUs."""
    return {
        "gpu_name": {"eq": gpu_name},
        "rentable": {"eq": True},
        "rented": {"eq": False},
        "verified": {"eq": True},
        "datacenter": {"eq": True},
        "type": "on-demand",
        "order": [["dph_base", "asc"]],
        "limit": MOST_ROWS,
    }


def _add(book: OfferBook, row: _Row, page: Page) -> None:
    machine = Machine(
        gpu=row.gpu_name,
        count=row.num_gpus,
        memory_gb=round(row.gpu_ram / _MIB_OF_GIB),
        vcpus=None if row.cpu_cores_effective is None else int(row.cpu_cores_effective),
    )
    prices = {
        Terms.ON_DEMAND: Asked(
            amount=row.dph_base, unit=PriceUnit.INSTANCE, executable=row.dph_total
        ),
    }
    if row.min_bid:  # 0 or none: the host takes no bids
        prices[Terms.SPOT] = Asked(amount=row.min_bid, unit=PriceUnit.INSTANCE, kind="minimum_bid")
    for terms, price in prices.items():
        book.add(
            str(row.id),
            machine,
            price,
            page=page,
            region=_country(row.geolocation),
            terms=terms,
            stock=_stock(row),
            offer_class=_class(row),
        )


def _class(row: _Row) -> OfferClass | None:
    return None if row.hosting_type is None else _CLASS_OF.get(row.hosting_type)


def _stock(row: _Row) -> Stock:
    if row.rented or not row.rentable:
        return Stock(state=StockState.OUT_OF_STOCK)
    return Stock(state=StockState.IN_STOCK, count=1, count_unit=StockUnit.INSTANCE)


def _country(location: str | None) -> str | None:
    """Return the country of "Texas, US"; None of ", ", which is how it says that it is unknown."""
    found = _COUNTRY.search(location or "")
    return found.group(1) if found else None


SUPPLIER: Final = Vast()
