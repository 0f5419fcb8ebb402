"""A supplier that has stopped answering is called out once an outage, and never by an answer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.alerts.alert import RuleName, Severity
from broker.alerts.stale_data import Sighting, stale_finding
from broker.alerts.threshold_values import values_from_json
from broker.alerts.thresholds import Override, Reach, Scope, StaleThresholds, resolve
from broker.errors import BadInputError
from tests.builders import NOON

QUARTER = timedelta(minutes=15)
LAMBDA = Sighting(supplier="lambda", seen_at=NOON, every=QUARTER, last_poll="timed-out")

moments = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=30))


def test_a_supplier_that_is_silent_for_two_intervals_is_called_out_after_them() -> None:
    assert stale_finding(LAMBDA, now=NOON + 2 * QUARTER) is None

    finding = stale_finding(LAMBDA, now=NOON + timedelta(hours=3, minutes=20))

    assert finding is not None
    assert (finding.rule, finding.severity) == (RuleName.STALE_DATA, Severity.WARN)
    assert finding.key == "stale_data|lambda|seen 2026-05-15T12:00:00+00:00"
    assert finding.message == (
        "lambda has not answered since 2026-05-15 12:00 UTC; its prices are 3 hours old."
    )
    assert finding.details == {
        "seen_at": "2026-05-15T12:00:00+00:00",
        "asked_every_minutes": "15",
        "last_poll": "timed-out",
    }


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(minutes=31), "31 minutes old"),
        (timedelta(minutes=119), "1 hour old"),
        (timedelta(days=100), "2,400 hours old"),
    ],
)
def test_the_age_of_the_prices_is_told_in_full_hours(age: timedelta, words: str) -> None:
    finding = stale_finding(LAMBDA, now=NOON + age)

    assert finding is not None
    assert words in finding.message


def test_an_answer_that_is_younger_than_the_day_that_is_looked_at_is_not_stale() -> None:
    assert stale_finding(LAMBDA, now=NOON - timedelta(days=400)) is None


@given(age=moments, later=moments)
def test_an_outage_is_the_same_finding_however_long_it_lasts(
    age: timedelta, later: timedelta
) -> None:
    first = stale_finding(LAMBDA, now=NOON + age)
    second = stale_finding(LAMBDA, now=NOON + age + later)

    if first is not None:
        assert second is not None
        assert (second.fingerprint, second.raised_on) == (first.fingerprint, first.raised_on)


@given(age=moments, gap=st.timedeltas(min_value=timedelta(seconds=1), max_value=QUARTER))
def test_after_an_answer_the_next_outage_is_another(age: timedelta, gap: timedelta) -> None:
    first = stale_finding(LAMBDA, now=NOON + age)
    second = stale_finding(replace(LAMBDA, seen_at=NOON + gap), now=NOON + age + gap)

    assert (first is None) is (second is None)
    if first is not None and second is not None:
        assert first.fingerprint != second.fingerprint


@given(age=moments, intervals=st.integers(min_value=1, max_value=100))
def test_it_is_said_from_the_day_on_which_the_data_became_stale(
    age: timedelta, intervals: int
) -> None:
    now = NOON + age

    finding = stale_finding(LAMBDA, now=now, thresholds=StaleThresholds(intervals=intervals))

    assert (finding is not None) is (age > intervals * QUARTER)
    if finding is not None:
        assert finding.raised_on == (NOON + intervals * QUARTER).date() <= now.date()


def test_what_turns_stale_at_midnight_is_news_of_the_new_day() -> None:
    midnight = datetime(2026, 5, 16, tzinfo=UTC)
    late = replace(LAMBDA, seen_at=midnight - 2 * QUARTER)

    assert stale_finding(late, now=midnight) is None  # the end of the old day
    finding = stale_finding(late, now=midnight + timedelta(seconds=1))
    assert finding is not None
    assert finding.raised_on == midnight.date()


def test_patience_is_counted_in_whole_intervals_from_one_up() -> None:
    rule = RuleName.STALE_DATA
    none_at_all = Override(
        rule=rule, scope=Scope.GLOBAL, values=values_from_json(rule, {"intervals": "0"})
    )

    with pytest.raises(BadInputError, match="at least one interval"):
        resolve(StaleThresholds(), [none_at_all], rule=rule, reach=Reach())
