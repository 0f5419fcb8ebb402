"""Azure: public retail prices, and with a subscription what it may use and what it holds.

Prices need no account and come from the retail price list, region by region: its pages are counted
by rows to skip, and shift while they are read. Stock is not published: a subscription's SKU list
says what is sold in a region and what is closed to us, never whether there is any. Holdings are
capacity reservations and reserved instances; quotas count vCPUs.

Without `TONNAGE_AZURE_SUBSCRIPTION` only the prices are read. Credentials come by the SDK's own
chain (`az login`, an identity, `AZURE_CLIENT_ID` …); `TONNAGE_AZURE_TOKEN` is for a ready token.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

from pricing.offer import PriceUnit, Terms
from providers.access import Access
from providers.azure_errors import KEY, NAME, classify
from providers.azure_holdings import holdings_of
from providers.azure_prices import PRICES, Quote, What, quotes_of
from providers.azure_quotas import USAGES, quotas_of
from providers.azure_sizes import PUBLIC_REGIONS, machine_of, region_name
from providers.azure_skus import SKUS, Shelf, shelf_of, skip_unpriced
from providers.errors import ErrorKind, SupplierError, supplier_error
from providers.http import Answered, Web
from providers.offer_book import Asked, OfferBook
from providers.paging import by_cursor, failed, gathered, joined, softened
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
)

if TYPE_CHECKING:
    from providers.azure_arm import Arm

SUBSCRIPTION: Final = "TONNAGE_AZURE_SUBSCRIPTION"
TOKEN: Final = "TONNAGE_AZURE_TOKEN"  # noqa: S105 - the name of a variable
ARM_URL: Final = "https://management.azure.com"
PRICES_URL: Final = "https://prices.azure.com/api/retail/prices"
PRICES_URL_VARIABLE: Final = "TONNAGE_AZURE_PRICES_URL"
PRICES_VERSION: Final = "2023-01-01-preview"  # the first with savings plans
EXTRA: Final = "pip install 'tonnage[azure]'"

PROFILE: Final = Profile(
    key=KEY,
    name=NAME,
    hosts=("management.azure.com", "prices.azure.com", "login.microsoftonline.com"),
    url=ARM_URL,
    units=(PriceUnit.INSTANCE,),
    golden=(
        GoldenPrice(
            raw=Decimal("98.32"),
            unit=PriceUnit.INSTANCE,
            gpu_count=8,
            per_gpu_hour=Decimal("12.29"),
        ),
    ),
    capabilities=frozenset(
        {Capability.OFFERS, Capability.STOCK, Capability.HOLDINGS, Capability.QUOTAS}
    ),
    public=frozenset({Capability.OFFERS}),
    secrets=(TOKEN,),
    options=(SUBSCRIPTION, "TONNAGE_AZURE_URL", PRICES_URL_VARIABLE),
    permissions={
        Capability.STOCK: (
            "Microsoft.Compute/skus/read",
            "Microsoft.Resources/subscriptions/locations/read",
        ),
        Capability.HOLDINGS: (
            "Microsoft.Compute/capacityReservationGroups/read",
            "Microsoft.Compute/capacityReservationGroups/capacityReservations/read",
            "Microsoft.Capacity/reservationOrders/read",
            "Microsoft.Capacity/reservationOrders/reservations/read",
        ),
        Capability.QUOTAS: (
            "Microsoft.Compute/locations/usages/read",
            "Microsoft.Resources/subscriptions/locations/read",
        ),
    },
    paging=Paging.LINK,
    licence="public retail price list; an account's own figures are for its own use",
    poll_every=timedelta(hours=1),
    time_out=timedelta(minutes=10),
    least_interval=timedelta(milliseconds=200),
    extra="azure",
)

_OF_THE_ACCOUNT: Final = frozenset({Capability.STOCK, Capability.HOLDINGS, Capability.QUOTAS})
_OF_A_REGION: Final = frozenset({Capability.OFFERS, Capability.QUOTAS})
_NOTHING: Final = Fetched(pages=(), places=())


class Azure:
    """Microsoft's public cloud."""

    profile = PROFILE

    def missing(self, access: Access) -> tuple[str, ...]:
        """Return how to install the SDK when a subscription is to be asked without it."""
        needed = ("azure.identity", "azure.mgmt.compute", "azure.mgmt.reservations")
        if access.has(SUBSCRIPTION) and not all(_is_installed(name) for name in needed):
            return (EXTRA,)
        return ()

    def fetch(self, ask: Ask, access: Access) -> Fetched:
        """Ask the price list, and the account where one is set, region by region."""
        subscription = access.value(SUBSCRIPTION)
        if subscription is None or not ask.wanted & _OF_THE_ACCOUNT:
            return joined(_prices(ask, access, PUBLIC_REGIONS), _unconfigured(ask, subscription))
        # Importing the SDK takes a second and needs the extra.
        from providers import azure_arm

        url, token = access.url(KEY, ARM_URL), access.value(TOKEN)
        try:
            with azure_arm.connected(
                access, url=url, subscription=subscription, token=token
            ) as arm:
                return _with_account(ask, access, arm)
        except SupplierError as error:
            unread = Fetched(pages=(), places=(failed(None, error),))
            return joined(unread, _prices(ask, access, PUBLIC_REGIONS))

    def parse(self, pages: Sequence[Page]) -> Answer:
        """Return what the price list prices, with what the account's lists say of it."""
        book = OfferBook(profile=PROFILE)
        best = quotes_of(_named(pages, PRICES), book)
        shelf = shelf_of(_named(pages, SKUS), book)
        for what, quote in best.items():
            _add(book, what, quote, best=best, shelf=shelf)
        skip_unpriced(shelf, best, book)
        holdings = holdings_of(pages, book)
        quotas = quotas_of(_named(pages, USAGES), supplier=KEY)
        return book.answer(holdings=holdings, quotas=quotas)


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False  # not even the package above it


