"""Oracle Cloud: public prices and shapes; stock and reservations by signed requests.

Without an account there is one offer for each shape, at no place and of unknown stock: the price is
the same everywhere. With a configuration file of Oracle's SDK, each availability domain has its
own offers, with the stock of a capacity report. A missing policy is answered as 404, a shortage of
hosts as 500. What the pages say is read in `providers/oci_pages.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any, Final

import httpx2

from pricing.offer import PriceUnit
from providers import oci_pages
from providers.access import Access
from providers.errors import AnswerChanged, ErrorKind, SupplierError, supplier_error
from providers.http import Answered, Query, Web
from providers.offer_book import OfferBook
from providers.paging import by_cursor, failed, gathered, joined, softened
from providers.supplier import (
    Answer,
    Ask,
    Capability,
    Fetched,
    GoldenPrice,
    Page,
    Paging,
    Profile,
)

KEY: Final = oci_pages.KEY
CONFIG_FILE: Final = "TONNAGE_OCI_CONFIG_FILE"
CONFIG_PROFILE: Final = "TONNAGE_OCI_CONFIG_PROFILE"
COMPARTMENTS: Final = "TONNAGE_OCI_COMPARTMENTS"  # comma-separated; the tenancy's root if unset
SHAPES_URL: Final = "TONNAGE_OCI_SHAPES_URL"
IDENTITY_URL: Final = "TONNAGE_OCI_IDENTITY_URL"
COMPUTE_URL: Final = "TONNAGE_OCI_COMPUTE_URL"

PROFILE: Final = Profile(
    key=KEY,
    name="Oracle Cloud",
    hosts=(
        "apexapps.oracle.com",
        "www.oracle.com",
        "identity.*.oci.oraclecloud.com",
        "iaas.*.oraclecloud.com",
    ),
    url="https://apexapps.oracle.com/pls/apex/cetools/api/v1",
    units=(PriceUnit.GPU,),
    golden=(
        GoldenPrice(
            raw=Decimal("14.0"),
            unit=PriceUnit.GPU,
            gpu_count=8,
            per_gpu_hour=Decimal("14.00"),
        ),
    ),
    capabilities=frozenset({Capability.OFFERS, Capability.STOCK, Capability.HOLDINGS}),
    public=frozenset({Capability.OFFERS}),
    options=(CONFIG_FILE, CONFIG_PROFILE, COMPARTMENTS, SHAPES_URL, IDENTITY_URL, COMPUTE_URL),
    permissions={
        Capability.OFFERS: ("inspect tenancies", "inspect compartments"),
        # A report is created and changes nothing; Oracle has no lesser verb for it.
        Capability.STOCK: ("manage compute-capacity-reports",),
        Capability.HOLDINGS: ("read compute-capacity-reservations",),
    },
    paging=Paging.HEADER,
    licence="public price list; account answers under the Oracle Cloud Services Agreement",
    time_out=timedelta(minutes=5),
    least_interval=timedelta(milliseconds=200),
    extra="oci",
)

_USUAL_SHAPES_URL: Final = "https://www.oracle.com/a/ocom/docs/cloudestimator2/data"
_USUAL_IDENTITY_URL: Final = "https://identity.{region}.oci.oraclecloud.com"
_USUAL_COMPUTE_URL: Final = "https://iaas.{region}.oraclecloud.com"
_API: Final = "/20160918"
_PAGE_SIZE: Final = 100

_KIND_OF: Final = {
    "NotAuthenticated": ErrorKind.AUTH,
    "SignUpRequired": ErrorKind.BILLING,
    "NotAuthorized": ErrorKind.PERMISSION,
    "NotAuthorizedOrNotFound": ErrorKind.PERMISSION,
    "LimitExceeded": ErrorKind.QUOTA,
    "QuotaExceeded": ErrorKind.QUOTA,
    "TooManyRequests": ErrorKind.THROTTLED,
    "OutOfHostCapacity": ErrorKind.CAPACITY_UNAVAILABLE,
    "IncorrectState": ErrorKind.CONFLICT,
    "InvalidParameter": ErrorKind.INVALID_REQUEST,
}
_NO_HOST: Final = "out of host capacity"


class OracleCloud:
    """Oracle's public cloud."""

    profile = PROFILE

    def missing(self, access: Access) -> tuple[str, ...]:
        """Return nothing, unless a configuration file is named, which only the SDK can use."""
        if access.has(CONFIG_FILE) and find_spec("oci") is None:
            return ("pip install tonnage[oci]",)
        return ()

    def fetch(self, ask: Ask, access: Access) -> Fetched:
        """Ask for the public lists, then for every subscribed region of the account, if any.

        With an account, prices without regions would be offers of no place: then the whole fails.
        """
        public = _public(ask, access)
        if not access.has(CONFIG_FILE):
            return public
        try:
            with _Account.of(access) as account:
                regions = account.regions()
                wanted = [each for each in regions if ask.regions is None or each in ask.regions]
                shapes = _readable(lambda: oci_pages.gpu_shapes(public.pages))
                return joined(public, *(_region(account, each, shapes, ask) for each in wanted))
        except SupplierError as error:
            broken = Fetched(pages=(), places=(failed(None, error),))
            return Fetched(pages=(), places=joined(broken, public).places)

    def parse(self, pages: Sequence[Page]) -> Answer:
        """Return an offer for each shape and place, and a holding for each reservation."""
        return oci_pages.read_answer(pages, OfferBook(profile=PROFILE))


