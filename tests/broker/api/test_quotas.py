"""Quotas over HTTP: for administrators alone."""

from broker.access.scope import Role
from broker.store.engine import Database
from tests.broker.api.clients import a_client

QUOTA = {"holder": "chat", "gpu_model": "B200", "guaranteed": 8, "most": 16}


def test_an_administrator_sets_lists_and_removes_quotas(sqlite: Database) -> None:
    client = a_client(sqlite, Role.ADMIN)

    made = client.put("/v1/quotas", json=QUOTA)
    listed = client.get("/v1/quotas", params={"holder": "chat"}).json()["items"]
    removed = client.delete("/v1/quotas", params={"holder": "chat", "gpu_model": "B200"})
    again = client.delete("/v1/quotas", params={"holder": "chat", "gpu_model": "B200"})

    assert made.status_code == 200
    assert listed == [made.json()]
    assert {name: made.json()[name] for name in QUOTA} == QUOTA
    assert (removed.status_code, again.status_code) == (204, 404)


def test_a_quota_that_cannot_be_is_refused_in_words(sqlite: Database) -> None:
    answer = a_client(sqlite, Role.ADMIN).put("/v1/quotas", json=QUOTA | {"most": 4})

    assert answer.status_code == 400
    assert "at least what it is guaranteed" in answer.json()["detail"]


def test_a_scheduler_does_not_set_its_own_quota(sqlite: Database) -> None:
    assert a_client(sqlite, Role.SCHEDULER).put("/v1/quotas", json=QUOTA).status_code == 403
