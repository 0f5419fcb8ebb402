"""An open quote is called out as it runs out, and never after."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.alerts.alert import Severity
from broker.alerts.quotes import QuoteValidity, expiring_finding

LAST_DAY = date(2026, 6, 14)
QUOTE = QuoteValidity(object_id="quote 7", subject="acme renewal quote 7", valid_until=LAST_DAY)


def before(days: int) -> date:
    return LAST_DAY - timedelta(days=days)


@pytest.mark.parametrize(
    ("days_left", "severity"),
    [(14, Severity.INFO), (7, Severity.WARN), (3, Severity.HIGH), (1, Severity.HIGH)],
)
def test_each_step_has_its_severity(days_left: int, severity: Severity) -> None:
    finding = expiring_finding(QUOTE, first=before(days_left), until=before(days_left))

    assert finding is not None
    assert finding.severity is severity
    assert finding.key == f"quote_expiring|quote 7|due 2026-06-14|T-{days_left}"


def test_missed_steps_collapse_into_the_latest() -> None:
    finding = expiring_finding(QUOTE, first=before(20), until=before(2))

    assert finding is not None
    assert finding.step == "due 2026-06-14|T-3"
    assert finding.raised_on == before(3)


def test_a_quote_that_is_no_longer_open_is_silent() -> None:
    closed = replace(QUOTE, is_open=False)

    assert expiring_finding(closed, first=before(1), until=before(1)) is None


@given(days=st.integers(min_value=1, max_value=400))
def test_a_lapsed_quote_is_silent(days: int) -> None:
    assert expiring_finding(QUOTE, first=before(-days), until=before(-days)) is None
    assert expiring_finding(QUOTE, first=before(30), until=before(-days)) is None


@given(start=st.integers(min_value=0, max_value=40))
def test_severity_never_falls_as_a_quote_runs_out(start: int) -> None:
    daily = [
        expiring_finding(QUOTE, first=before(start), until=before(days))
        for days in range(start, -1, -1)
    ]

    said = [finding for finding in daily if finding is not None]

    assert [each.severity for each in said] == sorted(each.severity for each in said)
    assert {each.raised_on for each in said} <= {before(days) for days in range(start + 1)}
