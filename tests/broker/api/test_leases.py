"""Leases over HTTP: kept alive, given back, looked at; each holder's are their own."""

from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.access.scope import Role
from broker.store.engine import Database
from tests.broker.api.capacity import an_api, ask, keyed, lease_in, release
from tests.broker.store.capacity_rows import add_pools, let_pass, pool_row, standing


def test_the_first_heartbeat_confirms_and_later_ones_keep_alive(database: Database) -> None:
    add_pools(database, pool_row("p1", 8))
    caller = keyed(database)
    with an_api(database) as api:
        lease = lease_in(ask(api, caller))
        place = f"/v1/leases/{lease['id']}"
        before = api.get(place, headers=caller)
        first = api.post(f"{place}/renew", json={"fence": lease["fence"]}, headers=caller)
        longer = {"fence": lease["fence"], "ttl_seconds": 3600}
        second = api.post(f"{place}/renew", json=longer, headers=caller)
        after = api.get(place, headers=caller)

    assert (before.json()["state"], before.json()["confirmed_at"]) == ("granted", None)
    assert (first.status_code, first.json()["state"]) == (200, "active")
    assert second.json()["expires_at"] > first.json()["expires_at"] >= lease["expires_at"]
    assert (after.json()["state"], after.json()["ttl_seconds"]) == ("active", 3600)
    assert before.headers["ETag"] != after.headers["ETag"]
    assert standing(database, "p1") == (0, 0, 8)


def test_giving_back_again_is_as_good_as_once(database: Database) -> None:
    add_pools(database, pool_row("p1", 8))
    caller = keyed(database)
    with an_api(database) as api:
        lease = lease_in(ask(api, caller))
        answers = [release(api, caller, lease).status_code for _ in range(3)]
        told = api.get(f"/v1/leases/{lease['id']}", headers=caller).json()

    assert answers == [204, 204, 204]
    assert told["state"] == "released"
    assert standing(database, "p1") == (8, 0, 0)


def test_a_lease_that_ended_or_has_another_fence_is_lost(database: Database) -> None:
    add_pools(database, pool_row("p1", 16))
    caller = keyed(database)
    with an_api(database) as api:
        lease, other = (lease_in(ask(api, caller)) for _ in range(2))
        wrong = release(api, caller, lease | {"fence": other["fence"]})
        release(api, caller, other)
        place = f"/v1/leases/{other['id']}/renew"
        ended = api.post(place, json={"fence": other["fence"]}, headers=caller)
        let_pass(database, 3600)
        place = f"/v1/leases/{lease['id']}/renew"
        late = api.post(place, json={"fence": lease["fence"]}, headers=caller)

    for answer in (wrong, ended, late):
        assert (answer.status_code, answer.json()["code"]) == (409, "lease-lost")
    assert "stop using" in late.json()["detail"]


def test_many_heartbeats_have_a_result_each(database: Database) -> None:
    add_pools(database, pool_row("p1", 32))
    caller = keyed(database)
    with an_api(database) as api:
        leases = [lease_in(ask(api, caller)) for _ in range(3)]
        release(api, caller, leases[1])
        beats = [{"lease_id": each["id"], "fence": each["fence"]} for each in leases]
        beats.append({"lease_id": "nobodys", "fence": 1})
        answer = api.post("/v1/leases:renew", json={"items": beats}, headers=caller)

    results = answer.json()["items"]
    assert [each["lease_id"] for each in results] == [each["lease_id"] for each in beats]
    assert [each["is_lost"] for each in results] == [False, True, False, True]
    assert [each["state"] for each in results] == ["active", None, "active", None]
    assert standing(database, "p1") == (16, 0, 16)


def test_a_holder_of_leases_touches_and_sees_only_their_own(database: Database) -> None:
    add_pools(database, pool_row("p1", 32))
    mine, stranger = keyed(database), keyed(database)
    with an_api(database) as api:
        lease = lease_in(ask(api, mine))
        place = f"/v1/leases/{lease['id']}"
        assert api.get(place, headers=stranger).status_code == 404
        assert api.get("/v1/leases", headers=stranger).json()["items"] == []
        beat = {"fence": lease["fence"]}
        assert api.post(f"{place}/renew", json=beat, headers=stranger).status_code == 409
        assert release(api, stranger, lease).status_code == 404
        assert standing(database, "p1") == (24, 8, 0)

        admin = keyed(database, Role.ADMIN)
        assert api.get("/v1/leases", headers=keyed(database, Role.VIEWER)).json()["items"] != []
        assert api.post(f"{place}/renew", json=beat, headers=admin).status_code == 200
        assert release(api, admin, lease).status_code == 204


