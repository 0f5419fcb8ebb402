"""Nebius: platforms by region, a price for each preset from the calculator, stock and blocks.

Each preset is priced on demand, preemptible where that is allowed, and at our contract's price:
where that differs from the list it is an offer of its own, of kind "contract". The wire is gRPC, by
`providers/nebius_sdk.py`; what the pages say is read in `providers/nebius_pages.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from importlib.util import find_spec
from typing import Any, Final

from pricing.hardware import UnknownGpuError, canonical_gpu
from pricing.offer import PriceUnit
from providers import nebius_pages, nebius_sdk
from providers.access import Access
from providers.http import Answered
from providers.nebius_sdk import (
    CONTRACT,
    CREDENTIALS_FILE,
    IAM_ACCESS,
    KEY,
    ON_DEMAND,
    PREEMPTIBLE,
    Calls,
)
from providers.offer_book import OfferBook
from providers.paging import by_cursor, gathered, joined, softened
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

TENANT: Final = "TONNAGE_NEBIUS_TENANT"

PROFILE: Final = Profile(
    key=KEY,
    name="Nebius",
    hosts=("api.nebius.cloud", "*.api.nebius.cloud"),
    url=nebius_sdk.USUAL_URL,
    units=(PriceUnit.INSTANCE,),
    golden=(
        GoldenPrice(
            raw=Decimal("57.20"),
            unit=PriceUnit.INSTANCE,
            gpu_count=8,
            per_gpu_hour=Decimal("7.15"),
        ),
    ),
    capabilities=frozenset({Capability.OFFERS, Capability.STOCK, Capability.HOLDINGS}),
    secrets=(IAM_ACCESS,),
    options=(CREDENTIALS_FILE, TENANT),
    permissions={
        Capability.OFFERS: (
            "view projects of the tenant",
            "view compute platforms",
            "estimate prices with the billing calculator",
        ),
        Capability.STOCK: ("view resource advice",),
        Capability.HOLDINGS: ("view capacity block groups",),
    },
    paging=Paging.SDK,
    licence="Nebius terms of service; answers are for the account's own use",
    time_out=timedelta(minutes=5),
    extra="nebius",
)


class Nebius:
    """Nebius's cloud."""

    profile = PROFILE

    def missing(self, access: Access) -> tuple[str, ...]:
        """Return the tenant, a credential or the SDK, whichever there is not."""
        known = access.has(IAM_ACCESS) or access.has(CREDENTIALS_FILE)
        names = () if known else (IAM_ACCESS,)
        tenant = () if access.has(TENANT) else (TENANT,)
        sdk = () if find_spec("nebius") else ("pip install tonnage[nebius]",)
        return (*names, *tenant, *sdk)

    def fetch(self, ask: Ask, access: Access) -> Fetched:
        """Ask for the projects, for prices in one project of each region, for stock and blocks."""
        tenant = access.value(TENANT) or ""
        with Calls(access=access) as calls:

            def listed(question: Any) -> Iterator[Page]:
                return by_cursor(lambda cursor: question(tenant, cursor), _next, supplier=KEY)

            parts = []
            if Capability.OFFERS in ask.wanted:
                parts.append(gathered(listed(calls.projects), region=None))
                for region, project in nebius_pages.projects(parts[0].pages).items():
                    if ask.regions is None or region in ask.regions:
                        prices = _prices(calls, ask, region=region, project=project)
                        parts.append(gathered(prices, region=region))
                if Capability.STOCK in ask.wanted:
                    parts.append(softened(gathered(listed(calls.advice), region=None)))
            if Capability.HOLDINGS in ask.wanted:
                parts.append(gathered(listed(calls.capacity_blocks), region=None))
        return joined(*parts)

    def parse(self, pages: Sequence[Page]) -> Answer:
        """Return an offer for each preset, region and way of paying, and a holding per block."""
        return nebius_pages.read_answer(pages, OfferBook(profile=PROFILE))


def _next(answered: Answered) -> str | None:
    return answered.content.get("next_page_token") or None


def _prices(calls: Calls, ask: Ask, *, region: str, project: str) -> Iterator[Page]:
    pages = by_cursor(lambda cursor: calls.platforms(project, region, cursor), _next, supplier=KEY)
    for page in pages:
        yield page
        for platform in nebius_pages.platforms(page):
            spot = (PREEMPTIBLE,) if platform.status.allowed_for_preemptibles else ()
            for preset in platform.spec.presets:
                if preset.resources.gpu_count and _is_wanted(platform.metadata.name, ask):
                    for market in (ON_DEMAND, CONTRACT, *spot):
                        yield calls.estimate(
                            project,
                            region,
                            platform=platform.metadata.name,
                            preset=preset.name,
                            market=market,
                        )


def _is_wanted(platform: str, ask: Ask) -> bool:
    if ask.gpu_models is None:
        return True
    try:
        return canonical_gpu(platform, provider=KEY).model in ask.gpu_models
    except UnknownGpuError:
        return True  # it is asked for, so that it is reported


SUPPLIER: Final = Nebius()
