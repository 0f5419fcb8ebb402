"""Events over HTTP: every one once and in order, by page or by stream; and webhooks for them."""

import json
from typing import Any

import pytest

from broker.access.scope import Role
from broker.store.engine import Database
from tests.broker.api.capacity import an_api, ask, keyed, lease_in, release
from tests.broker.store.capacity_rows import add_pools, pool_row

EVENTS = "/v1/events"


def streamed(text: str) -> list[dict[str, str]]:
    """The events of a stream, field by field."""
    return [
        dict(line.split(": ", 1) for line in block.splitlines())
        for block in text.strip().split("\n\n")
    ]


def test_events_are_read_on_from_where_one_was(database: Database) -> None:
    add_pools(database, pool_row("p1", 64))
    caller = keyed(database)
    with an_api(database) as api:
        for _ in range(3):
            release(api, caller, lease_in(ask(api, caller)))
        kinds, seqs, after = [], [], 0
        while True:
            page = api.get(EVENTS, params={"after": after, "limit": 2}, headers=caller).json()
            kinds += [each["kind"] for each in page["items"]]
            seqs += [each["seq"] for each in page["items"]]
            if not page["items"]:
                assert page["next"] == after
                break
            after = page["next"]

    assert kinds == ["lease.granted", "lease.released"] * 3
    assert seqs == sorted(set(seqs))


def test_a_scheduler_is_told_of_its_own_and_a_viewer_of_everything(database: Database) -> None:
    add_pools(database, pool_row("p1", 64))
    mine, other, admin = keyed(database), keyed(database), keyed(database, Role.ADMIN)
    with an_api(database) as api:
        lease = lease_in(ask(api, mine))
        ask(api, other)
        change = {"If-Match": "*"} | admin
        api.patch("/v1/pools/p1", json={"cordoned": True}, headers=change)

        def kinds(caller: dict[str, str]) -> list[str]:
            return [each["kind"] for each in api.get(EVENTS, headers=caller).json()["items"]]

        assert kinds(mine) == ["lease.granted"]
        assert api.get(EVENTS, headers=mine).json()["items"][0]["object_id"] == lease["id"]
        assert kinds(keyed(database, Role.VIEWER)) == [
            "lease.granted",
            "lease.granted",
            "pool.changed",
        ]


def test_no_event_holds_a_price(database: Database) -> None:
    add_pools(database, pool_row("p1", 64))
    caller = keyed(database)
    with an_api(database) as api:
        release(api, caller, lease_in(ask(api, caller)))
        text = api.get(EVENTS, headers=caller).text

    assert "price" not in text
    assert "2.5" not in text


def test_a_stream_goes_on_behind_the_last_event_that_was_had(database: Database) -> None:
    add_pools(database, pool_row("p1", 64))
    caller = keyed(database)
    with an_api(database) as api:
        for _ in range(2):
            release(api, caller, lease_in(ask(api, caller)))
        streaming = caller | {"Accept": "text/event-stream"}
        first = api.get(EVENTS, params={"limit": 2}, headers=streaming)
        last = streamed(first.text)[-1]["id"]
        rest = api.get(
            EVENTS,
            params={"limit": 2, "after": 0},
            headers=streaming | {"Last-Event-ID": last},
        )

    assert first.headers["Content-Type"].startswith("text/event-stream")
    told = streamed(first.text) + streamed(rest.text)
    assert [each["event"] for each in told] == ["lease.granted", "lease.released"] * 2
    assert [json.loads(each["data"])["seq"] for each in told] == [int(each["id"]) for each in told]


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "9" * 30, "²"])
def test_a_last_event_that_is_no_number_is_bad_input(sqlite: Database, last: str) -> None:
    headers = {name.encode(): value.encode() for name, value in keyed(sqlite).items()}
    with an_api(sqlite) as api:
        answer = api.get(EVENTS, headers=headers | {b"Last-Event-ID": last.encode()})

    assert answer.status_code == 400


def a_webhook(**changes: Any) -> dict[str, Any]:
    return {"url": "https://hooks.example/s3cret"} | changes


def test_a_webhook_shows_its_secret_once_and_its_address_never(database: Database) -> None:
    admin = keyed(database, Role.ADMIN)
    with an_api(database) as api:
        made = api.post("/v1/webhooks", json=a_webhook(kinds=["lease.expired"]), headers=admin)
        listed = api.get("/v1/webhooks", headers=admin)
        gone = api.delete(f"/v1/webhooks/{made.json()['id']}", headers=admin)
        twice = api.delete(f"/v1/webhooks/{made.json()['id']}", headers=admin)

    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    (one,) = listed.json()["items"]
    assert (one["host"], one["kinds"], one["next_seq"]) == ("hooks.example", ["lease.expired"], 1)
    assert "whsec_" not in listed.text
    assert "s3cret" not in listed.text
    assert (gone.status_code, twice.status_code) == (204, 404)


@pytest.mark.parametrize(
    "url", ["http://hooks.example/x", "ftp://x/y", "https://u:p@hooks.example/", "nonsense"]
)
def test_an_address_that_nothing_is_posted_to_is_bad_input(sqlite: Database, url: str) -> None:
    with an_api(sqlite) as api:
        answer = api.post(
            "/v1/webhooks", json=a_webhook(url=url), headers=keyed(sqlite, Role.ADMIN)
        )

    assert answer.status_code == 400
    assert "TONNAGE_WEBHOOK_URL" not in answer.json()["detail"]
    assert url not in answer.text
