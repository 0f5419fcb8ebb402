"""Market prices over HTTP: import, lists, histories, sources."""

from datetime import date
from typing import Any

import pytest

from broker.access.scope import Role
from broker.store.engine import Database
from tests.broker.api.clients import a_client
from tests.market_sheets import a_market_sheet, a_price, import_lines

MAY_11 = date(2026, 5, 11)
CSV = {"content-type": "text/csv"}


def test_a_sheet_comes_as_a_body_or_as_a_file_and_counts_once(database: Database) -> None:
    client = a_client(database, Role.PROCUREMENT)
    sheet = a_market_sheet(a_price())

    body = client.post(
        "/v1/price-imports", params={"file": "may.csv"}, content=sheet, headers=CSV
    ).json()
    form = client.post(
        "/v1/price-imports", files={"file": ("C:\\prices\\june.csv", sheet, "text/csv")}
    ).json()

    assert (body["file"], body["status"], body["new_sightings"]) == ("may.csv", "ok", 1)
    assert (form["file"], form["status"], form["new_sightings"]) == ("june.csv", "ok", 0)


def test_a_dry_run_writes_nothing(database: Database) -> None:
    client = a_client(database, Role.PROCUREMENT)
    sheet = a_market_sheet(a_price())

    tried = client.post(
        "/v1/price-imports", params={"dry_run": True}, content=sheet, headers=CSV
    ).json()

    assert (tried["dry_run"], tried["new_sightings"], tried["import_id"]) == (True, 1, None)
    assert client.get("/v1/prices").json()["items"] == []


def test_every_fault_of_a_sheet_is_answered_at_once(database: Database) -> None:
    sheet = a_market_sheet(a_price(usd_per_gpu_hour="-1"), a_price(kind="weekly"))

    answer = a_client(database, Role.PROCUREMENT).post(
        "/v1/price-imports", content=sheet, headers=CSV
    )

    told = answer.json()
    assert (answer.status_code, told["status"]) == (200, "errors")
    assert [(issue["line"], issue["code"]) for issue in told["issues"]] == [
        (2, "negative_value"),
        (3, "unknown_kind"),
    ]


def test_a_form_without_a_file_is_refused(sqlite: Database) -> None:
    answer = a_client(sqlite, Role.PROCUREMENT).post(
        "/v1/price-imports", files={"note": (None, "no file here")}
    )

    assert answer.status_code == 400
    assert "exactly one" in answer.json()["detail"]


def test_only_who_may_write_prices_imports_them(sqlite: Database) -> None:
    for role in (Role.VIEWER, Role.SCHEDULER):
        answer = a_client(sqlite, role).post("/v1/price-imports", content=b"", headers=CSV)
        assert answer.status_code == 403


def test_a_scheduler_reads_the_cheapest_price_and_how_old_it_is(database: Database) -> None:
    import_lines(database, a_price(), a_price(usd_per_gpu_hour="5.8"), a_price(kind="spot"))

    answer = a_client(database, Role.SCHEDULER, as_of=date(2026, 5, 12)).get(
        "/v1/prices", params={"gpu": "NVIDIA B200", "kind": "on-demand"}
    )

    told = answer.json()
    assert (told["as_of"], told["currency"]) == ("2026-05-12", "USD")
    assert told["items"] == [
        {
            "provider": "delphi-gpu",
            "gpu_model": "B200",
            "kind": "on-demand",
            "low": "5",
            "high": "5.8",
            "observed_on": "2026-05-11",
            "age_days": 1,
            "stale": True,
            "unknown_because": None,
        }
    ]


def test_an_unknown_price_is_null_and_says_why(database: Database) -> None:
    import_lines(database, a_price())

    (entry,) = (
        a_client(database, Role.VIEWER)
        .get("/v1/prices", params={"as_of": "2026-05-20", "max_age_days": 7})
        .json()["items"]
    )

    assert (entry["low"], entry["high"], entry["unknown_because"]) == (None, None, "too-old")


@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        ("/v1/prices", {"gpu": "x9000"}, 400),
        ("/v1/prices", {"kind": "weekly"}, 422),
        ("/v1/prices", {"as_of": "0001-01-01"}, 400),
        ("/v1/prices/history", {"to": "9999-12-31"}, 400),
        ("/v1/prices/sources", {"limit": "0"}, 422),
        ("/v1/market/x9000", {}, 400),
        ("/v1/market/b200", {"as_of": "0001-01-01"}, 400),
        ("/v1/market/b200", {"window_days": "0"}, 422),
    ],
)
def test_what_cannot_be_asked_is_a_problem_and_not_a_failure(
    sqlite: Database, path: str, params: dict[str, str], status: int
) -> None:
    answer = a_client(sqlite, Role.VIEWER).get(path, params=params)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_history_and_its_sources_lead_from_a_level_to_a_line(database: Database) -> None:
    import_lines(database, a_price(date="2026-05-08"), a_price(), file="may.csv")
    client = a_client(database, Role.VIEWER)

    (told,) = client.get("/v1/prices/history", params={"gpu": "b200"}).json()["items"]
    sources = client.get(
        "/v1/prices/sources", params={"gpu": "b200", "from": "2026-05-11", "limit": 1}
    ).json()

    assert told["series"]["part"] == "B200-SXM"
    assert told["levels"] == [
        {"price": "5", "first_seen_on": "2026-05-08", "last_seen_on": "2026-05-11"}
    ]
    assert told["gaps"] == [{"first_day": "2026-05-09", "days": 2}]
    (row,) = sources["items"]
    assert (sources["total"], row["file"], row["line"]) == (1, "may.csv", 3)
    assert row["fetched_at"] == "2026-05-11T07:00:00Z"


def test_a_market_has_its_comparison_benchmark_index_and_history(database: Database) -> None:
    sellers = ("atlas", "basalt", "cinder", "delphi", "ember")
    import_lines(
        database,
        *(
            a_price(date=day, provider=seller, usd_per_gpu_hour=level)
            for day, levels in (
                ("2026-05-04", ("4", "4", "5", "5", "6")),
                ("2026-05-11", ("4.4", "4.4", "5.5", "5.5", "6.6")),
            )
            for seller, level in zip(sellers, levels, strict=True)
        ),
    )

    told: dict[str, Any] = (
        a_client(database, Role.VIEWER, as_of=MAY_11).get("/v1/market/b200").json()
    )

    assert told["comparison"][0]["move_7_days"] == "0.1"
    assert told["comparison"][0]["move_30_days"] is None
    assert (told["list_benchmark"]["median"], told["list_benchmark"]["n"]) == ("5.5", 5)
    assert told["panel_start"] == "2026-05-04"
    assert [step["index"] for step in told["panel"]] == ["110"]
    assert told["history"][0]["days"][-1] == {"day": "2026-05-11", "low": "4.4", "high": "4.4"}


def test_too_few_suppliers_are_no_benchmark_and_no_zero(database: Database) -> None:
    import_lines(database, a_price())

    told = a_client(database, Role.VIEWER, as_of=MAY_11).get("/v1/market/b200").json()

    found = told["list_benchmark"]
    assert (found["n"], found["median"], found["mad"]) == (1, None, None)


def test_the_models_are_listed_with_whose_prices_are_on_record(database: Database) -> None:
    import_lines(database, a_price())

    items = a_client(database, Role.VIEWER).get("/v1/gpu-models").json()["items"]

    by_name = {item["gpu_model"]: item for item in items}
    assert by_name["B200"]["providers"] == ["delphi-gpu"]
    assert by_name["H100"]["first_observed_on"] is None
