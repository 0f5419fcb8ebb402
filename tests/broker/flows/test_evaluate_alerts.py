"""Evaluating day by day: everything once, nothing lost, nothing left that no longer holds."""

import json
import multiprocessing
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from broker.alerts.alert import RuleName
from broker.alerts.inbox import AlertState
from broker.contracts.event import EventDraft, contract_stream, supplier_stream
from broker.contracts.quote import Quote, QuoteState
from broker.errors import BadInputError
from broker.flows.evaluate_alerts import EvaluationReport, evaluate_alerts
from broker.flows.handle_alert import Handling, handle_alert, show_alert
from broker.flows.import_prices import import_prices
from broker.flows.record_quote import move_quote
from broker.flows.set_alert_rule import set_alert_rule
from broker.store import ledger
from broker.store.alerts import AlertFilter, list_alerts
from broker.store.engine import Database
from broker.store.tables import AlertRow, OutboxRow
from tests.broker.flows.price_sheets import days_at, price_sheet
from tests.broker.story import load_lists, load_story
from tests.builders import (
    ACTOR,
    MAY_15,
    NOON,
    a_quote,
    contract_recorded,
    line_recorded,
    quote_recorded,
    state_changed,
    supplier_recorded,
)
from tests.conftest import sqlite_database

MARKET_PRICES = Path(__file__).parents[4] / "shared" / "data" / "market-prices"
MARCH = date(2026, 3, 1)
JUMP_DAY = date(2026, 3, 15)
NOTICE_DUE = date(2026, 7, 2)
SPAWN = multiprocessing.get_context("spawn")
EVALUATIONS = 2
PATIENCE_SECONDS = 60
STREAM = contract_stream("c1")


def evaluated(
    database: Database,
    as_of: date,
    *,
    since: date | None = None,
    channels: Iterable[str] = ("log",),
) -> EvaluationReport:
    return evaluate_alerts(
        database,
        as_of=as_of,
        since=since,
        channels=tuple(channels),
        actor=ACTOR,
        clock=lambda: NOON,
    )


def with_prices(database: Database, prices: dict[date, str], **sheet: str) -> None:
    content = price_sheet(prices, **sheet)
    assert import_prices(
        database, content, file="prices.csv", actor=ACTOR, clock=lambda: NOON
    ).is_ok


def record(database: Database, *drafts: EventDraft) -> None:
    with database.writing() as session:
        ledger.append(session, STREAM, drafts, recorded_at=NOON)


def with_contract(database: Database, *more: EventDraft) -> None:
    with database.writing() as session:
        stream = supplier_stream("harbor-compute")
        ledger.append(session, stream, [supplier_recorded()], recorded_at=NOON)
    record(database, contract_recorded(), line_recorded(), *more)


def told(report: EvaluationReport) -> list[tuple[str, str, date]]:
    return [(each.alert.rule, each.alert.step, each.alert.raised_on) for each in report.told]


def alerts(database: Database, **wanted: AlertState | RuleName) -> list[AlertRow]:
    with database.reading() as session:
        return list_alerts(session, AlertFilter(**wanted))  # type: ignore[arg-type]


def open_steps(database: Database, rule: RuleName) -> list[str]:
    return [row.step for row in alerts(database, state=AlertState.OPEN, rule=rule)]


def actions(database: Database, row: AlertRow) -> list[str]:
    return [each.action for each in show_alert(database, row.id).history]


def test_a_repricing_is_raised_on_its_day_and_once(database: Database) -> None:
    with_prices(database, days_at(MARCH, ("2.99", 14), ("4.41", 6)))

    first, second = evaluated(database, date(2026, 3, 20)), evaluated(database, date(2026, 3, 20))

    assert told(first) == [("list_price_jump", "on 2026-03-15", JUMP_DAY)]
    assert (first.first, first.told[0].is_new) == (MARCH, True)
    assert second.told == ()


def test_day_by_day_says_the_same_as_all_at_once(sqlite: Database) -> None:
    with_contract(sqlite)
    with_prices(sqlite, days_at(MARCH, ("2.99", 14), ("4.41", 6)))

    daily = [
        entry
        for offset in range(40)
        for entry in told(evaluated(sqlite, MARCH + timedelta(days=offset)))
    ]

    assert ("list_price_jump", "on 2026-03-15", JUMP_DAY) in daily
    # 180 days before the last day of service, and 120 days before the notice is due.
    assert ("expiry_no_successor", "due 2026-09-30|T-180", date(2026, 4, 3)) in daily
    assert ("notice_deadline", "due 2026-07-02|T-120", date(2026, 3, 4)) in daily
    assert evaluated(sqlite, MARCH + timedelta(days=39), since=MARCH).told != ()
    assert len(daily) == len(set(daily))


