"""Azure Resource Manager through Microsoft's own clients, read-only and on a leash.

The clients own their retries; everything they send goes through one transport, which keeps four
promises for them. It only reads: left alone they would register a resource provider for the
subscription when one is missing. It asks the one host it was made for, whatever a next link says.
It never waits past the deadline, nor longer than a minute. Redirects are not followed.

Needs the packages of the extra `azure`; import it only when there is a subscription to ask.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from azure.core.credentials import AccessToken
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
)
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest
from azure.identity import DefaultAzureCredential
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.reservations import ReservationsMgmtClient

from providers.access import Access
from providers.azure_errors import KEY, NAME, classify
from providers.azure_holdings import COMMITMENTS, GROUP, RESERVATIONS
from providers.azure_quotas import USAGES
from providers.azure_sizes import is_gpu_size, region_name
from providers.azure_skus import SKUS
from providers.errors import AnswerChanged, ErrorKind, SupplierError, kind_of_status, supplier_error
from providers.http import (
    ADVICE,
    CONNECT_SECONDS,
    LONGEST_PATIENCE,
    LOOPBACK,
    READ_SECONDS,
    retry_after,
)
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
        with _asking(LOCATIONS, self.access):
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
            with _asking(GROUPS, self.access):
                found = [str(row["id"]).split("/") for row in rows]
                names = [(steps[4], steps[8]) for steps in found]
            yield from names

    def group(self, resource_group: str, name: str) -> Iterator[Page]:
        """Yield a group with what is used of it, then its reservations with size and dates."""
        with _asking(GROUP, self.access):
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
            with _asking(call, self.access, location):
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
        credential: Any = _Ready(token or "loopback") if token or is_loopback else _chain()
        if hasattr(credential, "close"):
            open_until_the_end.callback(credential.close)
        options = {
            "base_url": url,
            "retry_total": RETRIES,
            "retry_backoff_max": 30,
            "permit_redirects": False,
            "per_call_policies": [_AllowHttp()] if is_loopback else [],
        }
        compute = ComputeManagementClient(
            credential, subscription, transport=_Leash(access, host), **options
        )
        reservations = ReservationsMgmtClient(
            credential, transport=_Leash(access, host), **options
        )
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


class _Ready:
    """A token that was made elsewhere."""

    def __init__(self, token: str) -> None:
        self._token = token

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return AccessToken(self._token, 2**33)  # Azure knows when it ends


class _AllowHttp(SansIOHTTPPolicy[Any, Any]):
    def on_request(self, request: Any) -> None:
        request.context.options["enforce_https"] = False


class _Leash(RequestsTransport):
    """Sends what the clients want sent, if it only reads, asks our host, and ends in time."""

    def __init__(self, access: Access, host: str) -> None:
        super().__init__()
        self._access = access
        self._host = host

    def send(self, request: Any, **options: Any) -> Any:
        if request.method != "GET":
            raise supplier_error(
                ErrorKind.REGION_NOT_ENABLED,
                "a resource provider is not registered for the subscription, and nothing is "
                "changed from here; register Microsoft.Compute and Microsoft.Capacity",
                supplier=KEY,
                code="MissingSubscriptionRegistration",
            )
        host = urlsplit(request.url).hostname
        if host != self._host:
            raise AnswerChanged(f"a link leads to {host}; it was not asked", supplier=KEY)
        left = self._seconds_left()
        options["connection_timeout"] = min(CONNECT_SECONDS, left)
        options["read_timeout"] = min(READ_SECONDS, left)
        return super().send(request, **options)

    def sleep(self, duration: float) -> None:
        if duration > LONGEST_PATIENCE.total_seconds() or duration >= self._seconds_left():
            raise supplier_error(
                ErrorKind.THROTTLED,
                f"{NAME} asks for {duration:.0f} s of patience; the next poll tries again",
                supplier=KEY,
                retry_after=timedelta(seconds=duration),
            )
        self._access.sleep(duration)

    def _seconds_left(self) -> float:
        left = self._access.seconds_left()
        if left is None:
            return float("inf")
        if left <= 0:
            raise supplier_error(
                ErrorKind.TRANSIENT,
                "out of time; the next poll tries again",
                supplier=KEY,
                code="deadline",
            )
        return left


@contextmanager
def _asking(call: str, access: Access, location: str | None = None) -> Iterator[None]:
    """Turn what the clients raise into our errors; messages never hold an answer's body."""
    try:
        yield
    except SupplierError as ours:
        raise supplier_error(
            ours.kind,
            f"{call}: {ours}",
            supplier=KEY,
            code=ours.code,
            location=location,
            retry_after=ours.retry_after,
        ) from None
    except (DecodeError, ValueError, KeyError, TypeError, AttributeError, IndexError) as changed:
        # The clients build their models as they read: an answer of another shape fails anyhow.
        raise AnswerChanged(
            f"{call}: expected Azure's JSON, got something else ({type(changed).__name__})",
            supplier=KEY,
            location=location,
        ) from None
    except ClientAuthenticationError as refused:
        raise _unsigned(refused, call=call, location=location) from None
    except HttpResponseError as refused:
        raise _refusal(refused, call=call, location=location, access=access) from None
    except AzureError as failure:
        raise supplier_error(
            ErrorKind.TRANSIENT,
            f"{call}: {NAME} did not answer ({type(failure).__name__})",
            supplier=KEY,
            location=location,
        ) from None


def _unsigned(
    refused: ClientAuthenticationError, *, call: str, location: str | None
) -> SupplierError:
    _, code = classify(401, _content(refused))
    return supplier_error(
        ErrorKind.AUTH,
        f"{call}: {NAME} knows no credential of ours ({type(refused).__name__}); sign in with "
        "'az login', or give the process an identity or AZURE_CLIENT_ID and its secret",
        supplier=KEY,
        code=code,
        status=refused.status_code,
        location=location,
    )


def _refusal(
    refused: HttpResponseError, *, call: str, location: str | None, access: Access
) -> SupplierError:
    status = refused.status_code or 0
    headers: Mapping[str, str] = refused.response.headers if refused.response else {}
    kind, code = classify(status, _content(refused))
    kind = kind or (ErrorKind.CONTRACT if status < 400 else kind_of_status(status))
    named = f" ({code})" if code else ""
    advice = ADVICE.get(kind, "see the supplier's documentation of this call")
    return supplier_error(
        kind,
        f"{call}: {NAME} answered {status}{named}; {advice}",
        supplier=KEY,
        code=code,
        status=status,
        location=location,
        request_id=headers.get("x-ms-request-id"),
        retry_after=retry_after(headers.get("retry-after"), now=access.now()),
    )


def _content(refused: HttpResponseError) -> Any:
    try:
        return json.loads(refused.response.text()) if refused.response else None
    except ValueError:
        return None  # plain text, or a proxy's page: the status has to do
