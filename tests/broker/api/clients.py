"""Callers of the API, in this process: what a test of a route needs to write one line."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from fastapi import APIRouter
from fastapi.testclient import TestClient
from pydantic import SecretStr

from broker.access.scope import Role
from broker.api.app import create_app
from broker.clock import Clock, utc_now
from broker.flows.manage_keys import KeyWish, NewKey, create_key
from broker.identity import new_id
from broker.settings import Settings
from broker.store.engine import Database

PEPPER = "pepper of the tests"


def a_key(database: Database, role: Role, *, name: str | None = None) -> NewKey:
    """A key of this role, under a name of its own."""
    wish = KeyWish(name=name or f"{role}-{new_id()}", role=role)
    return create_key(database, wish, pepper=PEPPER, actor="root", clock=utc_now)


def a_client(
    database: Database,
    role: Role | None = None,
    *,
    as_of: date | None = None,
    clock: Clock = utc_now,
    extra: Iterable[APIRouter] = (),
) -> TestClient:
    """A client of the API, signed in with a fresh key of this role, or not at all."""
    settings = Settings(
        database_url="sqlite://",
        key_pepper=SecretStr(PEPPER),
        as_of=as_of,
        rate_limit_per_second=0,  # tests that are about it set their own
    )
    app = create_app(settings, database=database, clock=clock)
    for router in extra:
        app.include_router(router)
    return TestClient(app, headers=signed_by(a_key(database, role)) if role else {})


def signed_by(key: NewKey) -> dict[str, str]:
    """The header that signs a request with a key."""
    return {"Authorization": f"Bearer {key.key}"}


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Every operation of an OpenAPI document: method, path, description."""
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
