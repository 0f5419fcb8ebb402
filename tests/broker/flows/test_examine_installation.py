"""What the doctor looks at, and what makes each of its checks speak."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from broker.access.audit import AuditDraft, Origin
from broker.clock import utc_now
from broker.flows.examine_installation import (
    CLOCKS_MAY_DIFFER,
    PERIODS_UNTIL_LATE,
    SWEEP_MAY_LAG,
    Check,
    Installation,
    Verdict,
    examine_installation,
)
from broker.flows.prepare_database import open_database
from broker.settings import Settings
from broker.store import schema
from broker.store.audit import audited
from broker.store.engine import Database
from broker.store.job_runs import claim, database_now, finish
from broker.store.tallies import Counted, add
from providers import registry
from providers.access import Access
from tests.broker import holdings_shown
from tests.broker.capacity_rows import a_pool, put_lease, put_pools
from tests.broker.flows.ledger_book import keep_books
from tests.broker.flows.polls import polled
from tests.builders import ACTOR, MAY_15, NOON

DAY = timedelta(days=1)
SECRET = "hunter2"
OPEN_TO_ALL = [one.profile.key for one in registry.suppliers() if not one.missing(Access())]
"""Suppliers that are asked without any credential."""


def an_installation(database: Database, **changes: Any) -> Installation:
    """An installation whose settings are good, with one job, as this moment sees it."""
    settings = {"key_pepper": SecretStr("p")} | changes.pop("settings", {})
    defaults: dict[str, Any] = {
        "settings": Settings(database_url="sqlite://", **settings),
        "access": Access(),
        "periods": {"roll": DAY},
        "clock": utc_now,
    }
    return Installation(database=database, **{**defaults, **changes})


def examined(database: Database, name: str, **changes: Any) -> list[Check]:
    """What a check finds."""
    found = examine_installation(an_installation(database, **changes))
    return [each for each in found if each.name == name]


def verdicts(checks: list[Check]) -> set[Verdict]:
    return {each.verdict for each in checks}


def run_the_job(database: Database, *, error: str | None = None) -> None:
    with database.writing() as session:
        run = claim(session, "roll", every=DAY, beat=timedelta(minutes=1), owner="ann")
        assert run is not None
        finish(session, run, error=error)


def ask_all_suppliers(database: Database, at: datetime) -> None:
    for key in OPEN_TO_ALL:
        polled(database, at, seen_at=at, supplier=key)


@pytest.fixture
def healthy(database: Database) -> Database:
    """A database with books, whose job has run and whose suppliers have answered."""
    keep_books(database)
    run_the_job(database)
    ask_all_suppliers(database, utc_now())
    return database


def without_triggers(database: Database, table: str) -> None:
    on = f" ON {table}" if database.dialect == "postgresql" else ""
    with database.migrating() as connection:
        connection.execute(text(f"DROP TRIGGER {table}_no_update{on}"))


def change(database: Database, statement: str) -> None:
    with database.writing() as session:
        session.execute(text(statement))


def test_nothing_is_said_against_an_installation_that_is_well(healthy: Database) -> None:
    checks = examine_installation(an_installation(healthy))

    assert verdicts(checks) == {Verdict.OK}
    assert len({each.name for each in checks}) == len(checks) > 10
    assert {each.advice for each in checks} == {""}


@pytest.mark.parametrize(
    ("settings", "variable"),
    [
        ({"key_pepper": SecretStr("")}, "TONNAGE_KEY_PEPPER"),
        ({"webhook_url": SecretStr("https://example.com/hook")}, "TONNAGE_WEBHOOK_SECRET"),
        ({"as_of": MAY_15}, "TONNAGE_AS_OF"),
    ],
)
def test_a_setting_that_invites_trouble_is_named(
    sqlite: Database, settings: dict[str, Any], variable: str
) -> None:
    (check,) = examined(sqlite, "settings", settings=settings)

    assert check.verdict is Verdict.WARN
    assert variable in check.advice


def test_without_its_database_only_that_is_said_and_not_where_it_is() -> None:
    away = open_database(f"postgresql+psycopg://dana:{SECRET}@127.0.0.1:1/books")

    checks = examine_installation(an_installation(away))

    assert [each.name for each in checks] == ["settings", "database"]
    assert checks[-1].verdict is Verdict.FAIL
    assert SECRET not in str(checks)
    assert "127.0.0.1" not in str(checks)


def test_a_lost_trigger_fails_and_says_how_to_get_it_back(database: Database) -> None:
    without_triggers(database, "event")

    (check,) = examined(database, "schema")

    assert check.verdict is Verdict.FAIL
    assert "event_no_update" in check.found
    assert "tonnage db upgrade" in check.advice


def test_on_an_old_schema_what_cannot_be_looked_at_is_said_and_the_rest_is_looked_at(
    database: Database,
) -> None:
    schema.downgrade(database, "base")

    checks = {each.name: each for each in examine_installation(an_installation(database))}

    assert checks["schema"].verdict is Verdict.FAIL
    assert checks["clock"].verdict is Verdict.OK
    assert checks["ledger"].verdict is Verdict.FAIL
    assert "could not be looked at" in checks["ledger"].found


@pytest.mark.parametrize("off", [-90 * CLOCKS_MAY_DIFFER, 90 * CLOCKS_MAY_DIFFER])
def test_a_clock_that_is_off_is_told_in_either_direction(
    database: Database, off: timedelta
) -> None:
    (check,) = examined(database, "clock", clock=lambda: utc_now() + off)

    assert check.verdict is Verdict.WARN
    assert "NTP" in check.advice


def test_a_changed_event_of_the_ledger_fails(database: Database) -> None:
    keep_books(database)
    without_triggers(database, "event")
    change(database, "UPDATE event SET payload = replace(payload, '2.63', '2.36')")

    (check,) = examined(database, "ledger")

    assert check.verdict is Verdict.FAIL
    assert "event" in check.found


def test_a_changed_entry_of_the_audit_log_fails(database: Database) -> None:
    with database.writing() as session:
        draft = AuditDraft(
            actor=ACTOR,
            action="keys.create",
            object_id="k1",
            status=None,
            before_hash=None,
            after_hash=None,
            origin=Origin(key_id=None, request_id=None, address=None),
        )
        audited(session, draft, at=NOON)
    without_triggers(database, "audit")
    change(database, "UPDATE audit SET actor = 'eve'")

    (check,) = examined(database, "audit")

    assert check.verdict is Verdict.FAIL


def test_a_job_that_never_ran_is_worth_a_look(database: Database) -> None:
    (check,) = examined(database, "jobs")

    assert (check.verdict, check.advice) == (Verdict.WARN, "start tonnage work")
    assert "roll" in check.found


def test_many_jobs_that_never_ran_make_one_line(database: Database) -> None:
    (check,) = examined(database, "jobs", periods=dict.fromkeys("abcdef", DAY))

    assert "a, b, c and 3 more" in check.found


def test_a_job_whose_last_run_failed_fails_with_its_error(database: Database) -> None:
    run_the_job(database, error="RefusedError: the books do not allow it")

    (check,) = examined(database, "jobs")

    assert check.verdict is Verdict.FAIL
    assert "the books do not allow it" in check.found
    assert "--job" in check.advice


@pytest.mark.parametrize(
    ("periods_ago", "verdict"),
    [(PERIODS_UNTIL_LATE - 0.5, Verdict.OK), (PERIODS_UNTIL_LATE + 0.5, Verdict.FAIL)],
)
def test_a_job_is_late_when_it_has_not_ended_well_for_some_of_its_periods(
    database: Database, periods_ago: float, verdict: Verdict
) -> None:
    with database.writing() as session:
        at = database_now(session) - periods_ago * DAY
        add(session, Counted.JOB_RUN, "roll", outcome="done", at=at)

    (check,) = examined(database, "jobs")

    assert check.verdict is verdict


def test_suppliers_that_were_never_asked_make_one_line(database: Database) -> None:
    (check,) = examined(database, "suppliers")

    assert (check.verdict, check.advice) == (Verdict.WARN, "tonnage prices poll")
    assert OPEN_TO_ALL[0] in check.found


def test_a_supplier_that_did_not_answer_is_worth_a_look(healthy: Database) -> None:
    polled(healthy, utc_now(), seen_at=NOON, supplier=OPEN_TO_ALL[0], state="failed")

    (check,) = examined(healthy, "suppliers")

    assert check.verdict is Verdict.WARN
    assert f"{OPEN_TO_ALL[0]}: failed" in check.found


def test_a_supplier_whose_last_whole_answer_is_old_is_worth_a_look(database: Database) -> None:
    ask_all_suppliers(database, utc_now() - timedelta(days=30))

    checks = examined(database, "suppliers")

    assert verdicts(checks) == {Verdict.WARN}
    assert len(checks) == len(OPEN_TO_ALL)
    assert all("last answered whole" in each.found for each in checks)


def test_holdings_that_differ_from_the_ledger_are_counted(database: Database) -> None:
    holdings_shown.show(database)

    (check,) = examined(database, "holdings", clock=lambda: NOON)

    assert check.verdict is Verdict.WARN
    assert "1 difference " in check.found
    assert check.advice == "tonnage reconciliation capacity"


def test_pools_whose_accounts_are_not_what_was_leased_fail(database: Database) -> None:
    put_pools(database, a_pool("pool-7", available=56, leased=8))

    (check,) = examined(database, "pools")

    assert check.verdict is Verdict.FAIL
    assert "pool-7" in check.found


@pytest.mark.parametrize(
    ("overdue", "verdict"),
    [(SWEEP_MAY_LAG / 2, Verdict.OK), (2 * SWEEP_MAY_LAG, Verdict.FAIL)],
)
def test_a_lease_that_nobody_ends_fails(
    database: Database, overdue: timedelta, verdict: Verdict
) -> None:
    put_pools(database, a_pool(available=56, leased=8, grace_seconds=0))
    put_lease(database, 8, expires_in=-overdue)

    (check,) = examined(database, "sweep")

    assert check.verdict is verdict


def test_the_business_day_is_the_one_that_is_set_else_that_of_the_clock(sqlite: Database) -> None:
    clock = {"clock": lambda: NOON}

    assert an_installation(sqlite, **clock).today == MAY_15
    rehearsal = an_installation(sqlite, settings={"as_of": date(2027, 1, 1)}, **clock)
    assert rehearsal.today == date(2027, 1, 1)
