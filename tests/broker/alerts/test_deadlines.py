"""Deadlines are announced step by step, each step once, and more gravely as they near."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.alerts.alert import Finding, Level, RuleName, Severity
from broker.alerts.deadlines import ContractEnd, deadline_finding, step_in_force
from broker.alerts.thresholds import DeadlineThresholds

DUE = date(2026, 7, 2)
LAST_DAY = date(2026, 9, 30)
LINE = ContractEnd(
    object_id="line 42",
    subject="acme contract A-7 line 1",
    notice_due_on=DUE,
    last_service_on=None,
)
ENDING = replace(LINE, notice_due_on=None, last_service_on=LAST_DAY)

DEFAULT = DeadlineThresholds()

day_counts = st.integers(min_value=-30, max_value=250)


def before(days: int, due_on: date = DUE) -> date:
    return due_on - timedelta(days=days)


def said_on(
    line: ContractEnd,
    until: date,
    *,
    first: date | None = None,
    thresholds: DeadlineThresholds = DEFAULT,
) -> list[Finding]:
    found = [
        deadline_finding(line, each, first=first or until, until=until, thresholds=thresholds)
        for each in line.deadlines()
    ]
    return [finding for finding in found if finding is not None]


def followed_daily(line: ContractEnd, first: date, until: date) -> list[Finding]:
    """What is new on each day to somebody who looks every day, as the inbox would keep it."""
    said: dict[str, Finding] = {}
    for offset in range((until - first).days + 1):
        for finding in said_on(line, first + timedelta(days=offset), first=first):
            said.setdefault(finding.fingerprint, finding)
    return list(said.values())


@pytest.mark.parametrize(
    ("days_left", "severity", "level"),
    [
        (180, Severity.INFO, Level.OWNER),
        (120, Severity.INFO, Level.OWNER),
        (90, Severity.INFO, Level.OWNER),
        (60, Severity.WARN, Level.OWNER),
        (30, Severity.WARN, Level.LEAD),
        (14, Severity.HIGH, Level.LEAD),
        (7, Severity.CRITICAL, Level.HEAD),
        (3, Severity.CRITICAL, Level.HEAD),
        (1, Severity.CRITICAL, Level.HEAD),
        (0, Severity.CRITICAL, Level.HEAD),
    ],
)
def test_each_step_has_its_severity_and_its_listener(
    days_left: int, severity: Severity, level: Level
) -> None:
    day = before(days_left)

    (finding,) = said_on(LINE, day)

    assert (finding.severity, finding.level) == (severity, level)
    assert finding.key == f"notice_deadline|line 42|due 2026-07-02|T-{days_left}"
    assert finding.raised_on == day


@pytest.mark.parametrize("days_left", [179, 29, 15, 2])
def test_a_day_between_two_steps_says_nothing_new(days_left: int) -> None:
    day = before(days_left)

    (finding,) = said_on(LINE, day, first=before(200))

    assert finding in followed_daily(LINE, before(200), day - timedelta(days=1))


def test_missed_steps_collapse_into_the_latest() -> None:
    (finding,) = said_on(LINE, before(25), first=before(100))

    assert finding.step == "due 2026-07-02|T-30"
    assert finding.raised_on == before(30)


def test_a_line_first_seen_between_two_steps_hears_of_the_one_in_force() -> None:
    (finding,) = said_on(LINE, before(25))

    assert finding.step == "due 2026-07-02|T-30"
    assert finding.raised_on == before(25)
    assert finding.severity is Severity.HIGH


def test_a_line_first_seen_long_before_its_deadline_is_quiet() -> None:
    assert said_on(LINE, before(181)) == []


def test_a_deadline_first_seen_when_it_is_over_is_one_critical_finding() -> None:
    (finding,) = said_on(LINE, before(-40))

    assert finding.step == "due 2026-07-02|passed"
    assert finding.severity is Severity.CRITICAL
    assert "has passed" in finding.message


def test_a_deadline_that_passes_is_said_once_on_the_day_after() -> None:
    found = followed_daily(LINE, before(0), before(-20))

    assert [(each.step, each.raised_on) for each in found] == [
        ("due 2026-07-02|T-0", DUE),
        ("due 2026-07-02|passed", before(-1)),
    ]


@pytest.mark.parametrize("silence", ["is_terminated", "is_renewal_accepted"])
def test_a_terminated_or_renewed_contract_is_silent(silence: str) -> None:
    line = replace(ENDING, notice_due_on=DUE)
    silenced: dict[str, Any] = {silence: True}
    silent = replace(line, **silenced)

    assert len(said_on(line, DUE)) == 2
    assert said_on(silent, DUE) == []


def test_a_signed_successor_silences_the_end_but_not_the_notice() -> None:
    line = replace(ENDING, notice_due_on=DUE, has_signed_successor=True)

    found = said_on(line, DUE)

    assert [finding.rule for finding in found] == [RuleName.NOTICE_DEADLINE]


@pytest.mark.parametrize(
    ("share", "severity"),
    [(None, Severity.WARN), ("0.02", Severity.WARN), ("0.021", Severity.HIGH)],
)
def test_the_end_of_a_large_share_of_the_fleet_is_graver(
    share: str | None, severity: Severity
) -> None:
    line = replace(ENDING, fleet_share=None if share is None else Decimal(share))

    (finding,) = said_on(line, before(60, LAST_DAY))

    assert finding.severity is severity


def test_steps_may_be_set_otherwise() -> None:
    thresholds = DeadlineThresholds(steps=(45, 10))

    (finding,) = said_on(LINE, before(30), first=before(50), thresholds=thresholds)

    assert finding.step == "due 2026-07-02|T-45"


@given(start=day_counts, length=st.integers(min_value=0, max_value=260))
@settings(max_examples=40)
def test_looking_once_says_the_last_of_what_looking_daily_says(start: int, length: int) -> None:
    first, until = before(start), before(start - length)

    at_once = said_on(LINE, until, first=first)

    assert at_once == followed_daily(LINE, first, until)[-1:]


@given(first=day_counts, line=st.sampled_from([LINE, replace(ENDING, last_service_on=DUE)]))
@settings(max_examples=40)
def test_severity_never_falls_as_the_deadline_nears(first: int, line: ContractEnd) -> None:
    found = followed_daily(line, before(first), before(-40))

    assert [each.severity for each in found] == sorted(each.severity for each in found)
    assert [each.level for each in found] == sorted(each.level for each in found)


@given(days=day_counts)
@settings(max_examples=60)
def test_a_step_is_said_on_a_day_that_was_looked_at(days: int) -> None:
    step = step_in_force(DUE, first=before(days + 5), until=before(days))

    if step is not None:
        assert before(days + 5) <= step.raised_on <= before(days)
        assert step.days_left <= step.days_before
