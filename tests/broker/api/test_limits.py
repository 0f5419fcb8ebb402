"""Bodies are counted as they arrive; past the limit the answer is 413."""

from collections.abc import Iterator

import pytest
from fastapi import APIRouter, Request, UploadFile

from broker.api.limits import LARGE_BODY_BYTES, SMALL_BODY_BYTES, limit_of
from broker.store.engine import Database
from tests.broker.api.clients import a_client

router = APIRouter()
PIECE = 1024 * 1024


@router.post("/count")
async def count(request: Request) -> int:
    return len(await request.body())


@router.post("/upload")
async def upload(file: UploadFile) -> int:
    return len(await file.read())


def unannounced(size: int) -> Iterator[bytes]:
    """A body whose size is told by no header."""
    for start in range(0, size, PIECE):
        yield bytes(min(PIECE, size - start))


@pytest.mark.parametrize(
    ("kind", "limit"),
    [
        ("application/json", SMALL_BODY_BYTES),
        ("", SMALL_BODY_BYTES),
        ("text/csvx", SMALL_BODY_BYTES),
        ("text/csv", LARGE_BODY_BYTES),
        ("Text/CSV; charset=utf-8", LARGE_BODY_BYTES),
        ("multipart/form-data; boundary=x", LARGE_BODY_BYTES),
        ("application/octet-stream", LARGE_BODY_BYTES),
    ],
)
def test_files_may_be_large_and_nothing_else(kind: str, limit: int) -> None:
    assert limit_of(kind) == limit


@pytest.mark.parametrize(
    ("kind", "limit"), [("application/json", SMALL_BODY_BYTES), ("text/csv", LARGE_BODY_BYTES)]
)
@pytest.mark.parametrize("announced", [True, False])
def test_a_body_may_be_as_large_as_the_limit_and_not_a_byte_more(
    sqlite: Database, kind: str, limit: int, announced: bool
) -> None:
    client = a_client(sqlite, extra=[router])

    def sent(size: int) -> int:
        body = bytes(size) if announced else unannounced(size)
        return client.post("/count", content=body, headers={"Content-Type": kind}).status_code

    assert sent(limit) == 200
    assert sent(limit + 1) == 413


def test_a_header_that_understates_the_body_does_not_help(sqlite: Database) -> None:
    answer = a_client(sqlite, extra=[router]).post(
        "/count",
        content=unannounced(SMALL_BODY_BYTES + 1),
        headers={"Content-Type": "application/json", "Content-Length": "10"},
    )

    assert answer.status_code == 413


def test_an_upload_that_is_too_large_is_refused_as_a_problem(sqlite: Database) -> None:
    client = a_client(sqlite, extra=[router])

    small = client.post("/upload", files={"file": ("a.csv", bytes(PIECE))})
    large = client.post("/upload", files={"file": ("a.csv", bytes(LARGE_BODY_BYTES))})

    assert small.json() == PIECE
    assert large.status_code == 413
    assert large.json()["code"] == "body-too-large"
