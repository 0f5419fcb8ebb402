"""Deadlines are announced step by step, each step once, and more gravely as they near."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.alerts.alert import Finding, Level, RuleName, Severity
from broker.alerts.deadlines import ContractEnd, deadline_findings, ghosts, step_reached
from broker.alerts.thresholds import PASSED, DeadlineThresholds

DUE = date(2026, 7, 2)
LAST_DAY = date(2026, 9, 30)
LINE = ContractEnd(
    object_id="line 42",
    subject="acme contract A-7 line 1",
    notice_due_on=DUE,
    last_service_on=None,
)
ENDING = replace(LINE, notice_due_on=None, last_service_on=LAST_DAY)

day_counts = st.integers(min_value=-30, max_value=250)


def before(days: int, due_on: date = DUE) -> date:
    return due_on - timedelta(days=days)


def followed_daily(line: ContractEnd, after: date, until: date) -> list[Finding]:
    return [
        finding
        for offset in range((until - after).days)
        for finding in deadline_findings(
            line, after=after + timedelta(days=offset), until=after + timedelta(days=offset + 1)
        )
    ]


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

    (finding,) = deadline_findings(LINE, after=day - timedelta(days=1), until=day)

    assert (finding.severity, finding.level) == (severity, level)
    assert finding.key == f"notice_deadline|line 42|due 2026-07-02|T-{days_left}"
    assert finding.raised_on == day


@pytest.mark.parametrize("days_left", [181, 179, 29, 15, 2])
def test_a_day_between_two_steps_is_quiet(days_left: int) -> None:
    day = before(days_left)

    assert deadline_findings(LINE, after=day - timedelta(days=1), until=day) == ()


def test_missed_steps_collapse_into_the_latest() -> None:
    (finding,) = deadline_findings(LINE, after=before(100), until=before(25))

    assert finding.step == "due 2026-07-02|T-30"
    assert finding.raised_on == before(30)


def test_a_line_first_seen_between_two_steps_hears_of_the_one_in_force() -> None:
    (finding,) = deadline_findings(LINE, after=None, until=before(25))

    assert finding.step == "due 2026-07-02|T-30"
    assert finding.raised_on == before(25)
    assert finding.severity is Severity.HIGH


def test_a_line_first_seen_long_before_its_deadline_is_quiet() -> None:
    assert deadline_findings(LINE, after=None, until=before(181)) == ()


def test_a_deadline_first_seen_when_it_is_over_is_one_critical_finding() -> None:
    (finding,) = deadline_findings(LINE, after=None, until=before(-40))

    assert finding.step == "due 2026-07-02|passed"
    assert finding.severity is Severity.CRITICAL
    assert "has passed" in finding.message


def test_a_deadline_that_passes_is_said_once_on_the_day_after() -> None:
    found = followed_daily(LINE, before(1), before(-20))

    assert [(each.step, each.raised_on) for each in found] == [
        ("due 2026-07-02|T-0", DUE),
        ("due 2026-07-02|passed", before(-1)),
    ]


@pytest.mark.parametrize("silence", ["is_terminated", "is_renewal_accepted"])
def test_a_terminated_or_renewed_contract_is_silent(silence: str) -> None:
    line = replace(ENDING, notice_due_on=DUE)
    silenced: dict[str, Any] = {silence: True}
    silent = replace(line, **silenced)

    assert len(deadline_findings(line, after=None, until=DUE)) == 2
    assert deadline_findings(silent, after=None, until=DUE) == ()


def test_a_signed_successor_silences_the_end_but_not_the_notice() -> None:
    line = replace(ENDING, notice_due_on=DUE, has_signed_successor=True)

    found = deadline_findings(line, after=None, until=DUE)

    assert [finding.rule for finding in found] == [RuleName.NOTICE_DEADLINE]


@pytest.mark.parametrize(
    ("share", "severity"),
    [(None, Severity.WARN), ("0.02", Severity.WARN), ("0.021", Severity.HIGH)],
)
def test_the_end_of_a_large_share_of_the_fleet_is_graver(
    share: str | None, severity: Severity
) -> None:
    line = replace(ENDING, fleet_share=None if share is None else Decimal(share))

    (finding,) = deadline_findings(line, after=None, until=before(60, LAST_DAY))

    assert finding.severity is severity


def test_a_moved_deadline_leaves_ghosts_and_a_kept_one_does_not() -> None:
    open_alerts = {f.fingerprint for f in followed_daily(LINE, before(200), before(60))}
    moved = replace(LINE, notice_due_on=date(2027, 7, 2))

    assert ghosts(open_alerts, LINE.deadlines()) == frozenset()
    assert ghosts(open_alerts, moved.deadlines()) == open_alerts


def test_a_silenced_line_leaves_only_ghosts() -> None:
    open_alerts = {f.fingerprint for f in followed_daily(LINE, before(200), before(60))}

    assert ghosts(open_alerts, replace(LINE, is_terminated=True).deadlines()) == open_alerts


def test_steps_may_be_set_otherwise() -> None:
    thresholds = DeadlineThresholds(steps=(45, 10))

    (finding,) = deadline_findings(LINE, after=before(50), until=before(30), thresholds=thresholds)

    assert finding.step == "due 2026-07-02|T-45"


@given(start=day_counts, length=st.integers(min_value=0, max_value=260))
@settings(max_examples=60)
def test_followed_daily_no_step_is_said_twice(start: int, length: int) -> None:
    found = followed_daily(LINE, before(start), before(start - length))

    assert len({finding.fingerprint for finding in found}) == len(found)


@given(start=day_counts, length=st.integers(min_value=0, max_value=260))
@settings(max_examples=60)
def test_looking_once_gives_the_last_of_what_looking_daily_gives(start: int, length: int) -> None:
    after, until = before(start), before(start - length)

    at_once = deadline_findings(LINE, after=after, until=until)

    assert list(at_once) == followed_daily(LINE, after, until)[-1:]


@given(stops=st.lists(day_counts, min_size=2, max_size=8, unique=True))
@settings(max_examples=60)
def test_however_often_one_looks_the_last_word_is_the_same(stops: list[int]) -> None:
    days = sorted(before(days) for days in stops)

    found = [
        finding
        for after, until in pairwise(days)
        for finding in deadline_findings(LINE, after=after, until=until)
    ]

    assert found[-1:] == followed_daily(LINE, days[0], days[-1])[-1:]


@given(first=day_counts, line=st.sampled_from([LINE, replace(ENDING, last_service_on=DUE)]))
@settings(max_examples=60)
def test_severity_never_falls_as_the_deadline_nears(first: int, line: ContractEnd) -> None:
    started = list(deadline_findings(line, after=None, until=before(first)))

    found = started + followed_daily(line, before(first), before(-40))

    assert [each.severity for each in found] == sorted(each.severity for each in found)
    assert [each.level for each in found] == sorted(each.level for each in found)


@given(days=day_counts, move=st.integers(min_value=-200, max_value=200))
@settings(max_examples=60)
def test_whatever_was_open_for_another_date_is_a_ghost(days: int, move: int) -> None:
    was = replace(LINE, notice_due_on=DUE + timedelta(days=move))
    raised = {each.fingerprint for each in deadline_findings(was, after=None, until=before(days))}

    left = ghosts(raised, LINE.deadlines())

    assert left == (raised if move else frozenset())


@given(days=day_counts)
@settings(max_examples=60)
def test_a_step_is_said_on_a_day_that_was_asked_about(days: int) -> None:
    step = step_reached(DUE, after=before(days + 5), until=before(days))

    if step is not None:
        assert before(days + 5) < step.raised_on <= before(days)
        assert step.days_left == step.days_before or step.days_before == PASSED