def _named(pages: Iterable[Page], call: str) -> tuple[Page, ...]:
    return tuple(page for page in pages if page.call == call)


def _unconfigured(ask: Ask, subscription: str | None) -> Fetched:
    wanted = sorted(ask.wanted & _OF_THE_ACCOUNT)
    if subscription is not None or not wanted:
        return _NOTHING
    place = Place(
        region=None,
        state=PlaceState.SKIPPED,
        message=f"{', '.join(wanted)} not configured; set {SUBSCRIPTION}",
    )
    return Fetched(pages=(), places=(place,))


def _with_account(ask: Ask, access: Access, arm: Arm) -> Fetched:
    """Ask everything. What the account adds is missed less than the prices: it fails softly."""
    regions: tuple[str, ...] = ()
    if ask.wanted & _OF_A_REGION:
        regions = arm.regions() if ask.regions is None else _regions(ask.regions)
    prices = _prices(ask, access, regions)
    with_prices = {page.location for page in prices.pages}
    parts = [prices]
    for region in regions:
        of_region = joined(*_of_region(ask, arm, region))
        parts.append(softened(of_region) if region in with_prices else of_region)
    if Capability.HOLDINGS in ask.wanted:
        holdings = joined(*_holdings(arm))
        parts.append(softened(holdings) if with_prices else holdings)
    return joined(*parts)


def _of_region(ask: Ask, arm: Arm, region: str) -> Iterator[Fetched]:
    if {Capability.OFFERS, Capability.STOCK} <= ask.wanted:
        yield gathered(arm.skus(region), region=region)
    if Capability.QUOTAS in ask.wanted:
        yield gathered(arm.usages(region), region=region)


def _holdings(arm: Arm) -> Iterator[Fetched]:
    try:
        for resource_group, name in arm.groups():
            yield gathered(arm.group(resource_group, name), region=None)
    except SupplierError as error:
        yield Fetched(pages=(), places=(failed(None, error),))
    yield gathered(arm.commitments(), region=None)


def _prices(ask: Ask, access: Access, regions: Iterable[str]) -> Fetched:
    if Capability.OFFERS not in ask.wanted:
        return _NOTHING
    asked = regions if ask.regions is None else _regions(ask.regions)
    url = access.value(PRICES_URL_VARIABLE) or PRICES_URL
    with Web(profile=PROFILE, access=access, classify=classify, url=url) as web:
        return joined(*(gathered(_price_pages(web, region), region=region) for region in asked))


def _regions(wanted: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(map(region_name, wanted)))


def _price_pages(web: Web, region: str) -> Iterator[Page]:
    first: Mapping[str, str] = {
        "api-version": PRICES_VERSION,
        "currencyCode": "USD",
        "$filter": "serviceName eq 'Virtual Machines' and "
        f"armRegionName eq '{region}' and contains(armSkuName, 'Standard_N')",
    }

    def ask(link: str | None) -> Answered:
        # Only the query of a link is followed: it names another port, and need not name our host.
        query = dict(parse_qsl(urlsplit(link).query)) if link else first
        return web.get("", call=PRICES, location=region, query=query)

    return by_cursor(ask, _next_link, supplier=KEY)


def _next_link(answered: Answered) -> str | None:
    content = answered.content
    link = content.get("NextPageLink") if isinstance(content, dict) else None
    if link is not None and not isinstance(link, str):
        raise supplier_error(
            ErrorKind.CONTRACT, f"{PRICES}: NextPageLink is no address", supplier=KEY
        )
    return link


def _add(
    book: OfferBook, what: What, quote: Quote, *, best: Mapping[What, Quote], shelf: Shelf
) -> None:
    machine = machine_of(book, what.size)
    if machine is None:
        return
    is_listed, stock = shelf.stock_of(what)
    usual = best.get(What(size=what.size, region=what.region, terms=Terms.ON_DEMAND))
    is_spot = what.terms is Terms.SPOT
    no_discount = is_spot and usual is not None and quote.per_hour >= usual.per_hour > 0
    book.add(
        what.native_id,
        machine,
        Asked(amount=quote.per_hour, unit=PriceUnit.INSTANCE, kind=what.kind),
        page=quote.page,
        region=what.region,
        terms=what.terms,
        term_months=what.months,
        stock=stock,
        is_listed=is_listed,
        flags=("no_discount",) if no_discount else (),
    )


SUPPLIER: Final = Azure()