def test_a_price_that_comes_late_is_not_lost(database: Database) -> None:
    with_prices(database, days_at(MARCH, ("2.99", 20)))
    with_prices(database, days_at(MARCH, ("1.50", 14)), provider="late-cloud")
    evaluated(database, date(2026, 3, 20))

    with_prices(database, days_at(JUMP_DAY, ("1.90", 3)), provider="late-cloud")
    report = evaluated(database, date(2026, 3, 21))

    assert told(report) == [("list_price_jump", "on 2026-03-15", JUMP_DAY)]
    assert report.first == JUMP_DAY
    assert evaluated(database, date(2026, 3, 22)).first == date(2026, 3, 22)


def test_a_price_that_came_late_waits_while_somebody_looks_back(sqlite: Database) -> None:
    with_prices(sqlite, days_at(MARCH, ("1.50", 14)))
    evaluated(sqlite, date(2026, 3, 20))
    with_prices(sqlite, days_at(JUMP_DAY, ("1.90", 3)))

    assert evaluated(sqlite, date(2026, 3, 10)).told == ()
    assert len(evaluated(sqlite, date(2026, 3, 20)).told) == 1


def test_looking_again_since_a_day_tells_what_an_earlier_run_raised(database: Database) -> None:
    with_prices(database, days_at(MARCH, ("2.99", 14), ("4.41", 6)))
    evaluated(database, date(2026, 3, 20))

    again = evaluated(database, date(2026, 3, 20), since=JUMP_DAY)
    after = evaluated(database, date(2026, 3, 20), since=JUMP_DAY + timedelta(days=1))

    assert [(each.is_new, each.alert.raised_on) for each in again.told] == [(False, JUMP_DAY)]
    assert after.told == ()
    assert len(alerts(database)) == 1


def test_since_skips_no_day_that_would_never_be_looked_at(sqlite: Database) -> None:
    evaluated(sqlite, date(2026, 3, 1))
    with_prices(sqlite, days_at(MARCH, ("2.99", 14), ("4.41", 6)))

    report = evaluated(sqlite, date(2026, 3, 20), since=date(2026, 3, 19))

    assert told(report) == [("list_price_jump", "on 2026-03-15", JUMP_DAY)]


def test_since_after_the_last_day_is_refused(sqlite: Database) -> None:
    with pytest.raises(BadInputError, match="no day to evaluate"):
        evaluated(sqlite, MAY_15, since=MAY_15 + timedelta(days=1))


def test_a_contract_that_is_recorded_between_two_steps_is_heard_of(database: Database) -> None:
    evaluated(database, MAY_15)
    with_contract(database)

    same_day = evaluated(database, MAY_15)
    next_day = evaluated(database, MAY_15 + timedelta(days=1))

    # 48 days before the notice: the step of 60 days is in force, and was reached unseen.
    assert ("notice_deadline", "due 2026-07-02|T-60", MAY_15) in told(same_day)
    assert next_day.told == ()


def test_a_notice_that_was_given_clears_its_alert_but_not_the_expiry(database: Database) -> None:
    with_contract(database)
    evaluated(database, MAY_15)
    record(database, state_changed("in_notice", evidence="letter of 16 May"))

    report = evaluated(database, MAY_15 + timedelta(days=1))

    assert report.cleared == 1
    (cleared,) = alerts(database, rule=RuleName.NOTICE_DEADLINE)
    assert cleared.state == "resolved"
    history = show_alert(database, cleared.id).history
    assert (history[-1].action, history[-1].reason) == ("cleared", "deadline moved or met")
    assert open_steps(database, RuleName.EXPIRY_NO_SUCCESSOR) == ["due 2026-09-30|T-180"]


def test_a_notice_that_is_taken_back_brings_its_alert_back(database: Database) -> None:
    with_contract(database)
    evaluated(database, MAY_15)
    record(database, state_changed("in_notice", evidence="letter of 16 May"))
    evaluated(database, MAY_15)
    record(database, state_changed("active"))

    report = evaluated(database, MAY_15)

    (row,) = alerts(database, rule=RuleName.NOTICE_DEADLINE)
    assert (report.returned, report.told, row.state) == (1, (), "open")
    assert actions(database, row) == ["raised", "cleared", "returned"]


def test_what_a_person_resolved_stays_resolved(sqlite: Database) -> None:
    with_contract(sqlite)
    evaluated(sqlite, MAY_15)
    (row,) = alerts(sqlite, rule=RuleName.NOTICE_DEADLINE)
    resolving = Handling(to=AlertState.RESOLVED, reason="we leave")
    handle_alert(sqlite, row.id, resolving, today=MAY_15, actor=ACTOR, clock=lambda: NOON)

    evaluated(sqlite, MAY_15 + timedelta(days=1))

    assert open_steps(sqlite, RuleName.NOTICE_DEADLINE) == []


