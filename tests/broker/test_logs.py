"""Logs are lines of JSON with nothing in them that must stay secret."""

import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from broker.access.key import SECRET_BYTES, written
from broker.logs import HIDDEN, JsonLines, shown, without_secrets

KEY = written("dana0001", bytes(range(SECRET_BYTES)))


def line_of(message: str, *args: object, extra: dict[str, Any] | None = None) -> dict[str, Any]:
    record = logging.getLogger("broker.test").makeRecord(
        "broker.test", logging.INFO, "file.py", 7, message, args, None, extra=extra
    )
    told: dict[str, Any] = json.loads(JsonLines().format(record))
    return told


def test_an_event_and_its_fields_are_one_object() -> None:
    told = line_of("import applied", extra={"lines": 12, "file": "contracts.csv", "dry_run": False})

    assert told["event"] == "import applied"
    assert (told["lines"], told["file"], told["dry_run"]) == (12, "contracts.csv", False)
    assert told["level"] == "info"
    assert told["at"].endswith("+00:00")


@pytest.mark.parametrize(
    "name",
    [
        "key",
        "api_key",
        "Authorization",
        "token",
        "webhook_secret",
        "password",
        "unit_price",
        "price_per_gpu_hour",
        "database_url",
        "apprise_urls",
        "digest",
        "request_body",
    ],
)
def test_a_field_with_a_telling_name_loses_its_value(name: str) -> None:
    assert shown(name, "4711") == HIDDEN
    assert shown("outer", {"inner": [{name: "4711"}]}) == {"inner": [{name: HIDDEN}]}


@pytest.mark.parametrize("name", ["key_id", "supplier_key", "url", "status", "path"])
def test_a_field_that_only_sounds_alike_keeps_its_value(name: str) -> None:
    assert shown(name, "4711") == "4711"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"refused {KEY}.", f"refused {HIDDEN}."),
        ("Authorization: Bearer abc.def", f"Authorization: Bearer {HIDDEN}"),
        ("postgresql://dana:pw@db/books", f"postgresql://{HIDDEN}@db/books"),
        ("https://hooks.example/x?sig=1 was slow", f"https://hooks.example/x?{HIDDEN} was slow"),
        ("https://example.com/a is fine", "https://example.com/a is fine"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out_of_text(text: str, left: str) -> None:
    assert without_secrets(text) == left


@given(before=st.text(), after=st.text(), secret=st.binary(min_size=32, max_size=32))
def test_no_text_around_a_key_lets_it_through(before: str, after: str, secret: bytes) -> None:
    key = written("dana0001", secret)

    assert key not in without_secrets(f"{before} {key} {after}")


def test_a_secret_string_stays_hidden() -> None:
    assert "hunter2" not in json.dumps(line_of("start", extra={"setting": SecretStr("hunter2")}))


def a_failure_with_a_cause() -> ValueError:
    def inner() -> None:
        raise KeyError("hunter2")

    def outer() -> None:
        try:
            inner()
        except KeyError as cause:
            raise ValueError("hunter2") from cause

    with pytest.raises(ValueError, match="hunter2") as failed:
        outer()
    return failed.value


def test_an_exception_is_told_by_type_and_place_and_not_by_its_words() -> None:
    failure = a_failure_with_a_cause()
    information = (type(failure), failure, failure.__traceback__)

    told = JsonLines().format(
        logging.LogRecord("x", logging.ERROR, "f", 1, "failed", (), information)
    )

    assert "hunter2" not in told
    assert [one["type"] for one in json.loads(told)["exception"]] == ["ValueError", "KeyError"]
    assert "in inner" in told
