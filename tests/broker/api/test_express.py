"""What is answered by the express lane is answered as the usual way would: same rights, same words."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fastapi.testclient import TestClient
from starlette.routing import Match

from broker.access.scope import Role
from broker.api.express import LONGEST_ID, ExpressLane
from broker.store.engine import Database
from tests.broker.api.capacity import a_body, an_api, keyed
from tests.broker.store.capacity_rows import add_pools, pool_row
from tests.conftest import sqlite_database


class Sent(NamedTuple):
    """A plain request; with one more parameter, which nobody reads, it goes the usual way."""

    method: str
    path: str
    query: str = ""
    json: Any = None
    kind: str = "application/json"
    key: str = "k"

    @property
    def the_long_way(self) -> "Sent":
        return self._replace(query=f"{self.query}&by=foot".lstrip("&"))


ASKS = [
    Sent("POST", "/v1/capacity-requests", json=a_body(gpu_count=800)),
    Sent("POST", "/v1/capacity-requests", json=a_body(gpu_count=0, colour="red")),
    Sent("POST", "/v1/capacity-requests", json=a_body(), kind="text/plain"),
    Sent("POST", "/v1/capacity-requests", json=a_body(), key=""),
    Sent("POST", "/v1/leases/gone/renew", json={"fence": 7}),
    Sent("POST", "/v1/leases/gone/renew", json={"fence": 0}),
    Sent("POST", "/v1/leases:renew", json={"items": [{"lease_id": "gone", "fence": 7}]}),
    Sent("POST", "/v1/leases:renew", json={"items": []}),
    Sent("DELETE", "/v1/leases/gone", "fence=7"),
]


@pytest.fixture(scope="module")
def database(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database(sqlite_database(sqlite_template, tmp_path_factory.mktemp("express")))
    add_pools(database, pool_row("p1", 16))
    yield database
    database.close()


@pytest.fixture(scope="module")
def api(database: Database) -> Iterator[TestClient]:
    with an_api(database) as client:
        yield client


@pytest.fixture(scope="module")
def signatures(database: Database) -> dict[Role | None, dict[str, str]]:
    return {None: {}, **{role: keyed(database, role) for role in Role}}


def lane_of(api: TestClient) -> ExpressLane:
    lane: ExpressLane = api.app.router.routes[0]  # type: ignore[attr-defined]
    return lane


def is_taken(api: TestClient, sent: Sent) -> bool:
    scope = {
        "type": "http",
        "method": sent.method,
        "path": sent.path,
        "query_string": sent.query.encode(),
    }
    return lane_of(api).matches(scope)[0] is Match.FULL


def answered(api: TestClient, sent: Sent, signed: dict[str, str]) -> tuple[int, dict[str, Any]]:
    headers = signed | {"Content-Type": sent.kind, "Idempotency-Key": sent.key}
    url = f"{sent.path}?{sent.query}"
    answer = api.request(sent.method, url, json=sent.json, headers=headers)
    body = answer.json() if answer.content else {}
    assert body.pop("request_id", None) == answer.headers["x-request-id"] or answer.is_success
    return answer.status_code, body


@pytest.mark.parametrize("role", [None, *Role])
@pytest.mark.parametrize("sent", ASKS, ids=str)
def test_both_ways_answer_alike(
    api: TestClient, signatures: dict[Role | None, dict[str, str]], sent: Sent, role: Role | None
) -> None:
    shortly = answered(api, sent, signatures[role])
    at_length = answered(api, sent.the_long_way, signatures[role])

    assert (is_taken(api, sent), is_taken(api, sent.the_long_way)) == (True, False)
    assert shortly == at_length


@pytest.mark.parametrize(
    "sent",
    [
        Sent("GET", "/v1/capacity-requests"),
        Sent("DELETE", "/v1/leases/gone"),
        Sent("DELETE", "/v1/leases/gone", "fence=0"),
        Sent("DELETE", "/v1/leases/gone", "fence=-7"),
        Sent("DELETE", "/v1/leases/gone", "fence=seven"),
        Sent("DELETE", "/v1/leases/gone", "fence=7&fence=8"),
        Sent("DELETE", "/v1/leases/gone", f"fence={2**63}"),
        Sent("DELETE", f"/v1/leases/{'x' * (LONGEST_ID + 1)}", "fence=7"),
        Sent("DELETE", "/v1/leases/gone/", "fence=7"),
        Sent("PATCH", "/v1/leases:renew"),
    ],
    ids=str,
)
def test_what_needs_a_closer_look_goes_the_usual_way(api: TestClient, sent: Sent) -> None:
    assert not is_taken(api, sent)


def test_a_lease_is_taken_kept_and_given_back_by_the_lane(
    api: TestClient, signatures: dict[Role | None, dict[str, str]]
) -> None:
    signed = signatures[Role.SCHEDULER]
    asked = Sent("POST", "/v1/capacity-requests", json=a_body(), key="mine")
    granted = answered(api, asked, signed)
    lease = granted[1]["lease"]
    kept = Sent("POST", f"/v1/leases/{lease['id']}/renew", json={"fence": lease["fence"]})
    back = Sent("DELETE", f"/v1/leases/{lease['id']}", f"fence={lease['fence']}")

    assert all(is_taken(api, sent) for sent in (asked, kept, back))
    assert granted[0] == 201
    assert answered(api, asked.the_long_way, signed) == granted
    assert answered(api, kept, signed)[1]["state"] == "active"
    assert [answered(api, back, signed)[0] for _ in range(2)] == [204, 204]
