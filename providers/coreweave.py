"""CoreWeave: types by zone, node pools of our clusters, and prices from a dated sheet of ours.

No API states a price: without a row of the sheet a type that is listed is left out as unpriced, and
without a sheet all are; node pools are told either way. Rack-scale types are sold by the rack of 18
machines. A number of GPUs with a footnote glued on ("41" for 4) is repaired from the type's name
and flagged. What a pool wants and has not got is queued: demand that is not met. Everything here
is confidential to the customer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from pricing.holding import Holding, HoldingKind, HoldingState
from pricing.offer import PriceUnit, StockUnit
from providers.access import Access
from providers.errors import ErrorKind, SupplierError, supplier_error
from providers.http import Answered, Query, Web
from providers.offer_book import Asked, Machine, OfferBook
from providers.paging import by_cursor, failed, gathered, joined
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
    Paging,
    Place,
    PlaceState,
    Profile,
    Sharing,
    SkipReason,
    Source,
)

KEY: Final = "coreweave"
API_ACCESS: Final = "TONNAGE_COREWEAVE_TOKEN"
PRICE_SHEET: Final = "TONNAGE_COREWEAVE_PRICE_SHEET"
CLUSTERS: Final = "TONNAGE_COREWEAVE_CLUSTERS"  # "US-EAST-13A=https://…,US-WEST-09B=https://…"
TYPES: Final = "capacity-parameters"
POOLS: Final = "node-pools"
REPAIRED: Final = "gpu_count_repaired"

PROFILE: Final = Profile(
    key=KEY,
    name="CoreWeave",
    hosts=("api.coreweave.com", "*.coreweave.com"),
    url="https://api.coreweave.com",
    units=(PriceUnit.INSTANCE,),
    golden=(
        GoldenPrice(
            raw=Decimal("68.80"),
            unit=PriceUnit.INSTANCE,
            gpu_count=8,
            per_gpu_hour=Decimal("8.60"),
        ),
    ),
    capabilities=frozenset({Capability.OFFERS, Capability.HOLDINGS}),
    secrets=(API_ACCESS,),
    options=(PRICE_SHEET, CLUSTERS),
    permissions={
        Capability.OFFERS: ("view inference capacity",),
        Capability.HOLDINGS: ("list nodepools.compute.coreweave.com in each cluster",),
    },
    paging=Paging.CURSOR,
    price_source=Source.PRICE_SHEET,
    stock_source=Source.NONE,
    licence="CoreWeave customer agreement; capacity answers are for the customer only",
    sharing=Sharing.CONFIDENTIAL,
)

NODES_OF_A_RACK: Final = 18
_RACK_SCALE: Final = re.compile(r"(gb[0-9]+|verarubin)-")
_COUNT_IN_NAME: Final = re.compile(r"(?:^|-)([0-9]+)x")
_PAGE_SIZE: Final = 100

_KIND_OF_REASON: Final = {
    "Unauthorized": ErrorKind.AUTH,
    "Forbidden": ErrorKind.PERMISSION,
    "NotFound": ErrorKind.NOT_FOUND,
    "TooManyRequests": ErrorKind.THROTTLED,
    "Expired": ErrorKind.CONFLICT,  # the list moved on between two pages: read at the next poll
    "ServerTimeout": ErrorKind.TRANSIENT,
    "ServiceUnavailable": ErrorKind.TRANSIENT,
}
_KIND_OF_CODE: Final = {
    3: ErrorKind.INVALID_REQUEST,
    5: ErrorKind.NOT_FOUND,
    7: ErrorKind.PERMISSION,
    8: ErrorKind.THROTTLED,
    14: ErrorKind.TRANSIENT,
    16: ErrorKind.AUTH,
}
"""By the numbers of gRPC, which the platform's API hands through."""


class _Camel(Shape):
    model_config = ConfigDict(alias_generator=to_camel)


class _Zone(_Camel):
    instance_types: list[str]


class _Types(_Camel):
    zone_instance_types: dict[str, _Zone]


class _Named(Shape):
    name: str


