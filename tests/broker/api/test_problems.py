"""Everything that goes wrong is answered in one shape, and gives nothing away."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from sqlalchemy import exc, text

from broker import errors
from broker.access.scope import Role
from broker.api.problems import V1_STATUSES
from broker.api.wiring import WiringDep
from broker.logs import JsonLines
from broker.store.engine import Database
from tests.broker.api.clients import a_client, operations

CANARY = "canary-4711-price-2.63"
FAULT = errors.Fault(code="bad-price", message="write 2.63", line=3, field="price")
router = APIRouter()
RAISED: dict[str, Exception] = {
    "bad": errors.BadInputError("two rows cannot be read", (FAULT,)),
    "unknown": errors.NotFoundError("no such contract"),
    "refused": errors.RefusedError("the term has ended"),
    "conflict": errors.ConflictError("read again"),
    "broken": errors.BrokenLedgerError("event 7"),
    "denied": errors.NotAllowedError("no"),
    "unsigned": errors.NotSignedInError("no"),
    "away": errors.UnreachableError("no answer"),
    "locked": exc.OperationalError(CANARY, {"price": CANARY}, Exception(CANARY)),
    "lost": exc.InterfaceError(CANARY, {"price": CANARY}, Exception(CANARY)),
    "full": exc.TimeoutError(CANARY),
    "nul": exc.DataError(CANARY, {"price": CANARY}, Exception(CANARY)),
    "duplicate": exc.IntegrityError(CANARY, {"price": CANARY}, Exception(CANARY)),
    "bug": ZeroDivisionError(CANARY),
    "root": errors.TonnageError(CANARY),
}


@router.get("/raise/{what}")
def raise_(what: str) -> None:
    raise RAISED[what]


@router.post("/fail")
async def fail(request: Request) -> None:
    raise ValueError((await request.body()).decode() + str(request.headers))


@router.get("/half")
def half() -> StreamingResponse:
    def pieces() -> Iterator[bytes]:
        yield b"1,2,3\n"
        raise RuntimeError("the second half")

    return StreamingResponse(pieces())


@router.get("/nul")
def nul(wiring: WiringDep) -> None:
    with wiring.database.reading() as session:
        session.execute(text("SELECT :value"), {"value": "\x00"})


@pytest.mark.parametrize(
    ("what", "status", "code"),
    [
        ("bad", 400, "bad-input"),
        ("unsigned", 401, "not-signed-in"),
        ("denied", 403, "not-allowed"),
        ("unknown", 404, "not-found"),
        ("refused", 409, "refused"),
        ("conflict", 409, "conflict"),
        ("broken", 409, "broken-ledger"),
        ("away", 503, "unreachable"),
        ("locked", 503, "database-unavailable"),
        ("lost", 503, "database-unavailable"),
        ("full", 503, "database-unavailable"),
        ("nul", 400, "bad-input"),
        ("duplicate", 500, "internal"),
        ("bug", 500, "internal"),
        ("root", 500, "internal"),
    ],
)
def test_each_branch_of_the_tree_has_its_status(
    sqlite: Database, what: str, status: int, code: str
) -> None:
    answer = a_client(sqlite, extra=[router]).get(f"/raise/{what}")

    told = answer.json()
    assert (answer.status_code, told["status"], told["code"]) == (status, status, code)
    assert told["type"] == f"urn:tonnage:problem:{code}"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert told["request_id"] == answer.headers["X-Request-Id"]
    assert ("Retry-After" in answer.headers) is (status == 503)
    assert CANARY not in answer.text


def test_every_fault_of_an_input_is_told_with_its_place(sqlite: Database) -> None:
    told = a_client(sqlite, extra=[router]).get("/raise/bad").json()

    assert told["detail"] == "two rows cannot be read"
    assert told["errors"] == [
        {"line": 3, "field": "price", "code": "bad-price", "message": "write 2.63"}
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"name": "bot"}',
        b'{"name": NaN, "role": "viewer"}',
        b'{"name": "bot", "role": "viewer", "\\ud800": 1}',
        b'{"name": "bot", "role": "viewer", "expires_in_days": 1e400}',
    ],
)
def test_a_body_of_another_shape_is_refused_with_its_faults(sqlite: Database, body: bytes) -> None:
    answer = a_client(sqlite, Role.ADMIN).post(
        "/v1/keys", content=body, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert all({"field", "code", "message"} <= set(fault) for fault in answer.json()["errors"])
    assert answer.json()["errors"] != []


def test_a_path_that_is_not_there_is_a_problem_too(sqlite: Database) -> None:
    answer = a_client(sqlite).get("/v1/nothing")

    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("PUT", "/v1/keys", {"GET", "POST"}), ("POST", "/v1/keys/abcdefgh", {"DELETE"})],
)
def test_a_wrong_method_is_told_all_that_the_path_answers(
    sqlite: Database, method: str, path: str, allowed: set[str]
) -> None:
    answer = a_client(sqlite).request(method, path)

    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == allowed
    assert answer.json()["code"] == "method-not-allowed"


def test_text_that_a_database_cannot_hold_is_bad_input_and_no_crash(database: Database) -> None:
    answer = a_client(database, extra=[router]).get("/nul")

    assert answer.status_code == (400 if database.dialect == "postgresql" else 200)


@pytest.mark.parametrize("path", ["/healthz", "/v1/nothing", "/raise/bug", "/v1/whoami"])
def test_no_cache_keeps_an_answer_and_each_has_its_own_id(sqlite: Database, path: str) -> None:
    client = a_client(sqlite, extra=[router])

    answers = [client.get(path, headers={"X-Request-Id": "mine"}) for _ in range(2)]

    assert len({answer.headers["X-Request-Id"] for answer in answers} - {"mine"}) == 2
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    out = io.StringIO()
    sink = logging.StreamHandler(out)
    sink.setFormatter(JsonLines())
    root = logging.getLogger()
    before = root.level
    root.addHandler(sink)
    root.setLevel(logging.DEBUG)
    yield out
    root.removeHandler(sink)
    root.setLevel(before)


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("path", ["/fail", "/v1/keys", "/v1/nothing"])
def test_a_secret_in_a_request_reaches_neither_the_log_nor_the_answer(
    sqlite: Database, logged: io.StringIO, path: str
) -> None:
    secret = {"Authorization": f"Bearer {CANARY}", "X-Extra": CANARY}

    answer = a_client(sqlite, extra=[router]).post(path, json={CANARY: CANARY}, headers=secret)

    assert answer.status_code >= 400
    assert CANARY not in answer.text + str(answer.headers)
    assert CANARY not in logged.getvalue()
    assert any(line["event"] == "request answered" for line in lines(logged))


@pytest.mark.parametrize("what", ["bug", "locked", "duplicate"])
def test_a_failure_is_logged_once_with_its_place_and_without_its_words(
    sqlite: Database, logged: io.StringIO, what: str
) -> None:
    answer = a_client(sqlite, extra=[router]).get(f"/raise/{what}")

    told = [line for line in lines(logged) if line["level"] in {"warning", "error"}]
    assert [line["request_id"] for line in told] == [answer.headers["X-Request-Id"]]
    assert type(RAISED[what]).__name__ in str(told)
    assert CANARY not in logged.getvalue()


def test_half_an_answer_is_broken_off_and_not_passed_for_whole(sqlite: Database) -> None:
    with pytest.raises(RuntimeError, match="second half"):
        a_client(sqlite, extra=[router]).get("/half")


def test_the_openapi_document_describes_every_problem_of_every_route(sqlite: Database) -> None:
    document = a_client(sqlite).get("/openapi.json").json()

    for _, path, operation in operations(document):
        if path.startswith("/v1/"):
            assert {str(status) for status in V1_STATUSES} <= set(operation["responses"])
        for status, answer in operation["responses"].items():
            if status >= "400":
                assert set(answer["content"]) == {"application/problem+json"}
    named = set(json.dumps(document).split('"#/components/schemas/')[1:])
    shapes = {name.split('"')[0] for name in named}
    assert shapes <= set(document["components"]["schemas"])
    assert "Problem" in shapes
