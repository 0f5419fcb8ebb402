"""AWS: a price list, spot prices, capacity blocks, and what the account owns.

Being listed says nothing about being obtainable: only a capacity block offering does. A type may
be listed and have no on-demand price at all (p5e), the list has rows at $0.00 for blocks, zones
are kept by id because their names differ between accounts. Quotas count vCPUs, not GPUs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final

from pricing.offer import PriceUnit
from providers.access import Access
from providers.aws_errors import KEY
from providers.aws_holdings import holdings, quotas
from providers.aws_market import add_blocks, spot_prices
from providers.aws_prices import add_listed
from providers.aws_questions import (
    BLOCK_HOURS_OPTION,
    REGIONS_OPTION,
    TYPES_OPTION,
    Questions,
)
from providers.aws_session import PROFILE_NAME, Cloud, has_credentials, has_sdk
from providers.aws_types import listing_of
from providers.offer_book import OfferBook
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

_ALWAYS: Final = (
    "ec2:DescribeRegions",
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeInstanceTypes",
)
_BLOCKS: Final = (*_ALWAYS, "ec2:DescribeCapacityBlockOfferings")

PROFILE: Final = Profile(
    key=KEY,
    name="AWS",
    hosts=("*.amazonaws.com",),
    url="https://ec2.us-east-1.amazonaws.com",
    units=(PriceUnit.INSTANCE,),
    golden=(
        GoldenPrice(
            raw=Decimal("55.0400000000"),
            unit=PriceUnit.INSTANCE,
            gpu_count=8,
            per_gpu_hour=Decimal("6.88"),
        ),
    ),
    capabilities=frozenset(Capability),
    options=(PROFILE_NAME, REGIONS_OPTION, TYPES_OPTION, BLOCK_HOURS_OPTION),
    permissions={
        Capability.OFFERS: (
            *_ALWAYS,
            "ec2:DescribeInstanceTypeOfferings",
            "ec2:DescribeSpotPriceHistory",
            "pricing:GetProducts",
        ),
        Capability.STOCK: _BLOCKS,
        Capability.SPOT_HISTORY: (*_ALWAYS, "ec2:DescribeSpotPriceHistory"),
        Capability.BLOCK_OFFERINGS: _BLOCKS,
        Capability.HOLDINGS: (
            *_ALWAYS,
            "ec2:DescribeCapacityReservations",
            "ec2:DescribeCapacityBlocks",
            "ec2:DescribeReservedInstances",
            "savingsplans:DescribeSavingsPlans",
        ),
        Capability.QUOTAS: (*_ALWAYS, "servicequotas:ListServiceQuotas"),
    },
    paging=Paging.SDK,
    licence="AWS customer agreement; list prices are published, the rest is the account's own",
    time_out=timedelta(minutes=3),
    least_interval=timedelta(0),  # the SDK keeps its own pace
    extra="aws",
)


class Aws:
    """Amazon Web Services, commercial regions."""

    profile = PROFILE

    def missing(self, access: Access) -> tuple[str, ...]:
        """Return what AWS's SDK would need: itself, and any credential of its usual chain."""
        if not has_sdk():
            return ("pip install tonnage[aws]",)
        if has_credentials(access):
            return ()
        return ("AWS credentials: AWS_ACCESS_KEY_ID and so on, ~/.aws, a role; or " + PROFILE_NAME,)

    def fetch(self, ask: Ask, access: Access) -> Fetched:
        """Ask every region of the account, side by side."""
        cloud = Cloud.of(access)
        try:
            return Questions(ask=ask, access=access, cloud=cloud, profile=PROFILE).answered()
        finally:
            cloud.close()

    def parse(self, pages: Sequence[Page]) -> Answer:
        """Return what the pages say: offers by zone, blocks by window, spot prices by change."""
        book = OfferBook(profile=PROFILE)
        listing = listing_of(pages, book)
        on_demand = add_listed(pages, listing, book)
        changes = spot_prices(pages, listing, book, on_demand=on_demand)
        add_blocks(pages, listing, book)
        return book.answer(
            spot_prices=changes,
            holdings=holdings(pages, listing),
            quotas=quotas(pages),
        )


SUPPLIER: Final = Aws()
