"""The HTTP API held to its own description: schemathesis draws requests and reads the answers.

Every operation is asked with bodies and parameters that the description allows and with some that
it does not; no answer may be a 500, undocumented, or of another shape than described.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from pydantic import SecretStr
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from broker.access.scope import Role
from broker.api.app import create_app
from broker.settings import Settings
from broker.store import schema as store_schema
from broker.store.engine import Database
from tests.broker.api.clients import PEPPER, a_key, operations

EXAMPLES = 10
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
]
TUPLES = ("POST", "/v1/contract-imports")
"""Its answer holds tuples, described as `prefixItems`: this reader rewrites them into what JSON Schema
2020-12 no longer allows, and then refuses them."""

DESCRIBED = [
    (method, path)
    for method, path, _ in operations(create_app(Settings(database_url="sqlite://")).openapi())
]


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, str]]:
    """The description of an app with a database of its own, and an admin's key."""
    path: Path = tmp_path_factory.mktemp("contract") / "books.db"
    database = Database(f"sqlite:///{path}")
    store_schema.upgrade(database)
    chosen = Settings(database_url="sqlite://", key_pepper=SecretStr(PEPPER))
    app = create_app(chosen, database=database)
    yield schemathesis.openapi.from_asgi("/openapi.json", app), a_key(database, Role.ADMIN).key
    database.close()


@pytest.mark.parametrize(("method", "path"), DESCRIBED, ids=lambda word: word)
def test_every_answer_is_as_described(described: tuple[Any, str], method: str, path: str) -> None:
    schema, key = described
    checks = [*CHECKS] if (method, path) == TUPLES else [*CHECKS, response_schema_conformance]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    @given(case=schema[path][method].as_strategy())
    def attempt(case: Any) -> None:
        case.call_and_validate(checks=checks, headers={"Authorization": f"Bearer {key}"})

    attempt()
