"""The inbox from the command line."""

import json
from datetime import date
from typing import Any

import pytest

from broker.flows.import_prices import import_prices
from broker.store.engine import Database
from tests.broker.cli.commands import run
from tests.broker.flows.price_sheets import days_at, price_sheet
from tests.broker.notify.messages import receiving
from tests.broker.story import load_contracts
from tests.builders import ACTOR, NOON

MARCH = date(2026, 3, 1)
CANARY = "canary-in-the-url"


@pytest.fixture
def repriced(sqlite: Database) -> None:
    sheet = price_sheet(days_at(MARCH, ("2.99", 14), ("4.41", 6)))
    assert import_prices(sqlite, sheet, file="p.csv", actor=ACTOR, clock=lambda: NOON).is_ok


def told(*words: str, url: str, **environment: str) -> Any:
    result = run("alerts", *words, "--json", database_url=url, **environment)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def the_fingerprint(url: str) -> str:
    told("evaluate", "--as-of", "2026-03-20", url=url)
    (alert,) = told("list", url=url)["alerts"]
    return str(alert["fingerprint"])


@pytest.mark.usefixtures("repriced")
def test_an_evaluation_prints_what_it_raised_and_the_next_prints_nothing(sqlite_url: str) -> None:
    first = told("evaluate", "--as-of", "2026-03-20", url=sqlite_url)
    second = told("evaluate", "--as-of", "2026-03-20", url=sqlite_url)
    since = told("evaluate", "--since", "2026-03-15", "--as-of", "2026-03-20", url=sqlite_url)

    (alert,) = first["alerts"]
    assert {name: alert[name] for name in ("rule", "severity", "subject", "raised_on", "new")} == {
        "rule": "list_price_jump",
        "severity": "warn",
        "subject": "acme H100 on-demand",
        "raised_on": "2026-03-15",
        "new": True,
    }
    assert alert["details"]["rise"] == "47 %"
    assert {"message", "object_id", "step", "state", "deadline", "id"} <= set(alert)
    assert second["alerts"] == []
    assert [(each["fingerprint"], each["new"]) for each in since["alerts"]] == [
        (alert["fingerprint"], False)
    ]


@pytest.mark.usefixtures("repriced")
def test_people_read_a_table_and_what_to_do_next(sqlite_url: str) -> None:
    words = ("alerts", "evaluate", "--as-of", "2026-03-20")

    first, second = (run(*words, database_url=sqlite_url) for _ in range(2))

    assert "acme H100 on-demand: list price up 47 %" in first.stdout
    assert "1 new from 2026-03-01 to 2026-03-20" in first.stdout
    assert "0 new" in second.stdout
    assert "tonnage alerts list" in second.stdout


@pytest.mark.usefixtures("repriced")
def test_today_is_the_business_day_that_is_set(sqlite_url: str) -> None:
    found = told("evaluate", url=sqlite_url, TONNAGE_AS_OF="2026-03-10")

    assert (found["alerts"], found["until"]) == ([], "2026-03-10")


@pytest.mark.usefixtures("repriced")
def test_an_alert_goes_through_the_inbox_by_a_short_name(sqlite_url: str) -> None:
    name = the_fingerprint(sqlite_url)[:12]
    because = ("--reason", "as discussed")

    told("ack", name, *because, url=sqlite_url)
    told("assign", name, "--to", "kim", *because, url=sqlite_url)
    snooze = ("snooze", name, "--until", "2026-04-01", *because)
    told(*snooze, url=sqlite_url, TONNAGE_AS_OF="2026-03-20")
    told("resolve", name, *because, url=sqlite_url)
    story = told("reopen", name, *because, url=sqlite_url)

    assert [each["action"] for each in story["events"]] == [
        "raised",
        "acknowledged",
        "assigned",
        "snoozed",
        "resolved",
        "reopened",
    ]
    assert {each["actor"] for each in story["events"]} == {"dana"}
    assert (story["state"], story["assignee"]) == ("open", "kim")
    shown = run("alerts", "show", name, database_url=sqlite_url).stdout
    assert "as discussed" in shown


@pytest.mark.usefixtures("repriced")
def test_a_move_without_a_reason_or_past_a_refusal_is_an_error(sqlite_url: str) -> None:
    name = the_fingerprint(sqlite_url)[:12]

    without = run("alerts", "ack", name, database_url=sqlite_url)
    blank = run("alerts", "ack", name, "--reason", " ", database_url=sqlite_url)
    wrong = run("alerts", "reopen", name, "--reason", "x", database_url=sqlite_url)
    nobody = run("alerts", "ack", "0000000000", "--reason", "x", database_url=sqlite_url)

    assert [each.exit_code for each in (without, blank, wrong, nobody)] == [2, 2, 2, 2]
    assert "cannot become open" in wrong.stderr
    assert "tonnage alerts list" in nobody.stderr


