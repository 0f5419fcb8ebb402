"""Callers of the capacity API, with the real engine behind it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi.testclient import TestClient
from pydantic import SecretStr

from broker.access.scope import Role
from broker.api.app import create_app
from broker.identity import new_id
from broker.settings import Settings
from broker.store.engine import Database
from broker.store.grants import Grants
from tests.broker.api.clients import PEPPER, a_key, signed_by

HOT = "/v1/capacity-requests"


@contextmanager
def an_api(database: Database, *, grants: Grants | None = None) -> Iterator[TestClient]:
    """The API with its engine running, as nobody in particular."""
    settings = Settings(
        database_url="sqlite://", key_pepper=SecretStr(PEPPER), rate_limit_per_second=0
    )
    app = create_app(settings, database=database, grants=grants)
    with TestClient(app) as client:
        yield client


def keyed(database: Database, role: Role = Role.SCHEDULER) -> dict[str, str]:
    """The headers of a caller of this role, with a key of its own."""
    return signed_by(a_key(database, role))


def a_body(**changes: Any) -> dict[str, Any]:
    """8 H100 for the chat model."""
    return {"gpu_models": ["H100"], "gpu_count": 8, "holder": "chat", "ttl_seconds": 60} | changes


def ask(api: TestClient, caller: dict[str, str], key: str | None = None, **changes: Any) -> Any:
    """Ask for capacity, under a key of its own unless it is told."""
    headers = caller | {"Idempotency-Key": key or new_id()}
    return api.post(HOT, json=a_body(**changes), headers=headers)


def lease_in(answer: Any) -> dict[str, Any]:
    """The lease that was granted."""
    assert answer.status_code == 201, answer.text
    lease: dict[str, Any] = answer.json()["lease"]
    return lease


def release(api: TestClient, caller: dict[str, str], lease: dict[str, Any]) -> Any:
    """Give a lease back."""
    return api.delete(f"/v1/leases/{lease['id']}", params={"fence": lease["fence"]}, headers=caller)
