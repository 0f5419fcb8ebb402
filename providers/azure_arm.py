"""Azure Resource Manager through Microsoft's own clients: the calls, and how they are opened.

The clients own their retries. What they give back becomes pages of JSON in the published shape.
Needs the packages of the extra `azure`; import it only when there is a subscription to ask.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpRequest
from azure.identity import DefaultAzureCredential
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.reservations import ReservationsMgmtClient

from providers.access import Access
from providers.azure_commitments import COMMITMENTS
from providers.azure_errors import KEY, NAME
from providers.azure_holdings import GROUP, RESERVATIONS
from providers.azure_quotas import USAGES
from providers.azure_refusals import asking
from providers.azure_sizes import is_gpu_size, region_name
from providers.azure_skus import SKUS
from providers.azure_wire import AllowHttp, Leash, ReadyToken
from providers.errors import AnswerChanged
from providers.http import CONNECT_SECONDS, LOOPBACK
from providers.supplier import Page

LOCATIONS: Final = "locations"
GROUPS: Final = "capacity-reservation-groups"
LOCATIONS_VERSION: Final = "2022-12-01"
RETRIES: Final = 3
TOKEN_SECONDS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """The account of one subscription."""

    access: Access
    url: str
    subscription: str
    compute: Any
    reservations: Any

    def regions(self) -> tuple[str, ...]:
        """Return the regions that the subscription may use."""
        path = f"/subscriptions/{self.subscription}/locations"
        with asking(LOCATIONS, self.access):
            request = HttpRequest("GET", path, params={"api-version": LOCATIONS_VERSION})
            response = self.compute.send_request(request)
            if response.status_code != 200:
                raise HttpResponseError(response=response)
            return tuple(
                sorted(
                    region_name(row["name"])
                    for row in response.json()["value"]
                    if row.get("metadata", {}).get("regionType", "Physical") == "Physical"
                )
            )

    def skus(self, region: str) -> Iterator[Page]:
        """Yield the GPU sizes that are sold in a region; without the filter it is every region."""
        listed = self.compute.resource_skus.list(filter=f"location eq '{region}'")
        for rows, more in self._paged(listed, call=SKUS, location=region):
            machines = [
                row
                for row in rows
                if row.get("resourceType") == "virtualMachines" and is_gpu_size(str(row["name"]))
            ]
            yield self._page(SKUS, {"value": machines, "more": more}, location=region)

    def usages(self, region: str) -> Iterator[Page]:
        """Yield the vCPU limits of a region."""
        listed = self.compute.usage.list(region)
        for rows, _ in self._paged(listed, call=USAGES, location=region):
            yield self._page(USAGES, {"value": rows}, location=region)

    def groups(self) -> Iterator[tuple[str, str]]:
        """Yield the resource group and name of each capacity reservation group of ours.

        Groups that other subscriptions share with ours are theirs, and not among them.
        """
        listed = self.compute.capacity_reservation_groups.list_by_subscription()
        for rows, _ in self._paged(listed, call=GROUPS):
            with asking(GROUPS, self.access):
                found = [str(row["id"]).split("/") for row in rows]
                names = [(steps[4], steps[8]) for steps in found]
            yield from names

    def group(self, resource_group: str, name: str) -> Iterator[Page]:
        """Yield a group with what is used of it, then its reservations with size and dates."""
        with asking(GROUP, self.access):
            found = self.compute.capacity_reservation_groups.get(
                resource_group, name, expand="instanceView"
            )
            yield self._page(GROUP, found.as_dict())
        listed = self.compute.capacity_reservations.list_by_capacity_reservation_group(
            resource_group, name
        )
        for rows, _ in self._paged(listed, call=RESERVATIONS):
            yield self._page(RESERVATIONS, {"value": rows})

    def commitments(self) -> Iterator[Page]:
        """Yield the reserved instances of machines that the tenant shows to the credential."""
        listed = self.reservations.reservation.list_all(
            filter="properties/reservedResourceType eq 'VirtualMachines'"
        )
        for rows, _ in self._paged(listed, call=COMMITMENTS):
            yield self._page(COMMITMENTS, {"value": rows})

    def _paged(
        self, listed: Any, *, call: str, location: str | None = None
    ) -> Iterator[tuple[list[Mapping[str, Any]], bool]]:
        """Yield the rows of each page, and whether another follows."""
        pages = listed.by_page()
        while True:
            with asking(call, self.access, location):
                page = next(pages, None)
                if page is None:
                    return
                rows = [row.as_dict() for row in page]
            yield rows, bool(pages.continuation_token)

    def _page(self, call: str, content: Mapping[str, Any], location: str | None = None) -> Page:
        return Page(
            call=call,
            location=location,
            url=self.url,
            body=json.dumps(content).encode(),
            fetched_at=self.access.now(),
        )


@contextmanager
def connected(access: Access, *, url: str, subscription: str, token: str | None) -> Iterator[Arm]:
    """Open the clients. `token` is a ready access token; without one the SDK's own chain is used.

    Plain HTTP is for loopback only, and never gets a credential of the chain.
    """
    host = urlsplit(url).hostname or ""
    is_loopback = host in LOOPBACK
    if not (is_loopback or (host == "management.azure.com" and url.startswith("https://"))):
        raise AnswerChanged(f"{host} is no address of {NAME}; it was not asked", supplier=KEY)
    with ExitStack() as open_until_the_end:
        credential: Any = ReadyToken(token or "loopback") if token or is_loopback else _chain()
        if hasattr(credential, "close"):
            open_until_the_end.callback(credential.close)
        options = {
            "base_url": url,
            "retry_total": RETRIES,
            "retry_backoff_max": 30,
            "permit_redirects": False,
            "per_call_policies": [AllowHttp()] if is_loopback else [],
        }
        compute = ComputeManagementClient(
            credential, subscription, transport=Leash(access, host), **options
        )
        reservations = ReservationsMgmtClient(credential, transport=Leash(access, host), **options)
        open_until_the_end.enter_context(compute)
        open_until_the_end.enter_context(reservations)
        yield Arm(
            access=access,
            url=url,
            subscription=subscription,
            compute=compute,
            reservations=reservations,
        )


def _chain() -> DefaultAzureCredential:
    # Only what works without a person; AZURE_TOKEN_CREDENTIALS narrows it further.
    return DefaultAzureCredential(
        exclude_broker_credential=True,
        exclude_developer_cli_credential=True,
        exclude_powershell_credential=True,
        exclude_shared_token_cache_credential=True,
        exclude_visual_studio_code_credential=True,
        process_timeout=TOKEN_SECONDS,
        connection_timeout=CONNECT_SECONDS,
        read_timeout=TOKEN_SECONDS,
        retry_total=1,
    )