def test_lists_are_filtered(sqlite: Database, sqlite_url: str) -> None:
    load_contracts(sqlite)
    told("evaluate", "--as-of", "2026-05-15", url=sqlite_url)

    def rules(*words: str) -> set[str]:
        return {each["rule"] for each in told("list", *words, url=sqlite_url)["alerts"]}

    assert rules() == {"notice_deadline", "expiry_no_successor"}
    assert rules("--rule", "notice_deadline") == {"notice_deadline"}
    assert rules("--state", "resolved") == set()
    assert rules("--since", "2026-05-16") == set()
    assert "harbor-compute" in run("alerts", "list", database_url=sqlite_url).stdout


@pytest.mark.usefixtures("repriced")
def test_messages_go_out_with_the_evaluation_unless_told_otherwise(sqlite_url: str) -> None:
    with receiving() as receiver:
        hook = {
            "TONNAGE_WEBHOOK_URL": f"http://127.0.0.1:{receiver.port}/{CANARY}",
            "TONNAGE_WEBHOOK_SECRET": "sesame",
            "TONNAGE_WEBHOOK_ALLOW_LOOPBACK": "true",
        }
        words = ("evaluate", "--as-of", "2026-03-20", "--no-deliver")
        told(*words, url=sqlite_url, **hook)
        assert receiver.got == []
        sent = told("deliver", url=sqlite_url, **hook)

    assert sent == {"delivered": {"log": 1, "webhook": 1}, "failed": [], "waiting": {}}
    assert len(receiver.got) == 1


@pytest.mark.usefixtures("repriced")
def test_what_cannot_be_sent_is_said_without_the_address(sqlite_url: str) -> None:
    with receiving(status=503) as receiver:
        hook = {
            "TONNAGE_WEBHOOK_URL": f"http://127.0.0.1:{receiver.port}/{CANARY}",
            "TONNAGE_WEBHOOK_SECRET": "sesame",
            "TONNAGE_WEBHOOK_ALLOW_LOOPBACK": "true",
        }
        words = ("alerts", "evaluate", "--as-of", "2026-03-20", "--json")
        evaluated = run(*words, "--no-deliver", database_url=sqlite_url, **hook)
        delivered = run("alerts", "deliver", database_url=sqlite_url, **hook)

    assert (evaluated.exit_code, delivered.exit_code) == (0, 1)
    assert len(json.loads(evaluated.stdout)["alerts"]) == 1
    assert "the webhook answered 503" in delivered.stderr
    everything = evaluated.output + delivered.output
    assert CANARY not in everything
    assert "sesame" not in everything


@pytest.mark.usefixtures("repriced")
def test_an_evaluation_stands_although_a_message_fails(sqlite_url: str) -> None:
    bad = {"TONNAGE_WEBHOOK_URL": f"https://{CANARY}.invalid/", "TONNAGE_WEBHOOK_SECRET": ""}

    result = run(
        "alerts", "evaluate", "--as-of", "2026-03-20", "--json", database_url=sqlite_url, **bad
    )

    assert result.exit_code == 2
    assert "TONNAGE_WEBHOOK_SECRET" in result.stderr
    assert CANARY not in result.stderr
    assert len(told("list", url=sqlite_url)["alerts"]) == 1


def test_rules_are_shown_and_set(sqlite_url: str) -> None:
    words = ("rules", "set", "renewal_hike", "warn=0.12/0.1")
    (changed,) = told(*words, "--scope", "supplier:acme", url=sqlite_url)["rules"]
    told("rules", "set", "notice_deadline", "steps=30,7,passed", url=sqlite_url)

    shown = told("rules", url=sqlite_url)["rules"]
    table = run("alerts", "rules", database_url=sqlite_url).stdout

    assert changed["overrides"][0]["values"] == {"warn": {"raise_above": "0.12", "clear_at": "0.1"}}
    notice = next(each for each in shown if each["rule"] == "notice_deadline")
    assert notice["thresholds"]["steps"] == [30, 7, "passed"]
    assert notice["sources"]["steps"] == "global"
    assert "supplier:acme, by dana" in table


@pytest.mark.parametrize("change", ["step_rise", "=3", "step_rise=", "window=3", "step_rise=much"])
def test_a_change_that_cannot_be_read_is_refused(sqlite_url: str, change: str) -> None:
    result = run("alerts", "rules", "set", "list_price_jump", change, database_url=sqlite_url)

    assert result.exit_code == 2
    assert result.stderr.startswith("error:")
