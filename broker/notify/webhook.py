"""The webhook: one signed JSON message a request, as Standard Webhooks describe it.

The signature is `v1,` and the base64 of HMAC-SHA-256 over "id.timestamp.body"; the id of an alert
is its fingerprint, so a message that is sent twice is recognised. The standard library speaks HTTP here,
because the usual clients write the address, which is a secret, into their logs, and because the
connection must go to the address that was checked.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import socket
import ssl
from dataclasses import dataclass, field
from hashlib import sha256
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from broker.clock import Clock, utc_now
from broker.errors import BadInputError
from broker.notify.address import Resolve, checked_address, look_up
from broker.notify.message import DeliveryError, Message

TIMEOUT_SECONDS: Final = 5
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the standard's prefix of a base64 secret, no secret
_LOCAL_NAME: Final = "localhost"
_PORTS: Final = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What messages call the address and the secret: where whoever reads them can change them."""

    url: str
    secret: str


ALERTS: Final = Named(url="TONNAGE_WEBHOOK_URL", secret="TONNAGE_WEBHOOK_SECRET")  # noqa: S106 - a name


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A place that messages are posted to. Its address and secret are never shown."""

    url: SplitResult = field(repr=False)
    key: bytes = field(repr=False)
    allow_loopback: bool = False
    clock: Clock = utc_now
    resolve: Resolve = look_up

    def send(self, message: Message) -> None:
        """Post one alert, or raise DeliveryError."""
        self.post(message.fingerprint, message.to_json().encode())

    def post(self, message_id: str, body: bytes) -> None:
        """Post one JSON message, or raise DeliveryError. Redirects are not followed."""
        host, port = self.url.hostname or "", self.url.port or _PORTS[self.url.scheme]
        address = checked_address(
            host,
            port,
            resolve=self.resolve,
            may_be_loopback=self.allow_loopback and _is_local(host),
        )
        headers = signed_headers(
            message_id, body, key=self.key, seconds=int(self.clock().timestamp())
        )
        status = self._post(address, body, headers)
        if not 200 <= status < 300:
            why = "redirects are not followed" if 300 <= status < 400 else "expected 200 to 299"
            raise DeliveryError(f"the webhook answered {status}; {why}")

    def _post(self, address: str, body: bytes, headers: dict[str, str]) -> int:
        """Return the status of the answer. The rest of it is never read, however long it is."""
        host, port = self.url.hostname or "", self.url.port or _PORTS[self.url.scheme]
        target = self.url.path or "/"
        if self.url.query:
            target = f"{target}?{self.url.query}"
        connection = HTTPConnection(host, self.url.port, timeout=TIMEOUT_SECONDS)
        try:
            plain = socket.create_connection((address, port), timeout=TIMEOUT_SECONDS)
            connection.sock = plain
            if self.url.scheme == "https":
                context = ssl.create_default_context()
                connection.sock = context.wrap_socket(plain, server_hostname=host)
            connection.request("POST", target, body=body, headers=headers)
            return connection.getresponse().status
        except (OSError, HTTPException) as failure:
            raise DeliveryError(f"the webhook did not answer ({type(failure).__name__})") from None
        finally:
            connection.close()


def webhook_to(
    url: str,
    secret: str,
    *,
    allow_loopback: bool = False,
    clock: Clock = utc_now,
    named: Named = ALERTS,
) -> Webhook:
    """Return the webhook at an address, or raise BadInputError, which does not quote it."""
    if not secret:
        raise BadInputError(f"{named.url} needs {named.secret} to sign with")
    try:
        parts = urlsplit(url.strip())
        readable = bool(parts.hostname) and parts.port != 0 and parts.scheme in _PORTS
    except ValueError:
        readable = False
    if not readable or not url.isascii() or any(each.isspace() for each in url.strip()):
        raise BadInputError(f"{named.url} cannot be read; expected https://HOST/PATH")
    if parts.username is not None:
        raise BadInputError(
            f"{named.url} holds a user name; put a secret into its path or its query"
        )
    if parts.scheme == "http" and not (allow_loopback and _is_local(parts.hostname or "")):
        raise BadInputError(
            f"{named.url} must begin with https://; http:// is for this machine only, with "
            "TONNAGE_WEBHOOK_ALLOW_LOOPBACK=true"
        )
    return Webhook(url=parts, key=_key(secret, named), allow_loopback=allow_loopback, clock=clock)


def signed_headers(message_id: str, body: bytes, *, key: bytes, seconds: int) -> dict[str, str]:
    """Return the headers that let a receiver check who sent the body, and when."""
    signed = b".".join((message_id.encode(), str(seconds).encode(), body))
    signature = base64.b64encode(hmac.new(key, signed, sha256).digest()).decode()
    return {
        "content-type": "application/json",
        "user-agent": "tonnage",
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{signature}",
    }


def _key(secret: str, named: Named) -> bytes:
    """Return the key of a secret: base64 after the standard's prefix, else its own bytes."""
    if not secret.startswith(SECRET_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise BadInputError(
            f"{named.secret} begins with {SECRET_PREFIX}, but what follows is not base64"
        ) from None


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == _LOCAL_NAME
