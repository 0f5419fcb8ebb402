"""Alerts are found by what people type, listed newest first, and remember who closed them."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlmodel import Session

from broker.alerts.alert import Finding, RuleName, Severity
from broker.alerts.inbox import AlertAction, AlertState
from broker.errors import BadInputError, NotFoundError
from broker.store.alerts import (
    AlertFilter,
    add_alert,
    add_event,
    cleared_ids,
    details_of,
    find_alert,
    history_of,
    inbox_alert,
    list_alerts,
)
from broker.store.engine import Database
from broker.store.tables import AlertRow
from tests.builders import ACTOR, MAY_15, NOON

FINDING = Finding(
    rule=RuleName.LIST_PRICE_JUMP,
    severity=Severity.WARN,
    subject="digitalocean H100 on-demand",
    object_id="digitalocean/H100/on-demand",
    step="on 2026-05-15",
    raised_on=MAY_15,
    message="list price up 47 %",
    details={"rise": "47 %"},
)


def raised(session: Session, finding: Finding = FINDING) -> AlertRow:
    return add_alert(session, finding, actor=ACTOR, at=NOON)


def test_an_alert_is_found_by_id_by_fingerprint_and_by_the_beginning_of_either(
    database: Database,
) -> None:
    with database.writing() as session:
        row = raised(session)

    with database.reading() as session:
        for name in (row.id, row.fingerprint, row.fingerprint[:12], row.fingerprint[:8].upper()):
            assert find_alert(session, name).id == row.id


def test_what_several_alerts_begin_with_names_none(database: Database) -> None:
    with database.writing() as session:
        one, two = raised(session), raised(session, replace(FINDING, step="on 2026-05-16"))
        assert one.id[:6] == two.id[:6]

    with database.reading() as session:
        with pytest.raises(BadInputError, match="several alerts"):
            find_alert(session, one.id[:6])
        with pytest.raises(NotFoundError, match="no such alert"):
            find_alert(session, "0000000000")


@pytest.mark.parametrize("name", ["", "abc", "%%%%", "____", "' OR 1=1"])
def test_a_name_that_no_alert_can_have_is_refused(sqlite: Database, name: str) -> None:
    with sqlite.reading() as session, pytest.raises(BadInputError, match="name an alert"):
        find_alert(session, name)


def test_lists_are_filtered_and_newest_first(database: Database) -> None:
    later = replace(FINDING, step="later", raised_on=MAY_15 + timedelta(days=1))
    grave = replace(FINDING, step="grave", severity=Severity.CRITICAL, rule=RuleName.RENEWAL_HIKE)
    with database.writing() as session:
        rows = [raised(session, each) for each in (FINDING, later, grave)]
        rows[0].state = AlertState.RESOLVED.value

    def steps(wanted: AlertFilter, limit: int | None = None) -> list[str]:
        with database.reading() as session:
            return [row.step for row in list_alerts(session, wanted, limit=limit)]

    assert steps(AlertFilter()) == ["later", "grave", "on 2026-05-15"]
    assert steps(AlertFilter(), limit=1) == ["later"]
    assert steps(AlertFilter(state=AlertState.OPEN)) == ["later", "grave"]
    assert steps(AlertFilter(rule=RuleName.RENEWAL_HIKE)) == ["grave"]
    assert steps(AlertFilter(severity=Severity.WARN)) == ["later", "on 2026-05-15"]
    assert steps(AlertFilter(since=date(2026, 5, 16))) == ["later"]


def test_only_what_an_evaluation_closed_last_counts_as_cleared(database: Database) -> None:
    with database.writing() as session:
        by_rule, by_hand, reopened = (
            raised(session, replace(FINDING, step=step)) for step in ("a", "b", "c")
        )
        for row in (by_rule, by_hand, reopened):
            row.state = AlertState.RESOLVED.value
            action = AlertAction.RESOLVED if row is by_hand else AlertAction.CLEARED
            add_event(session, row, action, actor=ACTOR, reason="over", at=NOON)
        reopened.state = AlertState.OPEN.value
        add_event(session, reopened, AlertAction.REOPENED, actor=ACTOR, reason="no", at=NOON)

    with database.reading() as session:
        assert cleared_ids(session) == {by_rule.id}
        assert [each.action for each in history_of(session, reopened)] == [
            "raised",
            "cleared",
            "reopened",
        ]


def test_a_stored_alert_is_the_one_that_the_rules_know(database: Database) -> None:
    finding = replace(FINDING, deadline_on=date(2026, 7, 2))
    with database.writing() as session:
        row = raised(session, finding)

    alert = inbox_alert(row)

    assert (alert.fingerprint, alert.severity) == (finding.fingerprint, Severity.WARN)
    assert (alert.due_on, alert.state) == (date(2026, 7, 2), AlertState.OPEN)
    assert details_of(row) == {"rise": "47 %", "level": "owner"}
