"""Demand over HTTP."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from broker.access.scope import Role
from broker.store.engine import Database
from tests.broker.api.clients import a_client
from tests.broker.demand_sheets import (
    FORECAST,
    METERED,
    clock,
    forecast_sheet_of,
    metered_sheet_of,
)
from tests.broker.placement.profiles import a_config, a_model, a_throughput

CSV = {"Content-Type": "text/csv"}


def sent(client: TestClient, path: str, content: bytes, **params: str) -> dict[str, Any]:
    answer = client.post(path, content=content, headers=CSV, params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_forecast_is_sent_listed_and_summed(database: Database) -> None:
    client = a_client(database, Role.PROCUREMENT, clock=clock)
    sheet = forecast_sheet_of(FORECAST, FORECAST.replace("50000.5,1", "60000,2"))

    tried = sent(client, "/v1/demand-forecasts", sheet, dry_run="true")
    first = sent(client, "/v1/demand-forecasts", sheet, file="plan.csv")
    again = sent(client, "/v1/demand-forecasts", sheet)
    listed = client.get("/v1/demand-forecasts").json()
    every = client.get("/v1/demand-forecasts", params={"all_versions": True}).json()
    later = client.get("/v1/demand-forecasts", params={"first_month": "2026-06-20"}).json()

    assert (tried["recorded"], first["recorded"], again["recorded"]) == (2, 2, 0)
    assert (first["file"], again["unchanged"]) == ("plan.csv", 2)
    assert [one["version"] for one in listed["items"]] == [2]
    assert listed["items"][0]["p90_tokens_per_second"] == "60000"
    assert listed["by_month"][0]["workload_class"] == "interactive"
    assert [one["version"] for one in every["items"]] == [1, 2]
    assert later == {"items": [], "by_month": []}


def test_every_fault_of_a_sheet_is_told_and_nothing_is_written(database: Database) -> None:
    client = a_client(database, Role.PROCUREMENT)
    sheet = forecast_sheet_of(FORECAST.replace("2026-05", "May"), FORECAST.replace(",1,", ",x,"))

    report = sent(client, "/v1/demand-forecasts", sheet)

    assert report["status"] == "errors"
    assert [(one["line"], one["field"]) for one in report["issues"]] == [
        (2, "month"),
        (3, "version"),
    ]
    assert client.get("/v1/demand-forecasts").json()["items"] == []


def test_a_scheduler_meters_and_who_buys_forecasts(database: Database) -> None:
    scheduler = a_client(database, Role.SCHEDULER, clock=clock)
    buyer = a_client(database, Role.PROCUREMENT, clock=clock)

    metered = sent(scheduler, "/v1/demand-samples", metered_sheet_of(METERED))
    refused = [
        scheduler.post("/v1/demand-forecasts", content=b"", headers=CSV),
        buyer.post("/v1/demand-samples", content=b"", headers=CSV),
    ]

    assert metered["recorded"] == 1
    assert [answer.status_code for answer in refused] == [403, 403]
    assert [answer.json()["code"] for answer in refused] == ["not-allowed"] * 2
    assert buyer.get("/v1/demand-samples").json()["items"][0]["output_tokens"] == 600


def test_metered_use_is_sized_at_a_quantile(database: Database) -> None:
    client = a_client(database, Role.ADMIN, clock=clock)
    sent(
        client,
        "/v1/demand-samples",
        metered_sheet_of(METERED, METERED.replace("T00:00", "T00:10").replace(",600\n", "")),
    )

    found = client.get("/v1/demand/sizing", params={"quantile": 0.5, "days": 3}).json()
    nothing = client.get("/v1/demand/sizing", params={"as_of": "2026-01-01"}).json()
    refused = client.get("/v1/demand/sizing", params={"as_of": "0001-01-01"})

    assert (found["days"], found["items"][0]["windows"]) == (3, 2)
    assert found["items"][0]["peak_factor"] == 1.0
    assert nothing["items"] == []
    assert refused.status_code == 400


def test_demand_is_listed_with_what_would_serve_it(database: Database) -> None:
    client = a_client(database, Role.ADMIN, clock=clock)
    sent(client, "/v1/demand-forecasts", forecast_sheet_of(FORECAST))
    client.put("/v1/models", json=a_model())

    found = client.get("/v1/demand", params={"forecast_quantile": 0.5, "basis": "forecast"})

    (one,) = found.json()["items"]
    assert (one["tokens_per_second"], one["metered_tokens_per_second"]) == (40000, None)
    assert one["replicas"] == [
        {"config": "H100-tp2-fp8", "gpu_model": "H100", "replicas": 10, "gpus": 20}
    ]


def test_a_model_is_set_listed_and_ended(database: Database) -> None:
    client = a_client(database, Role.PROCUREMENT, clock=clock)

    made = client.put("/v1/models", json=a_model())
    same = client.put("/v1/models", json=a_model())
    listed = client.get("/v1/models", params={"model": "chat-70b"}).json()["items"]
    ended = client.delete("/v1/models", params={"model": "chat-70b"})
    again = client.delete("/v1/models", params={"model": "chat-70b"})

    assert made.status_code == 200, made.text
    assert listed == [made.json()] == [same.json()]
    assert (made.json()["revision"], made.json()["headroom"]) == (1, "0.1")
    assert made.json()["configs"][0]["throughput"][0]["class"] == "chat"
    assert (ended.status_code, again.status_code) == (204, 404)
    assert client.get("/v1/models").json()["items"] == []


def test_what_is_answered_can_be_sent_again(sqlite: Database) -> None:
    client = a_client(sqlite, Role.ADMIN, clock=clock)
    made = client.put("/v1/models", json=a_model()).json()
    for stamped in ("revision", "file", "actor", "recorded_at"):
        del made[stamped]

    assert client.put("/v1/models", json=made).json()["revision"] == 1


@pytest.mark.parametrize(
    ("configs", "field", "words"),
    [
        ([a_config(gpus=1)], "configs[0].gpus", "72.0 GB of its 80 GB"),
        (
            [a_config(throughput=[a_throughput(**{"class": "long"})])],
            "configs[0].throughput[0].class",
            "add it to its classes",
        ),
    ],
)
def test_a_profile_that_cannot_be_is_refused_with_its_figures(
    sqlite: Database, configs: list[Any], field: str, words: str
) -> None:
    answer = a_client(sqlite, Role.ADMIN).put("/v1/models", json=a_model(configs=configs))

    assert answer.status_code == 400
    (fault,) = answer.json()["errors"]
    assert fault["field"] == field
    assert words in fault["message"]


def test_a_throughput_without_a_source_is_refused(sqlite: Database) -> None:
    throughput = a_throughput()
    del throughput["source"]
    body = a_model(configs=[a_config(throughput=[throughput])])

    assert a_client(sqlite, Role.ADMIN).put("/v1/models", json=body).status_code == 422
