"""A webhook goes to public addresses only, and to the one that was checked."""

import socket

import pytest

from broker.notify.address import checked_address, is_allowed, look_up
from broker.notify.message import DeliveryError


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_a_public_address_is_allowed(address: str) -> None:
    assert is_allowed(address)


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "172.16.5.4",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "168.63.129.16",
        "0.0.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a00:1",
        "2002:a00:1::1",
        "2001:0:4136:e378:8000:63bf:f5ff:fffe",
        "no address",
    ],
)
def test_an_address_inside_some_network_is_refused(address: str) -> None:
    assert not is_allowed(address)
    assert not is_allowed(address, may_be_loopback=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_this_machine_only_where_it_is_allowed(address: str) -> None:
    assert not is_allowed(address)
    assert is_allowed(address, may_be_loopback=True)


def test_one_private_address_among_public_ones_refuses_the_host() -> None:
    with pytest.raises(DeliveryError, match="not public"):
        checked_address(
            "hooks.example", 443, resolve=lambda _host, _port: ["93.184.215.14", "10.0.0.1"]
        )


def test_a_host_is_looked_up_once() -> None:
    asked: list[str] = []

    def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["93.184.215.14"]

    assert checked_address("hooks.example", 443, resolve=resolve) == "93.184.215.14"
    assert asked == ["hooks.example"]


def test_a_host_without_an_address_cannot_be_reached() -> None:
    def fails(_host: str, _port: int) -> list[str]:
        raise socket.gaierror

    with pytest.raises(DeliveryError, match="cannot be looked up"):
        checked_address("hooks.example", 443, resolve=fails)
    with pytest.raises(DeliveryError, match="no address"):
        checked_address("hooks.example", 443, resolve=lambda _host, _port: [])


def test_a_written_address_is_looked_up_as_itself() -> None:
    assert look_up("127.0.0.1", 80) == ["127.0.0.1"]