class _Wanted(_Camel):
    instance_type: str
    compute_class: str = "default"
    target_nodes: int | None = None
    target_racks: int | None = None  # instead of nodes, for rack-scale types

    @property
    def nodes(self) -> int:
        """Return how many nodes are wanted."""
        return (self.target_nodes or 0) + (self.target_racks or 0) * NODES_OF_A_RACK


class _Reached(_Camel):
    current_nodes: int = 0
    in_progress: int = 0
    queued_nodes: int = 0


class _Pool(Shape):
    metadata: _Named
    spec: _Wanted
    status: _Reached


class _Pools(Shape):
    items: list[Any]


class CoreWeave:
    """CoreWeave's platform API, the Kubernetes API of each cluster, and a price sheet."""

    profile = PROFILE

    def missing(self, access: Access) -> tuple[str, ...]:
        """Return the token, unless a sheet alone is to be read: that needs none."""
        return () if access.has(API_ACCESS) or access.has(PRICE_SHEET) else (API_ACCESS,)

    def fetch(self, ask: Ask, access: Access) -> Fetched:
        """Read the sheet, ask for the types by zone, and for the node pools of each cluster."""
        clusters = _clusters(access)
        parts = []
        if Capability.OFFERS in ask.wanted:
            if access.has(PRICE_SHEET):
                parts.append(_sheet(access))
            if access.has(API_ACCESS):
                parts.append(gathered(_types(access), region=None))
        if Capability.HOLDINGS in ask.wanted and access.has(API_ACCESS):
            for zone, url in clusters:
                if ask.regions is None or zone in ask.regions:
                    parts.append(gathered(_pools(access, zone, url), region=zone))
        fetched = joined(*parts)
        # A sheet that was read is no place that was asked: it hides no API that is down.
        places = fetched.places or (Place(region=None, state=PlaceState.OK),)
        return Fetched(pages=fetched.pages, places=places)

    def parse(self, pages: Sequence[Page]) -> Answer:
        """Return an offer for each row of the sheet, and a holding for each pool with GPUs."""
        book = OfferBook(profile=PROFILE)
        priced: set[str] = set()
        for page in pages:
            if page.call == SHEET:
                for row in price_rows(page, supplier=KEY):
                    if row.supplier == KEY:
                        priced.add(row.native_id)
                        _add(book, row, page)
        holdings: dict[str, Holding] = {}
        for page in pages:
            if page.call == TYPES:
                _skip_unpriced(book, page, priced)
            elif page.call == POOLS:
                holdings.update((pool.resource_id, pool) for pool in _holdings(book, page))
        return book.answer(holdings=tuple(holdings[name] for name in sorted(holdings)))


def _sheet(access: Access) -> Fetched:
    try:
        path = Path(access.value(PRICE_SHEET) or "")
        return Fetched(pages=(sheet_page(path, supplier=KEY, access=access),), places=())
    except SupplierError as error:
        return Fetched(pages=(), places=(failed(None, error),))


def _web(access: Access, url: str | None = None) -> Web:
    headers = {"Authorization": f"Bearer {access.value(API_ACCESS)}"}
    return Web(profile=PROFILE, access=access, classify=classify, headers=headers, url=url)


def _types(access: Access) -> Iterator[Page]:
    with _web(access) as web:
        yield web.get("/v1alpha1/inference/capacityclaims/parameters", call=TYPES).page


def _clusters(access: Access) -> list[tuple[str, str]]:
    """Return the zone and the address of each cluster; raises SupplierError when unreadable."""
    entries = [entry.partition("=") for entry in (access.value(CLUSTERS) or "").split(",") if entry]
    if not all(zone.strip() and url.strip() for zone, _, url in entries):
        raise supplier_error(
            ErrorKind.INVALID_REQUEST,
            f"{CLUSTERS} cannot be read; write ZONE=https://address, with commas between clusters",
            supplier=KEY,
        )
    return [(zone.strip(), url.strip()) for zone, _, url in entries]


def _pools(access: Access, zone: str, url: str) -> Iterator[Page]:
    path = "/apis/compute.coreweave.com/v1alpha1/nodepools"
    with _web(access, url) as web:

        def ask(cursor: str | None) -> Answered:
            query: Query = {"limit": _PAGE_SIZE}
            if cursor:
                query = {**query, "continue": cursor}
            return web.get(path, call=POOLS, location=zone, query=query)

        yield from by_cursor(ask, _continued, supplier=KEY)


