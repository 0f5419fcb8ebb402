"""Who knocks too often waits, and takes nothing from anybody else."""

from dataclasses import dataclass

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from starlette.requests import Request

from broker.access.allowance import NANOSECONDS
from broker.access.scope import Role
from broker.api.app import create_app
from broker.api.rate_limit import STRANGERS_SHARE, address_of
from broker.settings import Settings
from broker.store.engine import Database
from tests.broker.api.clients import PEPPER, a_client, a_key, signed_by

BURST = 3


@dataclass
class StopWatch:
    seconds: float = 0.0

    def __call__(self) -> int:
        return int(self.seconds * NANOSECONDS)


def a_limited_client(
    database: Database,
    watch: StopWatch,
    *,
    per_second: int = 1,
    burst: int = BURST,
    address: str = "203.0.113.7",
) -> TestClient:
    settings = Settings(
        database_url="sqlite://",
        key_pepper=SecretStr(PEPPER),
        rate_limit_per_second=per_second,
        rate_limit_burst=burst,
    )
    app = create_app(settings, database=database, ticks=watch)
    return TestClient(app, client=(address, 50000))


def test_past_the_burst_a_key_is_told_when_to_come_again(sqlite: Database) -> None:
    watch = StopWatch()
    client, signed = a_limited_client(sqlite, watch), signed_by(a_key(sqlite, Role.VIEWER))
    client.get("/v1/whoami", headers=signed)  # the first one comes as a stranger

    answers = [client.get("/v1/whoami", headers=signed) for _ in range(BURST + 1)]

    assert [answer.status_code for answer in answers] == [200] * BURST + [429]
    refusal = answers[-1]
    assert refusal.headers["Content-Type"] == "application/problem+json"
    assert refusal.json()["code"] == "too-many-requests"
    assert refusal.json()["request_id"] == refusal.headers["X-Request-Id"]
    assert refusal.headers["Retry-After"] == "1"
    assert refusal.headers["RateLimit"] == '"key";r=0;t=3'
    assert refusal.headers["RateLimit-Policy"] == '"key";q=3;w=3'
    watch.seconds = 1
    assert client.get("/v1/whoami", headers=signed).status_code == 200


def test_every_answer_tells_what_is_left(sqlite: Database) -> None:
    client = a_limited_client(sqlite, StopWatch())
    signed = signed_by(a_key(sqlite, Role.VIEWER))
    client.get("/v1/whoami", headers=signed)

    left = [client.get("/v1/whoami", headers=signed).headers["RateLimit"] for _ in range(BURST)]

    assert left == ['"key";r=2;t=1', '"key";r=1;t=2', '"key";r=0;t=3']


def test_one_key_takes_nothing_from_another(sqlite: Database) -> None:
    watch = StopWatch()
    client = a_limited_client(sqlite, watch)
    loud, quiet = (signed_by(a_key(sqlite, Role.VIEWER)) for _ in range(2))
    for signed in (loud, quiet):
        client.get("/v1/whoami", headers=signed)
        watch.seconds += 1
    for _ in range(BURST + 1):
        client.get("/v1/whoami", headers=loud)

    assert client.get("/v1/whoami", headers=loud).status_code == 429
    assert client.get("/v1/whoami", headers=quiet).status_code == 200


def test_strangers_at_an_address_get_a_tenth_and_take_nothing_from_a_key(sqlite: Database) -> None:
    client = a_limited_client(sqlite, StopWatch(), per_second=100, burst=100)
    signed = signed_by(a_key(sqlite, Role.VIEWER))
    client.get("/v1/whoami", headers=signed)

    guesses = [
        client.get("/v1/whoami", headers={"Authorization": f"Bearer guess{number}"}).status_code
        for number in range(12)
    ]

    assert guesses == [401] * (100 // STRANGERS_SHARE - 1) + [429] * 3
    assert client.get("/v1/whoami").status_code == 429
    assert client.get("/openapi.json").status_code == 429
    assert client.get("/v1/whoami", headers=signed).status_code == 200
    assert client.get("/healthz").status_code == 200


def test_a_stranger_who_waits_is_heard_again(sqlite: Database) -> None:
    watch = StopWatch()
    client = a_limited_client(sqlite, watch)

    assert [client.get("/v1/whoami").status_code for _ in range(2)] == [401, 429]
    watch.seconds = 1
    assert client.get("/v1/whoami").status_code == 401


def test_a_key_that_is_asked_about_anew_is_no_stranger(sqlite: Database) -> None:
    watch = StopWatch()
    client = a_limited_client(sqlite, watch)
    signed = signed_by(a_key(sqlite, Role.VIEWER))
    client.get("/v1/whoami", headers=signed)
    watch.seconds = 60
    assert client.get("/v1/whoami").status_code == 401  # takes what the address has

    assert client.get("/v1/whoami", headers=signed).status_code == 200


def test_a_refused_request_reaches_nothing(sqlite: Database) -> None:
    client = a_limited_client(sqlite, StopWatch(), burst=1)
    signed = signed_by(a_key(sqlite, Role.ADMIN))
    client.get("/v1/whoami", headers=signed)
    client.get("/v1/whoami", headers=signed)

    answer = client.post("/v1/keys", headers=signed, json={"name": "bot", "role": "viewer"})

    assert answer.status_code == 429
    assert len(a_client(sqlite, Role.ADMIN).get("/v1/keys").json()["items"]) == 2


def test_zero_means_no_limit(sqlite: Database) -> None:
    client = a_limited_client(sqlite, StopWatch(), per_second=0, burst=1)

    answers = [client.get("/v1/whoami") for _ in range(20)]

    assert {answer.status_code for answer in answers} == {401}
    assert "RateLimit" not in answers[0].headers


def test_the_defaults_are_enough_for_a_scheduler() -> None:
    settings = Settings()

    assert settings.rate_limit_per_second >= 500
    assert settings.rate_limit_burst >= 1000


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("testclient", "testclient"),
    ],
)
def test_an_address_of_version_6_counts_as_its_network(host: str, name: str) -> None:
    assert address_of(Request({"type": "http", "client": (host, 1), "headers": []})) == name


def test_a_socket_without_an_address_is_one_stranger() -> None:
    assert address_of(Request({"type": "http", "client": None, "headers": []})) == ""


@given(interface=st.integers(0, 2**64 - 1))
def test_whoever_holds_a_network_gains_nothing_by_changing_addresses(interface: int) -> None:
    words = [f"{interface >> shift & 0xFFFF:x}" for shift in (48, 32, 16, 0)]
    host = "2001:db8:1:2:" + ":".join(words)

    name = address_of(Request({"type": "http", "client": (host, 1), "headers": []}))

    assert name == "2001:db8:1:2::/64"
