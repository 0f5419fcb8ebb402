"""Where a webhook may go: public addresses only, looked up once and then held to.

A host name is looked up here, every address it has is checked, and the connection is made to a
checked address. Looking it up a second time when connecting would let its owner answer differently.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from broker.notify.message import DeliveryError

Resolve = Callable[[str, int], list[str]]
"""Returns the addresses of a host, or raises OSError."""

_REFUSED: Final = (
    IPv4Network("168.63.129.16/32"),  # public, but Azure's own services answer there
    IPv6Network("64:ff9b:1::/48"),  # a network's own translation to IPv4 addresses
)
_TRANSLATED: Final = IPv6Network("64:ff9b::/96")
"""IPv4 addresses behind a NAT64 gateway; the last four bytes are the address."""


def look_up(host: str, port: int) -> list[str]:
    """Return the addresses of a host by the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for _, _, _, _, address in found]


def checked_address(
    host: str, port: int, *, resolve: Resolve = look_up, may_be_loopback: bool = False
) -> str:
    """Return one address of the host to connect to, or raise DeliveryError.

    One bad address among several refuses the host: nobody needs to mix them.
    """
    try:
        addresses = resolve(host, port)
    except (OSError, UnicodeError) as failure:
        raise DeliveryError("the webhook's host name cannot be looked up") from failure
    if not addresses:
        raise DeliveryError("the webhook's host name has no address")
    for address in addresses:
        if not is_allowed(address, may_be_loopback=may_be_loopback):
            raise DeliveryError(
                "the webhook's host leads to an address that is not public; alerts go to public "
                "addresses only (TONNAGE_WEBHOOK_ALLOW_LOOPBACK=true allows this machine)"
            )
    return addresses[0]


def is_allowed(text: str, *, may_be_loopback: bool = False) -> bool:
    """Say whether an address is public, or this machine where that is allowed."""
    try:
        address = _unwrapped(ip_address(text))
    except ValueError:
        return False  # with a zone, or no address at all
    if address.is_loopback:
        return may_be_loopback
    if address.is_multicast or address.is_reserved or not address.is_global:
        return False
    return not any(address in network for network in _REFUSED)


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 one stands for, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour or address