def _continued(answered: Answered) -> str | None:
    metadata = answered.content.get("metadata") if isinstance(answered.content, dict) else None
    found = metadata.get("continue") if isinstance(metadata, dict) else None
    return str(found) if found else None


def _add(book: OfferBook, row: PriceRow, page: Page) -> None:
    named = _gpus_in(row.native_id)
    flags = []
    if named is not None and row.gpu_count != named:
        if not str(row.gpu_count).startswith(str(named)):
            detail = f"line {row.line}: {row.gpu_count} GPUs, and the type's name says {named}"
            book.skip(row.native_id, SkipReason.IMPLAUSIBLE, detail)
            return
        flags.append(REPAIRED)
    rack = (NODES_OF_A_RACK, NODES_OF_A_RACK)
    book.add(
        row.native_id,
        Machine(gpu=row.gpu, count=named or row.gpu_count, memory_gb=row.gpu_memory_gb),
        Asked(amount=row.price, unit=row.unit, currency=row.currency, kind=row.price_kind),
        page=page,
        region=row.region,
        terms=row.terms,
        term_months=row.term_months,
        units=rack if _RACK_SCALE.match(row.native_id) else (1, 1),
        flags=flags,
    )


def _skip_unpriced(book: OfferBook, page: Page, priced: set[str]) -> None:
    for zone in read_page(_Types, page, supplier=KEY).zone_instance_types.values():
        for name in zone.instance_types:
            if _gpus_in(name) is None:
                book.skip(name, SkipReason.NO_GPU)
            elif name not in priced:
                book.skip(name, SkipReason.UNPRICED, f"no row of the sheet in {PRICE_SHEET}")


def _holdings(book: OfferBook, page: Page) -> Iterator[Holding]:
    pools, skips = read_rows(
        _Pool,
        read_page(_Pools, page, supplier=KEY).items,
        name_of=lambda row: row["metadata"]["name"],
        call=page.call,
        supplier=KEY,
    )
    book.skip_all(skips)
    for pool in pools:
        name, wanted, reached = pool.metadata.name, pool.spec, pool.status
        gpus = _gpus_in(wanted.instance_type)
        if gpus is None:
            book.skip(name, SkipReason.NO_GPU)
            continue
        if reached.queued_nodes:
            book.warn(f"{name}: {reached.queued_nodes} of {wanted.nodes} nodes are queued, not met")
        yield Holding(
            supplier=KEY,
            resource_id=f"{page.location}/{name}",
            kind=HoldingKind.NODE_POOL,
            name=name,
            region=page.location,
            native_type=wanted.instance_type,
            gpu=book.gpu(name, wanted.instance_type),
            gpus_per_unit=gpus,
            quantity=reached.current_nodes,
            unit=StockUnit.NODE,
            used=None,
            start_at=None,
            end_at=None,
            state=_state(reached),
            provider_state=(
                f"{wanted.compute_class}: {wanted.nodes} wanted, {reached.current_nodes} current, "
                f"{reached.in_progress} in progress, {reached.queued_nodes} queued"
            ),
            observed_at=page.fetched_at,
            source=page.call,
        )


def _state(reached: _Reached) -> HoldingState:
    if reached.queued_nodes:
        return HoldingState.DELAYED
    return HoldingState.REQUESTED if reached.in_progress else HoldingState.ACTIVE


def _gpus_in(instance_type: str) -> int | None:
    """Return the number of GPUs in a type's name ("gd-8xh100ib-i128"), None for processors."""
    found = _COUNT_IN_NAME.search(instance_type)
    return int(found.group(1)) if found else None


def classify(_status: int, content: Any) -> tuple[ErrorKind | None, str | None]:
    """Decide by the reason of a Kubernetes status, or by the platform's gRPC code."""
    if not isinstance(content, dict):
        return None, None
    if content.get("kind") == "Status":
        reason = content.get("reason")
        return (_KIND_OF_REASON.get(reason), reason) if isinstance(reason, str) else (None, None)
    code = content.get("code")
    return (_KIND_OF_CODE.get(code), str(code)) if isinstance(code, int) else (None, None)


SUPPLIER: Final = CoreWeave()
