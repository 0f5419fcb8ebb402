"""Who may do what: every role against every route of the OpenAPI document, default deny."""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient

from broker.access.scope import Role, Scope, scopes_of
from broker.api.app import V1_ROUTERS, create_app
from broker.api.wiring import Caller, require_guarded, requires, wiring_of
from broker.settings import Settings
from broker.store.engine import Database
from tests.broker.api.clients import a_client, a_key, operations, signed_by
from tests.conftest import sqlite_database

SIGNED_IN_ONLY = {"/v1/whoami"}
"""Any live key may ask these; whatever else stands under /v1 needs a scope."""

OPEN = {"/healthz", "/readyz"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    method: str
    path: str
    scopes: tuple[str, ...]
    secured: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def scopes_in(operation: dict[str, Any]) -> tuple[str, ...]:
    return tuple(scope for need in operation.get("security", []) for scope in need["HTTPBearer"])


DOCUMENT = create_app(Settings(database_url="sqlite://")).openapi()
ALL = [
    Operation(method=method, path=path, scopes=scopes_in(found), secured="security" in found)
    for method, path, found in operations(DOCUMENT)
]
UNDER_V1 = [one for one in ALL if one.path.startswith("/v1/")]
CASES = len(UNDER_V1) * (len(Role) + 1)
"""Every role, and nobody, against every operation."""


def probes() -> APIRouter:
    """One route for each scope, so that none goes untried for want of a route that needs it."""
    router = APIRouter()
    for scope in Scope:

        @router.get(f"/probe/{scope.value}")
        def probe(_: Annotated[Caller, requires(scope)]) -> None:
            pass

    return router


@pytest.fixture(scope="module")
def client(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    database = Database(sqlite_database(sqlite_template, tmp_path_factory.mktemp("access")))
    yield a_client(database, extra=[probes()])
    database.close()


@pytest.fixture(scope="module")
def keys(client: TestClient) -> dict[Role, dict[str, str]]:
    database = client.app.state.wiring.database  # type: ignore[attr-defined]
    return {role: signed_by(a_key(database, role)) for role in Role}


def asked(client: TestClient, operation: Operation, headers: dict[str, str]) -> int:
    path = re.sub(r"\{[^}]+\}", "unknown0", operation.path)
    answer = client.request(operation.method, path, headers=headers)
    assert answer.status_code < 500, answer.text
    return answer.status_code


@pytest.mark.parametrize("operation", UNDER_V1, ids=str)
def test_every_route_under_v1_declares_its_scope(operation: Operation) -> None:
    assert operation.secured
    assert operation.scopes or operation.path in SIGNED_IN_ONLY
    assert set(operation.scopes) <= set(Scope)


def test_the_matrix_is_as_large_as_the_description(
    record_property: Callable[[str, object], None],
) -> None:
    record_property("role x route matrix", f"{len(UNDER_V1)} operations, {CASES} cases")

    assert {one.path for one in ALL} - {one.path for one in UNDER_V1} == {*OPEN, "/metrics"}
    served = {(method, route.path) for route in served_routes() for method in route.methods}
    assert {(one.method, one.path) for one in UNDER_V1} == served, "nothing is served unseen"
    assert CASES >= 200


def served_routes() -> list[Any]:
    return [route for router in V1_ROUTERS for route in router.routes]


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("role", Role)
def test_a_role_holds_a_scope_over_http_exactly_if_its_bundle_names_it(
    client: TestClient, keys: dict[Role, dict[str, str]], scope: Scope, role: Role
) -> None:
    status = client.get(f"/probe/{scope.value}", headers=keys[role]).status_code

    assert status == (200 if scope in scopes_of(role) else 403)


def test_a_route_that_asks_for_no_key_is_not_served() -> None:
    router = APIRouter()

    @router.get("/v1/forgotten")
    def forgotten() -> None:
        pass

    with pytest.raises(RuntimeError, match="/v1/forgotten lacks"):
        require_guarded(router.routes)


def test_who_is_remembered_waits_for_no_thread() -> None:
    """A dependency that is no coroutine costs a thread in each request, also of the hot path."""
    assert inspect.iscoroutinefunction(wiring_of)
    assert inspect.iscoroutinefunction(requires().dependency)


def test_only_health_is_open_to_everybody() -> None:
    assert {one.path for one in ALL if not one.secured} == OPEN


@pytest.mark.parametrize("operation", UNDER_V1, ids=str)
def test_nobody_gets_in_without_a_key(client: TestClient, operation: Operation) -> None:
    assert asked(client, operation, {}) == 401


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("operation", UNDER_V1, ids=str)
def test_a_role_gets_in_exactly_where_its_scopes_reach(
    client: TestClient, keys: dict[Role, dict[str, str]], operation: Operation, role: Role
) -> None:
    allowed = set(operation.scopes) <= set(scopes_of(role))

    status = asked(client, operation, keys[role])

    assert status != 401
    assert (status == 403) is not allowed


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic ZGFuYTpodW50ZXIy", "Bearer x"])
def test_a_header_that_is_no_bearer_key_does_not_sign_in(client: TestClient, header: str) -> None:
    answer = client.get("/v1/whoami", headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["code"] == "not-signed-in"


def test_a_refusal_names_the_scope_that_lacks_and_who_holds_it(
    client: TestClient, keys: dict[Role, dict[str, str]]
) -> None:
    answer = client.get("/v1/keys", headers=keys[Role.VIEWER])

    assert answer.status_code == 403
    assert "keys:admin" in answer.json()["detail"]
    assert "admin" in answer.json()["detail"]