def test_a_snoozed_alert_wakes_on_its_day(database: Database) -> None:
    with_contract(database)
    evaluated(database, MAY_15)
    (row,) = alerts(database, rule=RuleName.NOTICE_DEADLINE)
    until = MAY_15 + timedelta(days=5)
    snooze = Handling(to=AlertState.SNOOZED, reason="in talks", until=until)
    handle_alert(database, row.id, snooze, today=MAY_15, actor=ACTOR, clock=lambda: NOON)

    early, on_the_day = evaluated(database, until - timedelta(days=1)), evaluated(database, until)

    assert (early.woken, on_the_day.woken) == (0, 1)
    assert open_steps(database, RuleName.NOTICE_DEADLINE) == ["due 2026-07-02|T-60"]


def offer_of(price: str, **changes: object) -> Quote:
    return a_quote(unit_price=Decimal(price), price_per_gpu_hour=Decimal(price), **changes)


def test_a_renewal_far_above_todays_price_is_critical_and_tells_no_price(
    database: Database,
) -> None:
    with_contract(database, quote_recorded(offer_of("5.10")))

    evaluated(database, MAY_15)

    (row,) = alerts(database, rule=RuleName.RENEWAL_HIKE)
    assert row.severity == "critical"
    assert "94 % above the current price" in row.message
    with database.reading() as session:
        payloads = "".join(each.payload for each in session.exec(select(OutboxRow)))
    for secret in ("5.1", "2.63"):
        assert secret not in row.message + row.details + row.subject + payloads


def test_an_answered_offer_leaves_no_open_alert(database: Database) -> None:
    offer = offer_of("5.10", valid_until=MAY_15 + timedelta(days=10))
    with_contract(database, quote_recorded(offer))
    evaluated(database, MAY_15)
    assert len(open_steps(database, RuleName.QUOTE_EXPIRING)) == 1

    move_quote(
        database,
        offer.id,
        QuoteState.DECLINED,
        on=MAY_15,
        reason="too dear",
        actor=ACTOR,
        clock=lambda: NOON,
    )
    evaluated(database, MAY_15)

    assert open_steps(database, RuleName.RENEWAL_HIKE) == []
    assert open_steps(database, RuleName.QUOTE_EXPIRING) == []


def test_a_quote_that_lapses_is_called_out_and_then_closed(sqlite: Database) -> None:
    offer = offer_of("2.70", valid_until=MAY_15 + timedelta(days=3))
    with_contract(sqlite, quote_recorded(offer))

    steps = []
    for offset in range(6):
        evaluated(sqlite, MAY_15 + timedelta(days=offset))
        steps.append(open_steps(sqlite, RuleName.QUOTE_EXPIRING))

    assert steps[0] == ["due 2026-05-18|T-3"]
    assert sorted(steps[3]) == ["due 2026-05-18|T-1", "due 2026-05-18|T-3"]
    assert steps[4] == steps[5] == []


def test_a_wider_tolerance_clears_the_graver_alert_and_leaves_the_milder(sqlite: Database) -> None:
    with_contract(sqlite, quote_recorded(offer_of("5.10")))
    evaluated(sqlite, MAY_15)

    set_alert_rule(
        sqlite,
        RuleName.RENEWAL_HIKE,
        {"critical": {"raise_above": "2", "clear_at": "1.5"}},
        scope="contract:HC-2025-B200-01",
        actor=ACTOR,
        clock=lambda: NOON,
    )
    evaluated(sqlite, MAY_15)

    (row,) = alerts(sqlite, state=AlertState.OPEN, rule=RuleName.RENEWAL_HIKE)
    assert row.severity == "high"
    assert len(alerts(sqlite, rule=RuleName.RENEWAL_HIKE)) == 2


def test_thresholds_hold_for_whom_they_were_set(database: Database) -> None:
    for provider in ("calm-cloud", "acme"):
        with_prices(database, days_at(MARCH, ("2.00", 14), ("2.40", 6)), provider=provider)
    set_alert_rule(
        database,
        RuleName.LIST_PRICE_JUMP,
        {"step_rise": "0.5", "week_rise": "0.5"},
        scope="supplier:calm-cloud",
        actor=ACTOR,
        clock=lambda: NOON,
    )

    report = evaluated(database, date(2026, 3, 20))

    assert [each.alert.subject for each in report.told] == ["acme H100 on-demand"]


def test_every_new_alert_is_queued_for_every_channel_in_the_same_transaction(
    database: Database,
) -> None:
    with_prices(database, days_at(MARCH, ("2.99", 14), ("4.41", 6)))

    evaluated(database, date(2026, 3, 20), channels=("log", "webhook"))
    evaluated(database, date(2026, 3, 20), channels=("log", "webhook", "apprise"))

    with database.reading() as session:
        rows = session.exec(select(OutboxRow)).all()
    assert sorted(row.channel for row in rows) == ["log", "webhook"]
    assert json.loads(rows[0].payload)["data"]["fingerprint"] == rows[0].fingerprint


