"""What Microsoft's clients send goes through here: read-only, to one host, and ending in time.

Left alone the clients would register a resource provider for the subscription when one is missing,
which is a write and takes minutes; would follow a next link to any host, with the token; and would
sleep as long as a server wants. The transport keeps them from all three.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from azure.core.credentials import AccessToken
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.core.pipeline.transport import HttpTransport, RequestsTransport

from providers.access import Access
from providers.azure_errors import KEY, NAME
from providers.errors import AnswerChanged, ErrorKind, SupplierError, supplier_error
from providers.http import CONNECT_SECONDS, LONGEST_PATIENCE, READ_SECONDS

UNREGISTERED: Final = "MissingSubscriptionRegistration"


class ReadyToken:
    """A token that was made elsewhere."""

    def __init__(self, token: str) -> None:
        self._token = token

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        """Return it, whatever is asked for."""
        return AccessToken(self._token, 2**33)  # Azure knows when it ends


class AllowHttp(SansIOHTTPPolicy[Any, Any]):
    """Lets a token go over plain HTTP: for loopback, where there is no wire to listen at."""

    def on_request(self, request: Any) -> None:
        """Say so for one request."""
        request.context.options["enforce_https"] = False


class Leash(HttpTransport[Any, Any]):
    """Sends what the clients want sent, if it only reads, asks our host, and ends in time."""

    def __init__(self, access: Access, host: str) -> None:
        self._access = access
        self._host = host
        self._wire = RequestsTransport()

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Open the connection."""
        self._wire.open()

    def close(self) -> None:
        """Close the connection."""
        self._wire.close()

    def send(self, request: Any, **options: Any) -> Any:
        """Send one request, or raise SupplierError when it may not be sent."""
        if request.method != "GET":
            raise _unregistered()
        host = urlsplit(request.url).hostname
        if host != self._host:
            raise AnswerChanged(f"a link leads to {host}; it was not asked", supplier=KEY)
        left = self._seconds_left()
        options["connection_timeout"] = min(CONNECT_SECONDS, left)
        options["read_timeout"] = min(READ_SECONDS, left)
        answer: Any = self._wire.send(request, **options)
        if answer.status_code == 409 and UNREGISTERED in answer.text():
            raise _unregistered()  # before the policy sees it that would register
        return answer

    def sleep(self, duration: float) -> None:
        """Wait between two attempts; more than there is time for is left to the next poll."""
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


def _unregistered() -> SupplierError:
    return supplier_error(
        ErrorKind.REGION_NOT_ENABLED,
        "a resource provider is not registered for the subscription, and nothing is changed from "
        "here; register Microsoft.Compute and Microsoft.Capacity",
        supplier=KEY,
        code=UNREGISTERED,
        status=409,
    )
