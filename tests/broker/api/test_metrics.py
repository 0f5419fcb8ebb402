"""What Prometheus reads: the work of this process, and the books as every process sees them."""

from datetime import timedelta

from fastapi.testclient import TestClient
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from broker.access.scope import Role
from broker.api.app import create_app
from broker.flows.prepare_database import open_database
from broker.metrics import Meters
from broker.settings import Settings
from broker.store.engine import Database
from broker.store.job_runs import claim, finish
from tests.broker.api.clients import PEPPER, a_client
from tests.broker.capacity_rows import a_pool, put_lease, put_pools, put_sweep
from tests.broker.flows.polls import polled
from tests.builders import NOON


def open_client(database: Database, *, meters: Meters | None = None) -> TestClient:
    settings = Settings(database_url="sqlite://", key_pepper=SecretStr(PEPPER), metrics_public=True)
    return TestClient(create_app(settings, database=database, meters=meters))


def scraped(client: TestClient) -> dict[str, Metric]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return {one.name: one for one in text_string_to_metric_families(answer.text)}


def value(metrics: dict[str, Metric], name: str, **labels: str) -> float | None:
    """The value of a series, None where there is none."""
    return next(
        (
            one.value
            for metric in metrics.values()
            for one in metric.samples
            if one.name == name and one.labels == labels
        ),
        None,
    )


def test_metrics_need_the_right_to_read_the_ledger(sqlite: Database) -> None:
    assert a_client(sqlite).get("/metrics").status_code == 401
    assert a_client(sqlite, Role.SCHEDULER).get("/metrics").status_code == 403
    assert a_client(sqlite, Role.VIEWER).get("/metrics").status_code == 200


def test_metrics_are_open_where_that_is_set_and_the_description_says_so(sqlite: Database) -> None:
    client = open_client(sqlite)

    described = client.get("/openapi.json").json()["paths"]["/metrics"]["get"]

    assert client.get("/metrics").headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "security" not in described


def test_requests_are_counted_by_route_and_never_by_path(sqlite: Database) -> None:
    client = open_client(sqlite)

    client.get("/v1/contracts/HC-2025-B200-01")
    client.get("/v1/contracts/HC-2025-B200-02")
    client.get("/made/up")
    client.request("BREW", "/healthz")

    found = scraped(client)
    total = "tonnage_http_requests_total"
    route = "/v1/contracts/{contract_id}"
    assert value(found, total, method="GET", route=route, status="401") == 2
    assert value(found, total, method="GET", route="unknown", status="404") == 1
    assert value(found, total, method="other", route="/healthz", status="405") == 1
    assert value(found, "tonnage_http_request_seconds_count", method="GET", route=route) == 2
    text = client.get("/metrics").text
    assert "HC-2025" not in text
    assert "made/up" not in text
    assert "_created" not in text


def test_what_the_process_counted_stands_beside_the_books(database: Database) -> None:
    meters = Meters()
    meters.lease_op("grant", "granted", 0.004)
    put_pools(database, a_pool(available=40, leased=24))
    put_lease(database, 16)
    put_sweep(database, ago=timedelta(minutes=2))

    found = scraped(open_client(database, meters=meters))

    assert value(found, "tonnage_lease_ops_total", op="grant", outcome="granted") == 1
    assert value(found, "tonnage_queue_depth") == 0
    harbor = {"supplier": "harbor-compute", "gpu_model": "B200"}
    assert value(found, "tonnage_pool_gpus", state="leased", **harbor) == 24
    assert value(found, "tonnage_ledger_imbalance") == 8
    assert value(found, "tonnage_sweep_lag_seconds") == 0
    assert (value(found, "tonnage_sweep_age_seconds") or 0) >= 120
    assert value(found, "tonnage_database_up") == 1


def test_two_processes_on_one_database_say_the_same_of_jobs_and_suppliers(
    database: Database,
) -> None:
    with database.writing() as session:
        run = claim(session, "roll", every=timedelta(days=1), beat=timedelta(1), owner="ann")
        assert run is not None
        finish(session, run)
    polled(database, NOON, seen_at=NOON)

    one, other = scraped(open_client(database)), scraped(open_client(database))

    for found in (one, other):
        assert value(found, "tonnage_job_run_total", job="roll", outcome="done") == 1
        assert (value(found, "tonnage_price_age_seconds", provider="acme") or 0) > 0
    ended = {value(each, "tonnage_job_last_success_timestamp", job="roll") for each in (one, other)}
    assert len(ended) == 1
    assert (ended.pop() or 0) >= run.at.timestamp()


def test_without_its_database_a_process_still_says_how_it_does() -> None:
    client = open_client(open_database("postgresql+psycopg://dana:hunter2@127.0.0.1:1/books"))
    client.get("/healthz")

    found = scraped(client)

    assert value(found, "tonnage_database_up") == 0
    assert (
        value(found, "tonnage_http_requests_total", method="GET", route="/healthz", status="200")
        == 1
    )
    assert "tonnage_pool_gpus" not in found


def test_a_figure_that_nobody_knows_has_no_value(sqlite: Database) -> None:
    found = scraped(open_client(sqlite))

    assert value(found, "tonnage_sweep_age_seconds") is None
    assert value(found, "tonnage_price_age_seconds", provider="acme") is None
    assert value(found, "tonnage_ledger_imbalance") == 0
