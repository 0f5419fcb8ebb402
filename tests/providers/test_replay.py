"""Recorded answers in the place of the network."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from providers import registry
from providers.reading import ReadingState, read
from providers.replay import RECORDING, Replay
from providers.supplier import Ask
from tests.providers.counterpart import MARK, NOW, counterpart
from tests.providers.exchanges import FIXTURES
from tests.providers.test_conformance import asking


def an_exchange(answer: Any, path: str = "/v1/types", **request: Any) -> dict[str, Any]:
    return {
        "request": {"method": "GET", "path": path, **request},
        "response": {"status": 200, "json": answer},
    }


def answers(*exchanges: dict[str, Any]) -> httpx2.Client:
    return httpx2.Client(
        transport=Replay(exchanges).transport(), base_url="https://api.acme.example"
    )


def test_a_question_gets_its_recorded_answer() -> None:
    assert answers(an_exchange({"data": [1]})).get("/v1/types").json() == {"data": [1]}


def test_what_was_never_asked_is_not_found() -> None:
    client = answers(an_exchange([]))

    assert client.get("/v1/other").status_code == 404
    assert client.post("/v1/types").status_code == 404
    assert client.get("/v1/types/more").status_code == 404


def test_a_placeholder_in_the_path_stands_for_anything() -> None:
    client = answers(an_exchange("found", "/v1/projects/{project}/types"))

    assert client.get("/v1/projects/p-7/types").json() == "found"
    assert client.get("/v1/projects//types").status_code == 404


def test_of_several_answers_the_one_with_most_of_the_query_is_taken() -> None:
    client = answers(
        an_exchange("first"), an_exchange("second", query={"page": 2}), an_exchange("last")
    )

    assert client.get("/v1/types", params={"page": "2", "size": "50"}).json() == "second"
    assert client.get("/v1/types", params={"page": "3"}).json() == "first"


def test_searches_are_told_apart_by_words_of_their_body() -> None:
    client = answers(
        an_exchange("b200", method="POST", body_has=["B200"]),
        an_exchange("h100", method="POST", body_has=["H100", "spot"]),
    )

    assert client.post("/v1/types", json={"gpu": "H100", "terms": "spot"}).json() == "h100"
    assert client.post("/v1/types", json={"gpu": "B200"}).json() == "b200"
    assert client.post("/v1/types", json={"gpu": "H100"}).status_code == 404


def test_status_headers_and_text_are_answered_as_recorded() -> None:
    refused = {
        "request": {"method": "GET", "path": "/v1/types"},
        "response": {"status": 429, "headers": {"retry-after": "3"}, "text": "slow down"},
    }

    answer = answers(refused).get("/v1/types")

    assert (answer.status_code, answer.headers["retry-after"], answer.text) == (
        429,
        "3",
        "slow down",
    )


def test_a_recording_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / RECORDING
    path.write_text(json.dumps({"exchanges": [an_exchange("ä")]}), encoding="utf-8")

    with httpx2.Client(transport=Replay.of(path).transport()) as client:
        assert client.get("https://api.acme.example/v1/types").json() == "ä"


@pytest.mark.parametrize("key", ["lambda", "runpod", "hyperstack", "crusoe", "primeintellect"])
def test_a_replayed_supplier_says_the_same_as_over_the_network(key: str) -> None:
    against = counterpart(key)
    with asking(against) as (_, access):
        over_the_network = read(registry.supplier(key), Ask(), access)
    usual = registry.supplier(key).profile.url
    access = against.access(usual, transport=Replay.of(FIXTURES / key / RECORDING).transport())

    replayed = read(registry.supplier(key), Ask(), access)

    assert replayed.state is ReadingState.OK, replayed.message
    assert replayed.answer == over_the_network.answer
    assert replayed.finished_at == NOW
    assert MARK not in repr(replayed)
