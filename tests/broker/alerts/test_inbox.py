"""People move alerts with a name and a reason; what nobody takes climbs."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.alerts.alert import Level, Severity
from broker.alerts.inbox import (
    MOVES,
    Alert,
    AlertMove,
    AlertState,
    climbed,
    grouped,
    moved,
    wakes,
)
from broker.errors import RefusedError

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
TODAY = NOW.date()
DUE = date(2026, 6, 20)
ALERT = Alert(
    fingerprint="f1",
    severity=Severity.HIGH,
    level=Level.OWNER,
    opened_at=NOW,
    owner="kim",
    supplier="acme",
    due_on=DUE,
)

states = st.sampled_from(AlertState)


def a_move(to: AlertState) -> AlertMove:
    return AlertMove(
        to=to,
        actor="kim",
        reason="called the supplier",
        at=NOW,
        assignee="lee" if to is AlertState.ASSIGNED else None,
        until=date(2026, 6, 10) if to is AlertState.SNOOZED else None,
    )


@given(start=states, to=states)
def test_an_alert_moves_along_the_graph_and_nowhere_else(start: AlertState, to: AlertState) -> None:
    alert = replace(ALERT, state=start)

    if to in MOVES[start]:
        assert moved(alert, a_move(to), today=TODAY).state is to
    else:
        with pytest.raises(RefusedError, match="cannot become"):
            moved(alert, a_move(to), today=TODAY)


@pytest.mark.parametrize("blank", [{"actor": " "}, {"reason": ""}])
def test_every_move_names_who_and_why(blank: dict[str, Any]) -> None:
    nameless = replace(a_move(AlertState.ACKNOWLEDGED), **blank)

    with pytest.raises(RefusedError, match="who and why"):
        moved(ALERT, nameless, today=TODAY)


def test_an_assignment_names_somebody() -> None:
    with pytest.raises(RefusedError, match="assignee"):
        moved(ALERT, replace(a_move(AlertState.ASSIGNED), assignee=None), today=TODAY)
    with pytest.raises(RefusedError, match="assignee"):
        moved(ALERT, replace(a_move(AlertState.RESOLVED), assignee="lee"), today=TODAY)
    assert moved(ALERT, a_move(AlertState.ASSIGNED), today=TODAY).assignee == "lee"


def test_a_snooze_names_its_end() -> None:
    with pytest.raises(RefusedError, match="comes back"):
        moved(ALERT, replace(a_move(AlertState.SNOOZED), until=None), today=TODAY)
    with pytest.raises(RefusedError, match="comes back"):
        moved(ALERT, replace(a_move(AlertState.RESOLVED), until=DUE), today=TODAY)


def test_a_snooze_may_last_until_the_deadline_and_no_longer() -> None:
    snooze = a_move(AlertState.SNOOZED)

    assert moved(ALERT, replace(snooze, until=DUE), today=TODAY).snoozed_until == DUE
    with pytest.raises(RefusedError, match="pass the deadline"):
        moved(ALERT, replace(snooze, until=DUE + timedelta(days=1)), today=TODAY)


def test_a_snooze_is_measured_against_the_business_day_not_the_clock() -> None:
    years_later = replace(a_move(AlertState.SNOOZED), at=NOW + timedelta(days=900))

    assert moved(ALERT, years_later, today=TODAY).snoozed_until == date(2026, 6, 10)


def test_a_snooze_of_no_length_is_refused() -> None:
    with pytest.raises(RefusedError, match="later day"):
        moved(ALERT, replace(a_move(AlertState.SNOOZED), until=NOW.date()), today=TODAY)


@given(
    due_on=st.dates(min_value=date(2026, 1, 1), max_value=date(2026, 12, 31)),
    until=st.dates(min_value=date(2026, 1, 1), max_value=date(2026, 12, 31)),
)
def test_no_snooze_ever_passes_the_deadline(due_on: date, until: date) -> None:
    alert = replace(ALERT, due_on=due_on)
    try:
        snoozed = moved(alert, replace(a_move(AlertState.SNOOZED), until=until), today=TODAY)
    except RefusedError:
        assert until > due_on or until <= NOW.date()
        return

    assert snoozed.snoozed_until == until <= due_on
    assert wakes(snoozed, today=due_on)


def test_a_snoozed_alert_wakes_on_its_day() -> None:
    snoozed = moved(ALERT, a_move(AlertState.SNOOZED), today=TODAY)

    assert not wakes(snoozed, today=date(2026, 6, 9))
    assert wakes(snoozed, today=date(2026, 6, 10))
    assert not wakes(replace(ALERT, snoozed_until=date(2026, 6, 10)), today=DUE)


@pytest.mark.parametrize(
    ("severity", "hours", "level"),
    [
        (Severity.HIGH, 23, Level.OWNER),
        (Severity.HIGH, 24, Level.LEAD),
        (Severity.HIGH, 48, Level.HEAD),
        (Severity.CRITICAL, 1, Level.OWNER),
        (Severity.CRITICAL, 2, Level.LEAD),
        (Severity.CRITICAL, 500, Level.HEAD),
        (Severity.WARN, 500, Level.OWNER),
    ],
)
def test_an_alert_that_nobody_takes_climbs(severity: Severity, hours: int, level: Level) -> None:
    alert = replace(ALERT, severity=severity)

    assert climbed(alert, now=NOW + timedelta(hours=hours)) is level


@pytest.mark.parametrize("state", set(AlertState) - {AlertState.OPEN})
def test_an_alert_that_somebody_took_does_not_climb(state: AlertState) -> None:
    assert climbed(replace(ALERT, state=state), now=NOW + timedelta(days=9)) is Level.OWNER


def test_an_alert_that_opens_again_has_its_full_time() -> None:
    resolved = replace(ALERT, state=AlertState.RESOLVED)
    later = NOW + timedelta(days=5)

    reopened = moved(resolved, replace(a_move(AlertState.OPEN), at=later), today=TODAY)

    assert climbed(reopened, now=later + timedelta(hours=1)) is Level.OWNER


def test_one_message_for_each_owner_and_supplier_gravest_first() -> None:
    critical = replace(ALERT, fingerprint="f2", severity=Severity.CRITICAL)
    foreign = replace(ALERT, fingerprint="f3", severity=Severity.INFO, supplier="beta")

    groups = grouped([foreign, ALERT, critical])

    assert [(group.owner, group.supplier) for group in groups] == [("kim", "acme"), ("kim", "beta")]
    assert groups[0].alerts == (critical, ALERT)


@given(
    routes=st.lists(st.tuples(st.sampled_from(["kim", "lee", None]), st.sampled_from(["a", None])))
)
def test_grouping_loses_and_doubles_no_alert(routes: list[tuple[str | None, str | None]]) -> None:
    alerts = [
        replace(ALERT, fingerprint=str(number), owner=owner, supplier=supplier)
        for number, (owner, supplier) in enumerate(routes)
    ]

    groups = grouped(alerts)

    found = [alert.fingerprint for group in groups for alert in group.alerts]
    assert sorted(found) == sorted(alert.fingerprint for alert in alerts)
    assert len({(group.owner, group.supplier) for group in groups}) == len(groups)
