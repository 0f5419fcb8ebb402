"""Recordings hold nothing that belongs to somebody: no credential, account, person or machine."""

import re
from pathlib import Path

import pytest

from tests.providers.counterpart import MARK
from tests.providers.exchanges import FIXTURES

RECORDINGS = sorted(path for path in FIXTURES.rglob("*") if path.is_file())

EXAMPLE_ACCOUNTS = {"123456789012", "111122223333", "000000000000"}
"""Account ids that vendors' own documentation uses."""

HANDED_OUT = f'"access_token": "{MARK}-token"'
"""The token that a server of the tests gives for a credential: it must show nowhere else."""

ACCOUNT = re.compile(r"(?<![0-9A-Za-z-])\d{12}(?![0-9A-Za-z])")
MAIL = re.compile(r"[\w.%+-]+@(?P<host>[\w-]+(?:\.[\w-]+)+)")
IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
RESERVED = re.compile(r"(?:192\.0\.2|198\.51\.100|203\.0\.113|127\.0\.0|0\.0\.0)\.\d+")
KEYS = re.compile(
    r"AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY|eyJ[\w-]{20,}\.[\w-]{20,}|CW-SECRET-\w|"
    r"\bsk[-_](?:live[-_])?[0-9A-Za-z]{20,}|\brpa_[0-9A-Z]{20,}|\bdop_v1_[0-9a-f]{20,}"
)


def belongings(text: str) -> list[str]:
    """Return all in a text that may belong to somebody."""
    mails = [found[0] for found in MAIL.finditer(text) if not is_example(found["host"])]
    accounts = [found for found in ACCOUNT.findall(text) if found not in EXAMPLE_ACCOUNTS]
    machines = [found for found in IPV4.findall(text) if not RESERVED.fullmatch(found)]
    marks = [MARK] if MARK in text.replace(HANDED_OUT, "") else []
    return [*marks, *KEYS.findall(text), *accounts, *mails, *machines]


def is_example(host: str) -> bool:
    return host.endswith((".example", ".test", ".invalid", "example.com", "example.org"))


def test_there_are_recordings_to_look_through() -> None:
    assert len(RECORDINGS) > 10


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: "/".join(path.parts[-2:]))
def test_a_recording_holds_nothing_that_belongs_to_somebody(path: Path) -> None:
    assert belongings(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        f'"Bearer {MARK}"',
        '"arn:aws:ec2:us-east-1:210987654321:reservation/cr-1"',
        '"owner": 210987654321,',
        '"email": "ann@northwind.io"',
        '"ip": "34.117.59.81"',
        '"key": "AKIAABCDEFGHIJKLMNOP"',
        "-----BEGIN RSA PRIVATE KEY-----",
        "CW-SECRET-a1b2",
    ],
)
def test_what_belongs_to_somebody_would_be_seen(text: str) -> None:
    assert belongings(text) != []


@pytest.mark.parametrize(
    "text",
    [
        '"arn:aws:ec2:us-east-1:123456789012:reservation/cr-1"',
        '"id": "8a1c6c3e-0000-4000-8000-000000000001"',
        '"at": 1795161600000',
        '"mail": "ops@acme.example", "ip": "192.0.2.7"',
        '"version": "1.2.3"',
    ],
)
def test_what_belongs_to_nobody_is_left_alone(text: str) -> None:
    assert belongings(text) == []
