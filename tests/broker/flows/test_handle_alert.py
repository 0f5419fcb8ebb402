"""People take, hand on, put off and close alerts, and each time it stays on record why."""

from datetime import date, timedelta

import pytest

from broker.alerts.alert import Finding, RuleName, Severity
from broker.alerts.inbox import AlertState
from broker.errors import NotFoundError, RefusedError
from broker.flows.handle_alert import Handling, handle_alert, show_alert
from broker.store.alerts import add_alert
from broker.store.engine import Database
from broker.store.tables import AlertRow
from tests.builders import ACTOR, MAY_15, NOON

DUE = date(2026, 7, 2)


def an_alert(database: Database) -> AlertRow:
    finding = Finding(
        rule=RuleName.NOTICE_DEADLINE,
        severity=Severity.WARN,
        subject="acme A-7/1",
        object_id="line 42",
        step="due 2026-07-02|T-60",
        raised_on=MAY_15,
        message="notice is due on 2026-07-02",
        deadline_on=DUE,
    )
    with database.writing() as session:
        return add_alert(session, finding, actor="tonnage", at=NOON)


def handled(database: Database, name: str, handling: Handling) -> AlertRow:
    return handle_alert(
        database, name, handling, today=MAY_15, actor=ACTOR, clock=lambda: NOON
    ).alert


def test_a_handled_alert_tells_its_whole_story(database: Database) -> None:
    name = an_alert(database).fingerprint[:12]

    handled(database, name, Handling(to=AlertState.ACKNOWLEDGED, reason="seen"))
    handled(database, name, Handling(to=AlertState.ASSIGNED, reason="your line", assignee="kim"))
    until = date(2026, 6, 1)
    handled(database, name, Handling(to=AlertState.SNOOZED, reason="in talks", until=until))
    handled(database, name, Handling(to=AlertState.RESOLVED, reason="notice given"))
    handled(database, name, Handling(to=AlertState.OPEN, reason="it came back"))

    found = show_alert(database, name)
    assert [(each.action, each.actor, each.reason, each.detail) for each in found.history] == [
        ("raised", "tonnage", "the rule notice_deadline spoke", None),
        ("acknowledged", ACTOR, "seen", None),
        ("assigned", ACTOR, "your line", "kim"),
        ("snoozed", ACTOR, "in talks", "until 2026-06-01"),
        ("resolved", ACTOR, "notice given", None),
        ("reopened", ACTOR, "it came back", None),
    ]
    assert (found.alert.state, found.alert.assignee) == ("open", "kim")
    assert found.alert.snoozed_until is None


@pytest.mark.parametrize(
    ("handling", "reason"),
    [
        (Handling(to=AlertState.ACKNOWLEDGED, reason=" "), "who and why"),
        (Handling(to=AlertState.OPEN, reason="x"), "cannot become open"),
        (Handling(to=AlertState.ASSIGNED, reason="x"), "names an assignee"),
        (
            Handling(to=AlertState.SNOOZED, reason="x", until=DUE + timedelta(days=1)),
            "pass the deadline",
        ),
        (Handling(to=AlertState.SNOOZED, reason="x", until=MAY_15), "end at once"),
    ],
)
def test_what_the_rules_refuse_changes_nothing(
    database: Database, handling: Handling, reason: str
) -> None:
    row = an_alert(database)

    with pytest.raises(RefusedError, match=reason):
        handled(database, row.id, handling)

    found = show_alert(database, row.id)
    assert (found.alert.state, len(found.history)) == ("open", 1)


def test_an_alert_that_is_not_there_cannot_be_handled(sqlite: Database) -> None:
    with pytest.raises(NotFoundError, match="tonnage alerts list"):
        handled(sqlite, "abcdef", Handling(to=AlertState.RESOLVED, reason="x"))
