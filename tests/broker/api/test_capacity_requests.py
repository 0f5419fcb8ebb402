"""Capacity is asked for over HTTP: granted, pending or refused, once for each key."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.access.scope import Role
from broker.flows.manage_quotas import quota_of, set_quota
from broker.identity import new_id
from broker.store.engine import Database
from broker.store.grants import grants_of
from tests.broker.api.capacity import HOT, a_body, an_api, ask, keyed, lease_in, release
from tests.broker.store.capacity_rows import add_pools, events, pool_row, standing
from tests.builders import NOON


def test_a_grant_answers_with_its_lease_and_where_to_find_it(database: Database) -> None:
    add_pools(database, pool_row("p1", 16, region="us-central", contract_ref="HC-1"))
    with an_api(database) as api:
        answer = ask(api, keyed(database), node_size=8, priority=700)

    lease = lease_in(answer)
    assert answer.headers["Location"] == f"/v1/leases/{lease['id']}"
    assert "Idempotent-Replayed" not in answer.headers
    assert (answer.json()["state"], lease["state"]) == ("granted", "granted")
    assert (lease["fence"], lease["ttl_seconds"], lease["request_id"]) == (
        1,
        60,
        answer.json()["id"],
    )
    (line,) = lease["lines"]
    assert (line["pool_id"], line["gpu_count"], line["region"]) == ("p1", 8, "us-central")
    assert (line["supplier"], line["contract_ref"]) == ("harbor-compute", "HC-1")
    assert standing(database, "p1") == (8, 8, 0)


def test_a_scheduler_is_told_no_contract_price_and_a_buyer_is(database: Database) -> None:
    add_pools(
        database,
        pool_row("p1", 8),
        pool_row("p2", 8, kind="on-demand", usd_marginal=Decimal("3")),
    )
    scheduler, admin = keyed(database), keyed(database, Role.ADMIN)
    with an_api(database) as api:
        both = lease_in(ask(api, scheduler, gpu_count=16))
        told = api.get(f"/v1/leases/{both['id']}", headers=admin).json()

    prices = {each["pool_id"]: each["effective_price_per_gpu_hour"] for each in both["lines"]}
    assert prices == {"p1": None, "p2": "2.5"}
    assert {each["effective_price_per_gpu_hour"] for each in told["lines"]} == {"2.5"}


def test_the_same_key_again_is_the_same_lease_and_says_so(database: Database) -> None:
    add_pools(database, pool_row("p1", 64))
    caller = keyed(database)
    with an_api(database) as api:
        first = ask(api, caller, "k1")
        again = ask(api, caller, "k1")
        elsewhere = ask(api, keyed(database), "k1")

    assert again.status_code == 201
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert again.json() == first.json()
    assert lease_in(elsewhere)["id"] != lease_in(first)["id"]
    assert standing(database, "p1") == (48, 16, 0)


def test_a_key_with_another_body_is_refused(database: Database) -> None:
    add_pools(database, pool_row("p1", 64))
    caller = keyed(database)
    with an_api(database) as api:
        ask(api, caller, "k1")
        answer = ask(api, caller, "k1", gpu_count=16)

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency-mismatch")
    assert standing(database, "p1") == (56, 8, 0)


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "tab\tkey"])
def test_a_request_without_a_key_that_can_be_kept_is_bad_input(sqlite: Database, key: str) -> None:
    caller = keyed(sqlite)
    headers = caller if not key.strip() else caller | {"Idempotency-Key": key}
    with an_api(sqlite) as api:
        answer = api.post(HOT, json=a_body(), headers=headers)

    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["detail"]


def test_a_refusal_says_what_would_have_helped_and_may_be_asked_again(database: Database) -> None:
    add_pools(database, pool_row("p1", 8))
    caller = keyed(database)
    with an_api(database) as api:
        refused = ask(api, caller, "k1", gpu_count=16)
        fewer = ask(api, caller, "k1", gpu_count=8)

    assert (refused.status_code, refused.json()["code"]) == (409, "insufficient-capacity")
    assert "at most 8" in refused.json()["detail"]
    assert "2.5" not in refused.text
    assert fewer.status_code == 201


def test_capacity_that_was_given_back_can_be_had_at_once(database: Database) -> None:
    add_pools(database, pool_row("p1", 8))
    caller = keyed(database)
    with an_api(database) as api:
        for _ in range(5):
            lease = lease_in(ask(api, caller))
            assert ask(api, caller).status_code == 409
            assert release(api, caller, lease).status_code == 204

    assert standing(database, "p1") == (8, 0, 0)


def test_pools_that_fill_up_behind_a_snapshot_pass_the_request_on(database: Database) -> None:
    add_pools(database, *(pool_row(f"p{n}", 8) for n in range(12)))
    caller = keyed(database)
    with an_api(database) as api:
        leases = [lease_in(ask(api, caller)) for _ in range(12)]
        last = ask(api, caller)

    assert len({line["pool_id"] for lease in leases for line in lease["lines"]}) == 12
    assert last.status_code == 409


def test_a_request_that_may_wait_is_pending_and_can_be_cancelled(database: Database) -> None:
    add_pools(database, pool_row("p1", 8))
    caller = keyed(database)
    with an_api(database) as api:
        lease_in(ask(api, caller))
        pending = ask(api, caller, "k2", queue=True)
        place = pending.headers["Location"]
        found = api.get(place, headers=caller)
        stale = api.post(f"{place}/cancel", headers=caller | {"If-Match": '"7"'})
        tag = {"If-Match": found.headers["ETag"]}
        cancelled = api.post(f"{place}/cancel", headers=caller | tag)
        twice = api.post(f"{place}/cancel", headers=caller)
        again = ask(api, caller, "k2", queue=True)

    assert (pending.status_code, pending.json()["lease"]) == (202, None)
    assert (found.json()["state"], found.json()["position"]) == ("pending", 1)
    assert found.json()["request"]["gpu_models"] == ["H100"]
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert cancelled.headers["ETag"] != found.headers["ETag"]
    assert (twice.status_code, twice.json()) == (200, cancelled.json())
    assert (again.status_code, "fresh key" in again.json()["detail"]) == (409, True)
    assert events(database)[-1] == "request.cancelled"


def test_a_granted_request_is_not_cancelled_but_its_lease_released(database: Database) -> None:
    add_pools(database, pool_row("p1", 8))
    caller = keyed(database)
    with an_api(database) as api:
        granted = ask(api, caller)
        answer = api.post(f"{HOT}/{granted.json()['id']}/cancel", headers=caller)

    assert answer.status_code == 409
    assert lease_in(granted)["id"] in answer.json()["detail"]


def test_the_place_in_the_queue_is_by_priority_and_then_by_time(sqlite: Database) -> None:
    add_pools(sqlite, pool_row("p1", 8))
    caller = keyed(sqlite)
    with an_api(sqlite) as api:
        lease_in(ask(api, caller))
        priorities = (500, 900, 500, 100)
        places = [
            ask(api, caller, queue=True, priority=priority).headers["Location"]
            for priority in priorities
        ]
        positions = [api.get(each, headers=caller).json()["position"] for each in places]

    assert positions == [2, 1, 3, 4]


def test_a_batch_has_a_result_for_each_request_alone(database: Database) -> None:
    add_pools(database, pool_row("p1", 16))
    items = [
        a_body(idempotency_key="a"),
        a_body(idempotency_key="b", gpu_models=["B200"]),
        a_body(idempotency_key="a"),
        a_body(idempotency_key="a", gpu_count=16),
        a_body(idempotency_key="c"),
        a_body(idempotency_key="d", queue=True),
    ]
    caller = keyed(database)
    with an_api(database) as api:
        answer = api.post(f"{HOT}:batch", json={"items": items}, headers=caller)

    results = answer.json()["items"]
    assert answer.status_code == 200
    assert [each["idempotency_key"] for each in results] == ["a", "b", "a", "a", "c", "d"]
    assert [each["status"] for each in results] == [201, 409, 201, 422, 201, 202]
    assert [each["code"] for each in results] == [
        None,
        "insufficient-capacity",
        None,
        "idempotency-mismatch",
        None,
        None,
    ]
    assert [each["is_replayed"] for each in results] == [False, False, True, False, False, False]
    assert results[0]["answer"]["lease"] == results[2]["answer"]["lease"]
    assert "H100" in results[1]["detail"]
    assert standing(database, "p1") == (0, 16, 0)


def test_a_batch_holds_256_requests_and_not_one_more(sqlite: Database) -> None:
    add_pools(sqlite, pool_row("p1", 2048))
    items = [a_body(idempotency_key=f"k{n}", labels={"why": "x" * 255}) for n in range(257)]
    caller = keyed(sqlite)
    with an_api(sqlite) as api:
        full = api.post(f"{HOT}:batch", json={"items": items[:256]}, headers=caller)
        over = api.post(f"{HOT}:batch", json={"items": items}, headers=caller)

    assert {each["status"] for each in full.json()["items"]} == {201}
    assert over.status_code == 422


def test_an_explanation_prices_the_ways_and_says_why_each_other_pool_fails(
    database: Database,
) -> None:
    add_pools(
        database,
        pool_row("p1", 8, usd_marginal=Decimal("0.25"), region="us-central"),
        pool_row("p2", 8, kind="on-demand", usd_marginal=Decimal("3"), region="us-central"),
        pool_row("p3", 8, region="eu-north"),
        pool_row("p4", 8, gpu_model="B200"),
    )
    asked = a_body(regions=["us-central"])
    with an_api(database) as api:
        told = api.post(f"{HOT}:explain", json=asked, headers=keyed(database)).json()
        buyer = keyed(database, Role.PROCUREMENT)
        priced = api.post(f"{HOT}:explain", json=asked, headers=buyer).json()
        none = api.post(f"{HOT}:explain", json=a_body(gpu_count=800), headers=buyer).json()

    ways = [each["lines"][0] for each in told["candidates"] if len(each["lines"]) == 1]
    assert [(way["pool_id"], way["effective_price_per_gpu_hour"]) for way in ways] == [
        ("p1", None),
        ("p2", "2.5"),
    ]
    assert priced["candidates"][0]["lines"][0]["effective_price_per_gpu_hour"] == "2.5"
    assert {each["pool_id"]: each["reason"] for each in told["failing"]} == {
        "p3": "region",
        "p4": "model",
    }
    assert all(each["helps"] for each in told["failing"])
    assert (told["reason"], none["reason"]) == (None, "impossible")
    assert none["detail"]
    assert events(database) == []


def test_a_model_is_found_however_it_is_spelt_but_never_another_card(sqlite: Database) -> None:
    add_pools(sqlite, pool_row("p1", 16))
    caller = keyed(sqlite)
    with an_api(sqlite) as api:
        found = ask(api, caller, gpu_models=["h100"])
        card = ask(api, caller, gpu_models=["H100-PCIE"])

    assert lease_in(found)["lines"][0]["gpu_model"] == "H100"
    assert card.status_code == 409


def test_requests_are_listed_page_by_page_the_newest_first(database: Database) -> None:
    add_pools(database, pool_row("p1", 64))
    caller, viewer = keyed(database), keyed(database, Role.VIEWER)
    with an_api(database) as api:
        ids = [ask(api, caller).json()["id"] for _ in range(5)]
        ask(api, keyed(database))
        seen, token = [], None
        while True:
            page = api.get(
                HOT,
                params={"page_size": 2} | ({"page_token": token} if token else {}),
                headers=caller,
            ).json()
            seen += [each["id"] for each in page["items"]]
            token = page["next_page_token"]
            if token is None:
                break
        everybody = api.get(HOT, headers=viewer).json()["items"]
        forged = api.get(HOT, params={"page_token": "bm9ib2R5"[:-1]}, headers=caller)
        waiting = api.get(HOT, params={"state": "pending"}, headers=caller).json()["items"]

    assert seen == ids[::-1]
    assert len(everybody) == 6
    assert forged.status_code == 400
    assert waiting == []


def test_a_strangers_request_is_not_found(database: Database) -> None:
    add_pools(database, pool_row("p1", 64))
    with an_api(database) as api:
        request_id = ask(api, keyed(database)).json()["id"]
        stranger = keyed(database)
        found = api.get(f"{HOT}/{request_id}", headers=stranger)
        cancelled = api.post(f"{HOT}/{request_id}/cancel", headers=stranger)
        admin = api.get(f"{HOT}/{request_id}", headers=keyed(database, Role.ADMIN))

    assert (found.status_code, cancelled.status_code, admin.status_code) == (404, 404, 200)


@pytest.mark.parametrize(
    "wrong",
    [
        {"gpu_modles": ["H100"]},
        {"gpu_models": []},
        {"gpu_count": "8"},
        {"gpu_count": 8.5},
        {"gpu_count": True},
        {"gpu_count": 0},
        {"node_size": 3},
        {"min_reliability": 0.999},
        {"min_reliability": "1.5"},
        {"max_price_per_gpu_hour": 2.5},
        {"max_price_per_gpu_hour": "1e3"},
        {"currency": "USD"},
        {"starts_at": "2026-08-01T12:00:00"},
        {"starts_at": "0001-01-01T00:00:00+14:00"},
        {"starts_at": 1},
        {"deadline": "2026-08-01T12:00:00Z"},
        {"priority": 1001},
        {"ttl_seconds": 0},
        {"ttl_seconds": 86_401},
        {"holder": ""},
        {"holder": "nul\x00"},
        {"labels": {"a": 1}},
        {"min_tier": "wood"},
    ],
)
def test_a_body_that_cannot_be_meant_is_refused_with_its_faults(
    sqlite: Database, wrong: dict[str, Any]
) -> None:
    with an_api(sqlite) as api:
        answer = ask(api, keyed(sqlite), **wrong)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert answer.json()["errors"]


def test_a_body_of_another_kind_or_size_is_refused(sqlite: Database) -> None:
    caller = keyed(sqlite) | {"Idempotency-Key": new_id()}
    with an_api(sqlite) as api:
        text = api.post(HOT, content=b"{}", headers=caller | {"Content-Type": "text/plain"})
        big = api.post(HOT, json=a_body(holder="x" * 70_000), headers=caller)

    assert (text.status_code, text.json()["code"]) == (415, "media-type")
    assert big.status_code == 413


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"holder": "\\ud800"}', b"\xff"])
def test_bytes_that_are_no_request_are_refused(sqlite: Database, body: bytes) -> None:
    headers = keyed(sqlite) | {"Idempotency-Key": new_id(), "Content-Type": "application/json"}
    with an_api(sqlite) as api:
        answer = api.post(HOT, content=body, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert answer.json()["errors"]


def test_an_engine_that_does_not_run_is_unreachable_and_the_key_may_be_used_again(
    sqlite: Database,
) -> None:
    add_pools(sqlite, pool_row("p1", 8))
    caller = keyed(sqlite)
    with an_api(sqlite) as api:
        pass
    away = ask(api, caller, "k1")
    with an_api(sqlite) as api:
        back = ask(api, caller, "k1")

    assert (away.status_code, away.json()["code"]) == (503, "unreachable")
    assert away.headers["Retry-After"]
    assert back.status_code == 201


def test_more_than_may_wait_is_told_to_come_again_in_a_second(sqlite: Database) -> None:
    add_pools(sqlite, pool_row("p1", 64))
    caller = keyed(sqlite)
    items = [a_body(idempotency_key=f"k{n}") for n in range(3)]
    with an_api(sqlite, grants=grants_of(sqlite, queue=2)) as api:
        answer = api.post(f"{HOT}:batch", json={"items": items}, headers=caller)
        fewer = api.post(f"{HOT}:batch", json={"items": items[:2]}, headers=caller)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.json()["code"] == "busy"
    assert {each["status"] for each in fewer.json()["items"]} == {201}


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(["2026-08-01T12:00:00+14:00", "9999-12-31T23:59:59-12:00", "0.5", "H100"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = [
    "gpu_models", "gpu_count", "node_size", "regions", "residency", "min_tier", "min_reliability",
    "max_price_per_gpu_hour", "currency", "duration_seconds", "starts_at", "ttl_seconds",
    "priority", "preemptible", "gang", "queue", "deadline", "holder", "labels",
]  # fmt: skip
PLAUSIBLE = st.fixed_dictionaries(
    {},
    optional={
        "gpu_models": st.lists(st.sampled_from(["H100", "h100 sxm", "B200", "x"]), max_size=3),
        "gpu_count": st.integers(0, 100_001),
        "node_size": st.integers(0, 16),
        "regions": st.lists(st.text(max_size=5), max_size=2),
        "min_reliability": st.decimals(0, 2, places=3).map(str),
        "max_price_per_gpu_hour": st.decimals(0, 10, places=2).map(str),
        "currency": st.sampled_from(["USD", "EUR", "XXX"]),
        "duration_seconds": st.integers(0, 2**40),
        "starts_at": st.datetimes().map(lambda when: f"{when.isoformat()}Z"),
        "queue": st.booleans(),
        "gang": st.booleans(),
        "holder": st.text(max_size=5),
        "labels": st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
    },
)


BODIES = (
    JSON_VALUES
    | PLAUSIBLE.map(lambda changes: a_body(**changes))
    | st.dictionaries(st.sampled_from(FIELDS), JSON_VALUES, max_size=4).map(
        lambda changes: a_body(**changes)
    )
)


def test_no_body_whatever_makes_the_server_fail(database: Database) -> None:
    add_pools(database, pool_row("p1", 1024))
    caller = keyed(database)
    with an_api(database) as api:

        @settings(max_examples=100)
        @given(body=BODIES, verb=st.sampled_from(["", ":batch", ":explain"]))
        def answered(body: object, verb: str) -> None:
            sent = {"items": [body]} if verb == ":batch" else body
            headers = caller | {"Idempotency-Key": new_id()}
            answer = api.post(f"{HOT}{verb}", json=sent, headers=headers)
            assert answer.status_code < 500, answer.text

        answered()

    standing(database, "p1")


def test_a_holder_over_its_quota_is_refused_with_words_and_others_are_not(
    database: Database,
) -> None:
    add_pools(database, pool_row("p1", 64))
    quota = quota_of("research", "H100", guaranteed=8, most=8)
    set_quota(database, quota, actor="dana", clock=lambda: NOON)
    caller = keyed(database)
    with an_api(database) as api:
        first = ask(api, caller, holder="research")
        over = ask(api, caller, holder="research")
        other = ask(api, caller, holder="serving")
        release(api, caller, lease_in(first))
        again = ask(api, caller, holder="research")

    assert [each.status_code for each in (first, over, other, again)] == [201, 409, 201, 201]
    assert "over-quota" in over.json()["detail"]
