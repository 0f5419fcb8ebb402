"""A supplier that is asked and does not answer raises an alert, and its answer takes it back."""

from datetime import date, datetime, timedelta

import pytest

from broker.alerts.alert import RuleName
from broker.alerts.inbox import AlertState
from broker.flows.evaluate_alerts import EvaluationReport, evaluate_alerts
from broker.flows.gather_findings import declared_interval
from broker.flows.set_alert_rule import set_alert_rule
from broker.store.alerts import AlertFilter, list_alerts
from broker.store.engine import Database
from broker.store.tables import AlertRow
from providers import registry
from tests.broker.flows.polls import polled
from tests.builders import ACTOR, MAY_15, NOON

HOUR = timedelta(hours=1)
INTERVALS = {"acme": HOUR, "bolt": HOUR}


def evaluated(database: Database, now: datetime, *, as_of: date | None = None) -> EvaluationReport:
    return evaluate_alerts(
        database,
        as_of=as_of or now.date(),
        channels=("log",),
        actor=ACTOR,
        clock=lambda: now,
        poll_interval=INTERVALS.get,
    )


def alerts(database: Database, state: AlertState | None = None) -> list[AlertRow]:
    with database.reading() as session:
        return list_alerts(session, AlertFilter(rule=RuleName.STALE_DATA, state=state))


def test_an_outage_is_raised_once_and_cleared_by_the_answer(database: Database) -> None:
    polled(database, NOON, seen_at=NOON)
    in_time = evaluated(database, NOON + 2 * HOUR)
    polled(database, NOON + 3 * HOUR, seen_at=NOON, state="failed")

    raised = [evaluated(database, NOON + hours * HOUR) for hours in (3, 4, 30)]
    (row,) = alerts(database)
    polled(database, NOON + 31 * HOUR, seen_at=NOON + 31 * HOUR)
    over = evaluated(database, NOON + 31 * HOUR)

    assert in_time.told == ()
    assert [len(each.told) for each in raised] == [1, 0, 0]
    assert row.message == (
        "acme has not answered since 2026-05-15 12:00 UTC; its prices are 3 hours old."
    )
    assert over.cleared == 1
    assert alerts(database, AlertState.OPEN) == []


def test_the_next_outage_is_another_alert(database: Database) -> None:
    polled(database, NOON, seen_at=NOON)
    evaluated(database, NOON + 3 * HOUR)
    polled(database, NOON + 4 * HOUR, seen_at=NOON + 4 * HOUR)
    evaluated(database, NOON + 4 * HOUR)

    again = evaluated(database, NOON + 9 * HOUR)

    assert [each.alert.step for each in again.told] == ["seen 2026-05-15T16:00:00+00:00"]
    assert len(alerts(database)) == 2


def test_a_supplier_answers_while_one_of_its_places_does(sqlite: Database) -> None:
    polled(sqlite, NOON, seen_at=NOON, region="eu")
    polled(sqlite, NOON + 5 * HOUR, seen_at=NOON + 5 * HOUR, region="us")

    assert evaluated(sqlite, NOON + 6 * HOUR).told == ()


def test_a_supplier_that_never_answered_has_no_prices_to_grow_old(sqlite: Database) -> None:
    polled(sqlite, NOON, seen_at=None, state="failed")

    assert evaluated(sqlite, NOON + 9 * HOUR).told == ()


def test_a_supplier_whose_key_was_taken_away_is_no_outage(sqlite: Database) -> None:
    polled(sqlite, NOON, seen_at=NOON)
    evaluated(sqlite, NOON + 3 * HOUR)
    polled(sqlite, NOON + 4 * HOUR, seen_at=NOON, state="not-configured")

    report = evaluated(sqlite, NOON + 9 * HOUR)

    assert (report.told, report.cleared) == ((), 1)
    assert alerts(sqlite, AlertState.OPEN) == []


def test_a_supplier_that_was_taken_out_of_the_registry_is_no_outage(sqlite: Database) -> None:
    polled(sqlite, NOON, seen_at=NOON, supplier="gone-cloud")

    assert evaluated(sqlite, NOON + 9 * HOUR).told == ()


def test_a_day_that_is_over_is_judged_at_its_end(database: Database) -> None:
    evening = NOON + 11 * HOUR  # 23:00: stale from one o'clock of the next day
    polled(database, evening, seen_at=evening)

    that_day = evaluated(database, NOON + 72 * HOUR, as_of=MAY_15)
    next_day = evaluated(database, NOON + 72 * HOUR, as_of=MAY_15 + timedelta(days=1))

    assert that_day.told == ()
    assert [each.alert.raised_on for each in next_day.told] == [date(2026, 5, 16)]


def test_a_day_that_has_not_come_makes_nothing_stale(sqlite: Database) -> None:
    polled(sqlite, NOON, seen_at=NOON)

    assert evaluated(sqlite, NOON + HOUR, as_of=MAY_15 + timedelta(days=9)).told == ()


def test_patience_is_set_for_one_supplier(database: Database) -> None:
    for supplier in INTERVALS:
        polled(database, NOON, seen_at=NOON, supplier=supplier)
    set_alert_rule(
        database,
        RuleName.STALE_DATA,
        {"intervals": "24"},
        scope="supplier:acme",
        actor=ACTOR,
        clock=lambda: NOON,
    )

    report = evaluated(database, NOON + 10 * HOUR)

    assert [each.alert.subject for each in report.told] == ["bolt"]


@pytest.mark.parametrize("key", registry.SUPPLIERS)
def test_the_interval_of_a_supplier_is_the_one_that_it_declares(key: str) -> None:
    assert declared_interval(key) == registry.supplier(key).profile.poll_every


def test_nobody_asks_a_supplier_that_is_not_in_the_registry() -> None:
    assert declared_interval("gone-cloud") is None
