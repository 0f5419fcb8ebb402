"""The HTTP API held to its own description: schemathesis draws requests and reads the answers.

Every operation is asked with bodies and parameters that the description allows and with some that
it does not; no answer may be a 500, undocumented, or of another shape than described. Then answers
are followed: the links of the description lead from what one request made to the next request.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.stateful import run_state_machine_as_test
from pydantic import SecretStr
from schemathesis.checks import not_a_server_error
from schemathesis.python.asgi import shutdown_lifespans
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from broker.access.scope import Role
from broker.api.app import create_app
from broker.api.links import LINKS, Link
from broker.settings import Settings
from broker.store import schema as store_schema
from broker.store.engine import Database
from tests.broker.api.clients import PEPPER, a_key, operations
from tests.broker.store.capacity_rows import add_pools, pool_row

EXAMPLES = 8
STEPS = 8
GPUS = 8 * 100
"""More than any story asks for: a snapshot of the pool may be as old as the story before."""

ASK = "POST /v1/capacity-requests"
HOOK = "POST /v1/webhooks"
CONDITIONS = {
    "node_size",
    "regions",
    "residency",
    "min_tier",
    "min_reliability",
    "max_price_per_gpu_hour",
    "currency",
    "duration_seconds",
    "starts_at",
}
"""Of a request for capacity: drawn at random, hardly ever all met by a pool."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """The description of an app with a database of its own, and an admin's key."""

    schema: Any
    key: str
    begin_anew: Callable[[], None]


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Described]:
    folder: Path = tmp_path_factory.mktemp("contract")
    database = Database(f"sqlite:///{folder / 'books.db'}")
    store_schema.upgrade(database)
    add_pools(database, pool_row("p1", GPUS))
    key = a_key(database, Role.ADMIN).key
    copy(folder / "books.db", folder / "first.db")
    chosen = Settings(
        database_url="sqlite://", key_pepper=SecretStr(PEPPER), rate_limit_per_second=0
    )
    app = create_app(chosen, database=database)
    yield Described(
        schema=schemathesis.openapi.from_asgi("/openapi.json", app),
        key=key,
        begin_anew=lambda: copy(folder / "first.db", folder / "books.db"),
    )
    shutdown_lifespans()  # the engine that the first request started


def copy(source: Path, target: Path) -> None:
    """Make one SQLite file hold what another does, also while it is open."""
    with closing(sqlite3.connect(source)) as left, closing(sqlite3.connect(target)) as right:
        left.backup(right)


@pytest.mark.parametrize(("method", "path"), DESCRIBED, ids=lambda word: word)
def test_every_answer_is_as_described(described: Described, method: str, path: str) -> None:
    checks = [*CHECKS] if (method, path) == TUPLES else [*CHECKS, response_schema_conformance]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    @given(case=described.schema[path][method].as_strategy())
    def attempt(case: Any) -> None:
        case.call_and_validate(checks=checks, headers={"Authorization": f"Bearer {described.key}"})

    attempt()


def within_reach(operation: str, body: dict[str, Any]) -> dict[str, Any]:
    """A body that was drawn, changed to what can be done here: chance alone hardly ever hits it.

    A request for capacity is for 8 GPUs of the pool, or, if it may wait, for more than there are.
    """
    if operation == HOOK:
        return body | {"url": "https://hooks.example.com/capacity"}
    if operation != ASK:
        return body
    kept = {name: value for name, value in body.items() if name not in CONDITIONS}
    return kept | {"gpu_models": ["H100"], "gpu_count": GPUS + 8 if body.get("queue") else 8}


def following(described: Described, links: list[Link], seen: Counter[tuple[str, int]]) -> type[Any]:
    """The machine that follows links, and counts what was answered by operation and status."""
    linked = described.schema.include(
        name=sorted({end for link in links for end in (link.source, link.target)})
    )
    linked.config.phases.stateful.inference.algorithms = []  # ours, none that are guessed
    machine: Any = linked.as_state_machine()

    class Following(machine):  # type: ignore[misc]  # its base is made at run time
        """Starts from the same books each time: what follows what must not depend on the past."""

        def setup(self) -> None:
            described.begin_anew()

        def before_call(self, case: Any) -> None:
            case.headers["Authorization"] = f"Bearer {described.key}"
            if isinstance(case.body, dict) and case.meta.generation.mode.is_positive:
                case.body = within_reach(case.operation.label, case.body)

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            seen[case.operation.label, int(response.status_code)] += 1
            case.validate_response(response, checks=[*CHECKS, response_schema_conformance])

    return Following


@pytest.mark.parametrize(
    ("stories", "must_be_seen"),
    [
        (25, [(ASK, 201), ("DELETE /v1/leases/{lease_id}", 204)]),
        (8, [("POST /v1/keys", 201), ("DELETE /v1/keys/{key_id}", 204)]),
        (8, [(HOOK, 201), ("DELETE /v1/webhooks/{webhook_id}", 204)]),
    ],
    ids=["leases", "keys", "webhooks"],
)
def test_answers_lead_on_to_requests_that_are_answered_as_described(
    described: Described, stories: int, must_be_seen: list[tuple[str, int]]
) -> None:
    seen: Counter[tuple[str, int]] = Counter()
    (made, _), *_ = must_be_seen
    reached = {made} | {link.target for link in LINKS if link.source == made}
    run_state_machine_as_test(
        following(described, [link for link in LINKS if link.source in reached], seen),
        settings=settings(
            max_examples=stories,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )
    assert [each for each in must_be_seen if not seen[each]] == [], seen
