"""Google Cloud: machine types by zone, prices by part, stock as advice.

No price of a machine exists at Google: it is the sum of its parts at list (see gcp_prices). A type
is listed by zone and priced by region. Some types are listed and have on-demand SKUs, and cannot
be started on demand: they are offered as spot, flex-start or reserved only. GPUs that are attached
to machines of any size (T4, V100) have no shape of their own and are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from importlib.util import find_spec
from typing import Final

from pricing.offer import PriceUnit
from providers.access import Access
from providers.gcp_answer import answer_of
from providers.gcp_asking import Asking
from providers.gcp_calls import GoogleCalls, missing_credentials
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

KEY: Final = "gcp"
PROJECT: Final = "TONNAGE_GCP_PROJECT"
SHARING: Final = "TONNAGE_GCP_SHARING_PROJECTS"
EXTRA_NEEDED: Final = "Google's clients (pip install tonnage[gcp])"

PROFILE: Final = Profile(
    key=KEY,
    name="Google Cloud",
    hosts=("compute.googleapis.com", "cloudbilling.googleapis.com", "cloudquotas.googleapis.com"),
    url="https://compute.googleapis.com",
    units=(PriceUnit.COMPONENT_SUM,),
    golden=(
        GoldenPrice(
            raw=Decimal("88.490004"),
            unit=PriceUnit.COMPONENT_SUM,
            gpu_count=8,
            per_gpu_hour=Decimal("11.0612505"),
        ),
    ),
    capabilities=frozenset(Capability),
    options=(PROJECT, SHARING),
    permissions={
        Capability.OFFERS: ("compute.machineTypes.list", "compute.acceleratorTypes.list"),
        Capability.STOCK: ("compute.advice.capacity",),
        Capability.SPOT_HISTORY: ("compute.advice.capacityHistory",),
        Capability.BLOCK_OFFERINGS: ("compute.advice.calendarMode",),
        Capability.HOLDINGS: (
            "compute.reservations.list",
            "compute.futureReservations.list",
            "compute.commitments.list",
        ),
        Capability.QUOTAS: ("compute.regions.list", "cloudquotas.quotas.get"),
    },
    paging=Paging.SDK,
    licence="Google Cloud Platform terms of service; list prices are public",
    poll_every=timedelta(hours=1),
    time_out=timedelta(minutes=5),
    least_interval=timedelta(milliseconds=50),
    extra="gcp",
)


class Gcp:
    """Google Cloud, as one project sees it."""

    profile = PROFILE

    def missing(self, access: Access) -> tuple[str, ...]:
        """Return the project, the credentials or the SDK; never asks the network."""
        project = () if access.has(PROJECT) else (PROJECT,)
        sdk = () if _is_installed() else (EXTRA_NEEDED,)
        return (*sdk, *project, *missing_credentials(PROFILE, access))

    def fetch(self, ask: Ask, access: Access) -> Fetched:
        """Ask by Google's own clients, one list after the other."""
        sharing = (access.value(SHARING) or "").split(",")
        with GoogleCalls(profile=PROFILE, access=access) as google:
            return Asking(
                google=google,
                ask=ask,
                project=access.value(PROJECT) or "",
                sharing=tuple(each.strip() for each in sharing if each.strip()),
            ).everything()

    def parse(self, pages: Sequence[Page]) -> Answer:
        """Return an offer for each machine type, zone and terms that its parts are priced on."""
        return answer_of(pages, profile=PROFILE)


def _is_installed() -> bool:
    try:
        return all(
            find_spec(f"google.cloud.{name}") is not None
            for name in ("compute_v1", "billing_v1", "cloudquotas_v1")
        )
    except ModuleNotFoundError:
        return False


SUPPLIER: Final = Gcp()
