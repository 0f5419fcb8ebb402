"""Pools over HTTP: looked at, cordoned, drained; a change says which state it was made for."""

import pytest

from broker.access.scope import Role
from broker.store.engine import Database
from tests.broker.api.capacity import an_api, ask, keyed, lease_in
from tests.broker.store.capacity_rows import add_pools, pool_row


def test_a_pool_tells_where_its_gpus_stand_and_its_price_to_buyers(database: Database) -> None:
    add_pools(database, pool_row("p1", 16, reliability_ppm=999_000, kept_back=2))
    scheduler = keyed(database)
    with an_api(database) as api:
        lease_in(ask(api, scheduler))
        (listed,) = api.get("/v1/pools", headers=scheduler).json()["items"]
        one = api.get("/v1/pools/p1", headers=keyed(database, Role.VIEWER))
        other = api.get("/v1/pools", params={"gpu_model": "B200"}, headers=scheduler).json()

    assert listed["accounts"] == {
        "undelivered": 0,
        "available": 8,
        "held": 8,
        "leased": 0,
        "down": 0,
        "returned": 0,
    }
    assert (listed["free"], listed["kept_back"], listed["reliability"]) == (6, 2, "0.999")
    assert (listed["effective_price_per_gpu_hour"], listed["currency"]) == (None, None)
    assert one.json()["effective_price_per_gpu_hour"] == "2.5"
    assert one.headers["ETag"] == f'"{one.json()["gen"]}"'
    assert other == {"items": []}


def test_a_cordoned_pool_takes_no_new_lease_until_it_is_open_again(database: Database) -> None:
    add_pools(database, pool_row("p1", 16))
    admin, scheduler = keyed(database, Role.ADMIN), keyed(database)
    with an_api(database) as api:
        lease = lease_in(ask(api, scheduler))
        tag = api.get("/v1/pools/p1", headers=admin).headers["ETag"]
        closed = api.patch(
            "/v1/pools/p1", json={"cordoned": True}, headers=admin | {"If-Match": tag}
        )
        refused = ask(api, scheduler)
        beat = {"fence": lease["fence"]}
        kept = api.post(f"/v1/leases/{lease['id']}/renew", json=beat, headers=scheduler)
        opened = api.patch(
            "/v1/pools/p1", json={"cordoned": False}, headers=admin | {"If-Match": "*"}
        )
        granted = ask(api, scheduler)

    assert (closed.status_code, closed.json()["cordoned"]) == (200, True)
    assert closed.headers["ETag"] not in (tag, opened.headers["ETag"])
    assert (refused.status_code, "cordon" in refused.json()["detail"]) == (409, True)
    assert kept.status_code == 200
    assert (opened.json()["cordoned"], granted.status_code) == (False, 201)


def test_draining_is_the_stronger_order_and_ends_by_itself(sqlite: Database) -> None:
    add_pools(sqlite, pool_row("p1", 16))
    admin = keyed(sqlite, Role.ADMIN) | {"If-Match": "*"}
    with an_api(sqlite) as api:

        def become(**change: object) -> tuple[bool, bool]:
            told = api.patch("/v1/pools/p1", json=change, headers=admin).json()
            return told["cordoned"], told["draining"]

        assert become(draining=True) == (True, True)
        assert become(cordoned=False) == (True, True)
        assert become(draining=False) == (False, False)
        assert become(cordoned=True) == (True, False)
        assert become(kept_back=4) == (True, False)
        assert become(draining=True, kept_back=0) == (True, True)
        assert become(draining=False, cordoned=True) == (True, False)


def test_a_change_without_the_state_it_was_made_for_is_refused(database: Database) -> None:
    add_pools(database, pool_row("p1", 16))
    admin = keyed(database, Role.ADMIN)
    with an_api(database) as api:
        tag = api.get("/v1/pools/p1", headers=admin).headers["ETag"]
        missing = api.patch("/v1/pools/p1", json={"kept_back": 2}, headers=admin)
        lease_in(ask(api, keyed(database)))
        stale = api.patch("/v1/pools/p1", json={"kept_back": 2}, headers=admin | {"If-Match": tag})
        weak = api.patch(
            "/v1/pools/p1", json={"kept_back": 2}, headers=admin | {"If-Match": f"W/{tag}"}
        )

    assert (missing.status_code, missing.json()["code"]) == (428, "precondition-required")
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    assert weak.status_code == 412


def test_more_spares_than_there_are_gpus_are_refused(database: Database) -> None:
    add_pools(database, pool_row("p1", 16))
    admin = keyed(database, Role.ADMIN) | {"If-Match": "*"}
    with an_api(database) as api:
        answer = api.patch("/v1/pools/p1", json={"kept_back": 17}, headers=admin)
        unknown = api.patch("/v1/pools/p9", json={"kept_back": 1}, headers=admin)

    assert (answer.status_code, answer.json()["code"]) == (409, "refused")
    assert unknown.status_code == 404


@pytest.mark.parametrize(
    "wrong", [{"cordoned": "yes"}, {"kept_back": -1}, {"kept_back": "1"}, {"total": 4}]
)
def test_a_change_that_cannot_be_meant_is_refused(
    sqlite: Database, wrong: dict[str, object]
) -> None:
    add_pools(sqlite, pool_row("p1", 16))
    admin = keyed(sqlite, Role.ADMIN) | {"If-Match": "*"}
    with an_api(sqlite) as api:
        assert api.patch("/v1/pools/p1", json=wrong, headers=admin).status_code == 422
