"""Keys over HTTP."""

from datetime import UTC, date, datetime

import pytest

from broker.access.scope import Role, scopes_of
from broker.store.engine import Database
from tests.broker.api.clients import a_client, a_key, signed_by


def test_whoami_says_who_the_key_belongs_to_and_what_it_may_do(database: Database) -> None:
    key = a_key(database, Role.SCHEDULER, name="planner")

    answer = a_client(database).get("/v1/whoami", headers=signed_by(key))

    assert answer.json() == {
        "key_id": key.id,
        "principal": key.id,
        "name": "planner",
        "role": "scheduler",
        "scopes": sorted(scopes_of(Role.SCHEDULER)),
    }


def test_an_administrator_makes_a_key_that_works_and_is_listed_without_itself(
    database: Database,
) -> None:
    admin = a_client(database, Role.ADMIN)

    made = admin.post("/v1/keys", json={"name": "bot", "role": "viewer", "expires_in_days": 7})
    listed = admin.get("/v1/keys")

    assert made.status_code == 201
    key = made.json()
    signed = {"Authorization": f"Bearer {key['key']}"}
    assert a_client(database).get("/v1/whoami", headers=signed).json()["name"] == "bot"
    assert key["key"] not in listed.text
    entry = next(one for one in listed.json()["items"] if one["id"] == key["id"])
    assert (entry["state"], entry["last4"]) == ("live", key["key"][-4:])


def test_a_revoked_key_is_out_at_once(database: Database) -> None:
    admin, key = a_client(database, Role.ADMIN), a_key(database, Role.VIEWER)

    first = admin.delete(f"/v1/keys/{key.id}")
    second = admin.delete(f"/v1/keys/{key.id}")

    assert (first.status_code, second.status_code) == (204, 204)
    answer = a_client(database).get("/v1/whoami", headers=signed_by(key))
    assert answer.status_code == 401
    assert "revoked" in answer.json()["detail"]


def test_a_rotated_key_and_its_successor_are_one_principal(database: Database) -> None:
    admin, old = a_client(database, Role.ADMIN), a_key(database, Role.SCHEDULER)

    answer = admin.post(f"/v1/keys/{old.id}/rotate", json={"overlap_seconds": 3600})

    assert answer.status_code == 201
    new = answer.json()
    assert new["replaced_id"] == old.id
    signed = {"Authorization": f"Bearer {new['key']}"}
    ours = [admin.get("/v1/whoami", headers=one).json() for one in (signed_by(old), signed)]
    assert [who["principal"] for who in ours] == [old.id, old.id]
    assert [who["key_id"] for who in ours] == [old.id, new["id"]]
    again = admin.post(f"/v1/keys/{old.id}/rotate", json={"overlap_seconds": 0})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


def test_an_overlap_of_nothing_ends_the_old_key_at_once(sqlite: Database) -> None:
    admin, old = a_client(sqlite, Role.ADMIN), a_key(sqlite, Role.SCHEDULER)
    assert admin.get("/v1/whoami", headers=signed_by(old)).status_code == 200

    admin.post(f"/v1/keys/{old.id}/rotate", json={"overlap_seconds": 0})

    assert admin.get("/v1/whoami", headers=signed_by(old)).status_code == 401


@pytest.mark.parametrize("seconds", [-1, 30 * 86_400 + 1, "a day", None])
def test_an_overlap_that_cannot_be_is_refused(sqlite: Database, seconds: object) -> None:
    admin, old = a_client(sqlite, Role.ADMIN), a_key(sqlite, Role.SCHEDULER)

    answer = admin.post(f"/v1/keys/{old.id}/rotate", json={"overlap_seconds": seconds})

    assert answer.status_code == 422


def test_a_second_live_key_of_the_same_name_is_a_conflict(database: Database) -> None:
    admin = a_client(database, Role.ADMIN)
    wish = {"name": "bot", "role": "viewer"}

    statuses = [admin.post("/v1/keys", json=wish).status_code for _ in range(2)]

    assert statuses == [201, 409]


def test_the_use_of_a_key_is_noted(database: Database) -> None:
    noon = datetime(2026, 5, 15, 12, tzinfo=UTC)
    key = a_key(database, Role.ADMIN)
    client = a_client(database, clock=lambda: noon)

    client.get("/v1/whoami", headers=signed_by(key))

    entry = client.get("/v1/keys", headers=signed_by(key)).json()["items"][0]
    assert entry["last_used_at"] == "2026-05-15T12:00:00Z"


def test_the_business_day_is_the_one_that_is_set_else_that_of_the_clock(sqlite: Database) -> None:
    late = datetime(2026, 5, 15, 23, 59, tzinfo=UTC)

    real = a_client(sqlite, clock=lambda: late).app.state.wiring  # type: ignore[attr-defined]
    frozen = a_client(sqlite, as_of=date(2026, 1, 2)).app.state.wiring  # type: ignore[attr-defined]

    assert real.today() == date(2026, 5, 15)
    assert frozen.today() == date(2026, 1, 2)