def test_leases_are_found_by_holder_state_and_pool(database: Database) -> None:
    add_pools(database, pool_row("p1", 16), pool_row("p2", 16, gpu_model="B200"))
    caller = keyed(database)
    with an_api(database) as api:
        chat = lease_in(ask(api, caller))["id"]
        batch = lease_in(ask(api, caller, holder="batch", gpu_models=["B200"]))["id"]
        gone = lease_in(ask(api, caller))
        release(api, caller, gone)

        def found(**wanted: str) -> list[str]:
            page = api.get("/v1/leases", params=wanted, headers=caller).json()
            return [each["id"] for each in page["items"]]

        assert found() == [gone["id"], batch, chat]
        assert found(holder="chat", state="granted") == [chat]
        assert found(pool="p2") == [batch]
        assert found(state="released") == [gone["id"]]
        assert found(holder="nobody") == []


def test_every_page_size_reads_every_lease_once(database: Database) -> None:
    add_pools(database, pool_row("p1", 96))
    caller = keyed(database)
    with an_api(database) as api:
        granted = [lease_in(ask(api, caller))["id"] for _ in range(7)]
        for size in range(1, 9):
            seen: list[str] = []
            token: dict[str, str] = {}
            while True:
                wanted = {"page_size": str(size)} | token
                page = api.get("/v1/leases", params=wanted, headers=caller).json()
                seen += [each["id"] for each in page["items"]]
                if page["next_page_token"] is None:
                    break
                token = {"page_token": page["next_page_token"]}
            assert seen == granted[::-1]


def test_a_page_token_that_was_made_up_is_bad_input(sqlite: Database) -> None:
    caller = keyed(sqlite)
    with an_api(sqlite) as api:
        for token in ("x", "%00", "bm9ib2R5=", "ÿ", "-_-_", "YSBi"):
            answer = api.get("/v1/leases", params={"page_token": token}, headers=caller)
            assert answer.status_code == 400, token
        large = api.get("/v1/leases", params={"page_size": 501}, headers=caller)

    assert large.status_code == 422


def test_a_gang_over_several_pools_is_one_lease_with_several_lines(database: Database) -> None:
    add_pools(database, pool_row("p1", 8), pool_row("p2", 16))
    caller = keyed(database)
    with an_api(database) as api:
        lease = lease_in(ask(api, caller, gpu_count=24))
        stored = api.get(f"/v1/leases/{lease['id']}", headers=caller).json()

    assert {line["pool_id"]: line["gpu_count"] for line in lease["lines"]} == {"p1": 8, "p2": 16}
    key = "pool_id"
    assert sorted(stored["lines"], key=lambda line: line[key]) == sorted(
        lease["lines"], key=lambda line: line[key]
    )
    assert stored["gpu_count"] == 24


IDS = st.text("abc0-%/?#;\x00é", min_size=1, max_size=10) | st.just("x" * 100)


def test_no_path_or_fence_makes_the_server_fail(database: Database) -> None:
    caller = keyed(database)
    with an_api(database) as api:

        @settings(max_examples=40)
        @given(
            name=IDS,
            fence=st.integers(-1, 2**70) | st.text(max_size=4),
            ttl=st.none() | st.integers(-1, 100_000),
        )
        def answered(name: str, fence: object, ttl: object) -> None:
            place = f"/v1/leases/{quote(name, safe='')}"
            beat = {"fence": fence, "ttl_seconds": ttl}
            answers = [
                api.get(place, headers=caller),
                api.delete(place, params={"fence": str(fence)}, headers=caller),
                api.post(f"{place}/renew", json=beat, headers=caller),
                api.post(
                    "/v1/leases:renew", json={"items": [beat | {"lease_id": name}]}, headers=caller
                ),
            ]
            assert [each.status_code for each in answers if each.status_code >= 500] == []

        answered()