def test_an_evaluation_that_fails_leaves_nothing_behind(database: Database) -> None:
    # A channel named twice cannot be stored, so the transaction fails at its last row.
    with_prices(database, days_at(MARCH, ("2.99", 14), ("4.41", 6)))

    with pytest.raises(IntegrityError, match=r"(?i)unique"):
        evaluated(database, date(2026, 3, 20), channels=("log", "log"))

    assert alerts(database) == []
    assert len(evaluated(database, date(2026, 3, 20)).told) == 1


def evaluate_with_others(url: str, start: Barrier) -> None:
    """One evaluation among several, in a process of its own."""
    database = Database(url)
    start.wait(PATIENCE_SECONDS)
    evaluated(database, MAY_15)
    database.close()


def test_evaluations_at_the_same_time_raise_everything_once(
    database: Database, database_url: str
) -> None:
    with_contract(database)
    with_prices(database, days_at(MARCH, ("2.99", 14), ("4.41", 6)))
    start = SPAWN.Barrier(EVALUATIONS)

    processes = [
        SPAWN.Process(target=evaluate_with_others, args=(database_url, start))
        for _ in range(EVALUATIONS)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(PATIENCE_SECONDS)

    assert [process.exitcode for process in processes] == [0] * EVALUATIONS
    assert len(alerts(database)) == 3
    assert all(actions(database, row) == ["raised"] for row in alerts(database))


def test_the_story_of_may_is_told_as_the_meeting_needs_it(sqlite: Database) -> None:
    load_story(sqlite)
    load_lists(sqlite)

    report = evaluated(sqlite, MAY_15)

    by_rule = {each.alert.rule: each.alert for each in report.told}
    hike = by_rule["renewal_hike"]
    assert (hike.severity, hike.raised_on) == ("critical", MAY_15)
    assert "94 % above the current price, more than 10 % above the benchmark" in hike.message
    assert {
        row.alert.deadline_on for row in report.told if row.alert.rule == "notice_deadline"
    } >= {NOTICE_DUE}


@settings(max_examples=12, deadline=None)
@given(
    stops=st.lists(st.integers(min_value=0, max_value=60), min_size=1, max_size=6),
    sinces=st.lists(st.none() | st.integers(min_value=0, max_value=30), min_size=6, max_size=6),
)
def test_whenever_one_looks_no_alert_is_doubled_and_no_repricing_is_missed(
    sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    stops: list[int],
    sinces: list[int | None],
) -> None:
    database = Database(sqlite_database(sqlite_template, tmp_path_factory.mktemp("looks")))
    with_contract(database)
    with_prices(database, days_at(MARCH, ("2.99", 14), ("4.41", 10), ("6.00", 10)))
    looks = [
        (MARCH + timedelta(days=stop), None if back is None else timedelta(days=back))
        for stop, back in zip(stops, sinces, strict=False)
    ]

    new: list[str] = []
    for as_of, back in [*looks, (MARCH + timedelta(days=60), None)]:
        report = evaluated(database, as_of, since=None if back is None else as_of - back)
        new += [each.alert.fingerprint for each in report.told if each.is_new]
        assert all(each.alert.raised_on <= as_of for each in report.told)

    as_of, back = looks[0]
    first = MARCH if back is None else as_of - back
    everything = alerts(database)
    database.close()
    assert len(new) == len(set(new)) == len(everything)
    jumps = {row.raised_on for row in everything if row.rule == "list_price_jump"}
    assert jumps >= {day for day in (JUMP_DAY, date(2026, 3, 25)) if day >= first}


def test_the_shared_month_raises_the_alarms_that_people_remember(sqlite: Database) -> None:
    files = sorted(MARKET_PRICES.glob("*.csv"))
    if not files:
        pytest.skip("the shared market prices are not on this machine")
    for path in files:
        assert import_prices(
            sqlite, path.read_bytes(), file=path.name, actor=ACTOR, clock=lambda: NOON
        ).is_ok

    report = evaluated(sqlite, date(2026, 8, 5))

    found = {(each.alert.subject, each.alert.raised_on) for each in report.told}
    repriced = {
        subject.split()[1]
        for subject, day in found
        if subject.startswith("digitalocean ") and day == date(2026, 8, 2)
    }
    assert repriced == {"B300", "H100", "H200", "MI300X", "MI325X", "MI350X"}
    assert ("runpod B200 secure", date(2026, 8, 5)) in found
    assert sum(subject.startswith("spheron ") for subject, _ in found) <= 3
    assert evaluated(sqlite, date(2026, 8, 5)).told == ()