def _public(ask: Ask, access: Access) -> Fetched:
    shapes = access.value(SHAPES_URL) or _USUAL_SHAPES_URL
    with Web(profile=PROFILE, access=access, classify=classify) as web:

        def listed(path: str, call: str, query: Query | None = None) -> Iterator[Page]:
            yield web.get(path, call=call, query=query).page

        parts = [gathered(listed(f"{shapes}/shapes.json", oci_pages.SHAPES), region=None)]
        if Capability.OFFERS in ask.wanted:
            prices = listed("/products/", oci_pages.PRODUCTS, {"currencyCode": "USD"})
            parts.append(gathered(prices, region=None))
    return joined(*parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Account:
    """An account and the signed questions about it; each is asked of the region it is about."""

    access: Access
    tenancy: str
    home: str
    web: Web

    @classmethod
    @contextmanager
    def of(cls, access: Access) -> Iterator[_Account]:
        """Open the account of the configuration file; nothing in it is ever shown."""
        config, auth = _signing(access)
        home = config["region"]
        with Web(
            profile=PROFILE,
            access=access,
            classify=classify,
            url=_address(access, IDENTITY_URL, home),
            auth=auth,
        ) as web:
            yield cls(access=access, tenancy=config["tenancy"], home=home, web=web)

    def regions(self) -> tuple[str, ...]:
        """Return the regions that the account is subscribed to."""
        address = _address(self.access, IDENTITY_URL, self.home)
        path = f"{address}/tenancies/{self.tenancy}/regionSubscriptions"
        return oci_pages.regions_of(self.web.get(path, call=oci_pages.REGIONS).page)

    def domains(self, region: str) -> Iterator[Page]:
        """Yield the availability domains of a region."""
        path = f"{_address(self.access, IDENTITY_URL, region)}/availabilityDomains"
        query = {"compartmentId": self.tenancy}
        yield self.web.get(path, call=oci_pages.DOMAINS, location=region, query=query).page

    def reports(self, region: str, domains: Iterable[str], shapes: Iterable[str]) -> Iterator[Page]:
        """Yield what could be started in each availability domain."""
        path = f"{_address(self.access, COMPUTE_URL, region)}/computeCapacityReports"
        asked = [{"instanceShape": shape} for shape in shapes]
        for domain in domains:
            body = {
                "compartmentId": self.tenancy,  # reports exist for the root only
                "availabilityDomain": domain,
                "shapeAvailabilities": asked,
            }
            yield self.web.ask(path, call=oci_pages.REPORT, body=body, location=region).page

    def reservations(self, region: str) -> Iterator[Page]:
        """Yield the lists, and each reservation by itself: a list omits what was reserved."""
        path = f"{_address(self.access, COMPUTE_URL, region)}/computeCapacityReservations"
        chosen = self.access.value(COMPARTMENTS) or self.tenancy
        for compartment in chosen.split(","):
            query: Query = {"compartmentId": compartment.strip(), "limit": _PAGE_SIZE}

            def ask(cursor: str | None, query: Query = query) -> Answered:
                more = {**query, "page": cursor} if cursor else query
                return self.web.get(path, call=oci_pages.RESERVATIONS, location=region, query=more)

            for page in by_cursor(ask, _next_page, supplier=KEY):
                yield page
                for name in oci_pages.reservation_ids(page):
                    call = oci_pages.RESERVATION
                    yield self.web.get(f"{path}/{name}", call=call, location=region).page


def _region(account: _Account, region: str, shapes: tuple[str, ...], ask: Ask) -> Fetched:
    parts = []
    if ask.wanted & {Capability.OFFERS, Capability.STOCK}:
        found = gathered(account.domains(region), region=region)
        parts.append(found)
        if Capability.STOCK in ask.wanted and shapes:
            domains = _readable(lambda: oci_pages.domain_names(found.pages))
            reports = account.reports(region, domains, shapes)
            parts.append(softened(gathered(reports, region=region)))
    if Capability.HOLDINGS in ask.wanted:
        parts.append(softened(gathered(account.reservations(region), region=region)))
    return joined(*parts)


def _next_page(answered: Answered) -> str | None:
    return answered.headers.get("opc-next-page")


def _address(access: Access, option: str, region: str) -> str:
    usual = _USUAL_IDENTITY_URL if option == IDENTITY_URL else _USUAL_COMPUTE_URL
    return (access.value(option) or usual).replace("{region}", region) + _API


def _readable(names: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
    """Return names from pages, or none where `parse` will have to say that they changed."""
    try:
        return names()
    except AnswerChanged:
        return ()


def _signing(access: Access) -> tuple[Mapping[str, str], httpx2.Auth]:
    """Read the SDK's configuration file, or raise SupplierError; it never tells what is in it."""
    from oci import config, signer

    named = access.value(CONFIG_PROFILE) or "DEFAULT"
    try:
        read = config.from_file(access.value(CONFIG_FILE), named)
        signing = signer.Signer.from_config(read)
    except Exception as unusable:  # noqa: BLE001 - the SDK raises some twenty kinds here
        raise supplier_error(
            ErrorKind.AUTH,
            f"the file of {CONFIG_FILE} cannot be used, profile {named} "
            f"({type(unusable).__name__}); write it anew with: oci setup config",
            supplier=KEY,
        ) from None
    return read, Signature(signing, now=access.now)


class Signature(httpx2.Auth):
    """Signs each request with the SDK's signer: date, target and host, and the body of a search."""

    requires_request_body = True

    def __init__(self, signer: Any, *, now: Callable[[], datetime]) -> None:
        self._signer = signer
        self._now = now

    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Add the headers of the signature."""
        kept = ("host", "content-type", "content-length")
        headers = {name: request.headers[name] for name in kept if name in request.headers}
        headers["date"] = format_datetime(self._now(), usegmt=True)
        # The signer was made for another HTTP library and needs these five things of a request.
        asked = SimpleNamespace(
            method=request.method,
            url=str(request.url),
            path_url=request.url.raw_path.decode(),
            body=request.content,
            headers=headers,
        )
        self._signer(asked)
        request.headers.update(dict(asked.headers))
        yield request


def classify(_status: int, content: Any) -> tuple[ErrorKind | None, str | None]:
    """Decide by Oracle's code; a shortage of hosts is an InternalError and told by its text."""
    if not isinstance(content, dict):
        return None, None
    code, message = content.get("code"), content.get("message")
    if not isinstance(code, str):
        return None, None
    if isinstance(message, str) and _NO_HOST in message.lower():
        return ErrorKind.CAPACITY_UNAVAILABLE, code
    return _KIND_OF.get(code), code


SUPPLIER: Final = OracleCloud()
