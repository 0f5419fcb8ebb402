"""`tonnage prices poll`, `tonnage offers` and `tonnage providers`, against a real local server."""

import json
from collections.abc import Iterator

import pytest

from tests.broker.cli.commands import run
from tests.broker.lambda_server import SECRET, lambda_answers
from tests.providers.faults import always, proxied, throttled

POLL = ("prices", "poll", "--supplier", "lambda")


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    with lambda_answers() as found:
        yield found


def test_nothing_configured_is_told_and_no_error(sqlite_url: str) -> None:
    polled = run(*POLL, database_url=sqlite_url)
    status = run("providers", "status", "--json", database_url=sqlite_url)

    assert polled.exit_code == 0
    assert "set TONNAGE_LAMBDA_API_KEY" in polled.stdout
    providers = {each["supplier"]: each for each in json.loads(status.stdout)["providers"]}
    assert providers["lambda"]["state"] == "not-configured"
    assert providers["lambda"]["missing"] == ["TONNAGE_LAMBDA_API_KEY"]


def test_a_poll_brings_offers_the_cheapest_first(
    sqlite_url: str, environment: dict[str, str]
) -> None:
    polled = run(*POLL, "--json", database_url=sqlite_url, **environment)
    listed = run("offers", "--gpu", "B200", "--count", "8", "--json", database_url=sqlite_url)
    table = run("offers", database_url=sqlite_url)

    (report,) = json.loads(polled.stdout)["polls"]
    assert (report["state"], report["offers"], report["skips"]) == ("ok", 5, 1)
    (offer,) = json.loads(listed.stdout)["items"]
    assert (offer["usd_per_gpu_hour"], offer["price_per_instance"]) == ("6.69", "53.52")
    assert (offer["region"], offer["stock"]["is_obtainable"]) == ("us-south-2", True)
    rows = [line.split() for line in table.stdout.splitlines()[1:]]
    prices = [next(word for word in row if word[0].isdigit() and "." in word) for row in rows]
    assert prices == ["1.99", "3.99", "3.99", "6.69", "6.99"]
    assert "out-of-stock" in table.stdout
    assert SECRET not in polled.stdout + polled.stderr


def test_a_second_poll_changes_nothing(sqlite_url: str, environment: dict[str, str]) -> None:
    run(*POLL, database_url=sqlite_url, **environment)
    again = run(*POLL, "--json", database_url=sqlite_url, **environment)

    (report,) = json.loads(again.stdout)["polls"]
    assert (report["offers"], report["changes"]) == (5, 0)


def test_polled_prices_join_the_price_history(sqlite_url: str, environment: dict[str, str]) -> None:
    run(*POLL, database_url=sqlite_url, **environment)

    prices = run("prices", "list", "--gpu", "B200", "--json", database_url=sqlite_url)

    assert '"lambda"' in prices.stdout
    assert "6.69" in prices.stdout


def test_a_supplier_that_refuses_is_told_and_keeps_its_offers(
    sqlite_url: str, environment: dict[str, str]
) -> None:
    run(*POLL, database_url=sqlite_url, **environment)
    with proxied(environment["TONNAGE_LAMBDA_URL"], always(throttled(retry_after="999"))) as proxy:
        refused = run(
            *POLL, database_url=sqlite_url, **{**environment, "TONNAGE_LAMBDA_URL": proxy.url}
        )
    shown = run("providers", "show", "lambda", "--json", database_url=sqlite_url)

    assert refused.exit_code == 1
    assert "asks for patience" in refused.stdout
    provider = json.loads(shown.stdout)
    assert (provider["state"], provider["error_kind"]) == ("failed", "throttled")
    assert provider["offers"] == 5
    assert provider["left_out"] == [
        {"native_id": "cpu_4x_general", "reason": "no_gpu", "detail": ""}
    ]


def test_what_nobody_knows_is_refused_in_words(sqlite_url: str) -> None:
    supplier = run("prices", "poll", "--supplier", "acme", database_url=sqlite_url)
    gpu = run("offers", "--gpu", "Zorblax", database_url=sqlite_url)
    price = run("offers", "--max-price", "cheap", database_url=sqlite_url)
    policy = run("providers", "policy", "acme", database_url=sqlite_url)

    assert [each.exit_code for each in (supplier, gpu, price, policy)] == [2, 2, 2, 2]
    assert "is no supplier; there are " in supplier.stderr
    assert "not a GPU" in gpu.stderr
    assert "--max-price" in price.stderr


def test_no_offer_says_what_to_do(sqlite_url: str) -> None:
    assert "tonnage prices poll" in run("offers", database_url=sqlite_url).stderr


def test_a_policy_is_json(sqlite_url: str) -> None:
    policy = run("providers", "policy", "lambda", database_url=sqlite_url)

    assert json.loads(policy.stdout)["supplier"] == "lambda"


def test_an_offer_has_a_past(sqlite_url: str, environment: dict[str, str]) -> None:
    run(*POLL, database_url=sqlite_url, **environment)
    listed = run("offers", "--gpu", "GH200", "--json", database_url=sqlite_url)
    (offer,) = json.loads(listed.stdout)["items"]

    told = run("offers", "--history", offer["id"], database_url=sqlite_url)
    unknown = run("offers", "--history", "nobody", database_url=sqlite_url)

    assert "1.99 USD" in told.stdout
    assert unknown.exit_code == 2
