"""An evaluation raises once, clears what is over, brings back what it cleared, and wakes."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.alerts.alert import Finding, Level, RuleName, Severity
from broker.alerts.deadlines import ContractEnd, Deadline, deadline_finding
from broker.alerts.inbox import Alert, AlertState
from broker.alerts.reconcile import KnownAlert, reconcile

DUE = date(2026, 7, 2)
TODAY = date(2026, 6, 20)
LINE = ContractEnd(
    object_id="line 42", subject="acme A-7/1", notice_due_on=DUE, last_service_on=None
)
(DEADLINE,) = LINE.deadlines()


def a_step(on: date = TODAY, *, first: date = date(2026, 1, 1)) -> Finding:
    finding = deadline_finding(LINE, DEADLINE, first=first, until=on)
    assert finding is not None
    return finding


def a_hike(severity: Severity = Severity.HIGH) -> Finding:
    return Finding(
        rule=RuleName.RENEWAL_HIKE,
        severity=severity,
        subject="acme A-7/1",
        object_id="line 42",
        step=f"quote q1|{severity.value}",
        raised_on=TODAY,
        message="the offer is far above",
    )


def known(
    finding: Finding,
    state: AlertState = AlertState.OPEN,
    *,
    snoozed_until: date | None = None,
    was_cleared: bool = False,
) -> KnownAlert:
    alert = Alert(
        fingerprint=finding.fingerprint,
        severity=finding.severity,
        level=Level.OWNER,
        opened_at=datetime(2026, 6, 1, tzinfo=UTC),
        owner=None,
        supplier=None,
        due_on=finding.deadline_on,
        state=state,
        snoozed_until=snoozed_until,
    )
    return KnownAlert(
        alert=alert,
        rule=finding.rule,
        object_id=finding.object_id,
        raised_on=finding.raised_on,
        was_cleared=was_cleared,
    )


def test_a_finding_is_raised_once() -> None:
    step = a_step()

    first = reconcile([step, step], [], live=[DEADLINE], as_of=TODAY)
    second = reconcile([step], [known(step)], live=[DEADLINE], as_of=TODAY)

    assert first.raised == (step,)
    assert second.raised == ()


def test_what_a_person_resolved_is_not_raised_again() -> None:
    step = a_step()

    changes = reconcile([step], [known(step, AlertState.RESOLVED)], live=[DEADLINE], as_of=TODAY)

    assert (changes.raised, changes.returned) == ((), ())


def test_a_farther_step_is_old_news_once_a_nearer_one_was_said() -> None:
    nearer, farther = a_step(DUE - timedelta(days=3)), a_step(DUE - timedelta(days=30))

    looking_back = reconcile([farther], [known(nearer)], live=[DEADLINE], as_of=TODAY)
    looking_on = reconcile([nearer], [known(farther)], live=[DEADLINE], as_of=TODAY)

    assert looking_back.raised == ()
    assert looking_on.raised == (nearer,)


def test_an_alert_of_a_deadline_that_moved_or_was_met_is_cleared() -> None:
    step = a_step()
    moved = replace(DEADLINE, due_on=DUE + timedelta(days=365))

    assert reconcile([], [known(step)], live=[moved], as_of=TODAY).cleared == (step.fingerprint,)
    assert reconcile([], [known(step)], live=[], as_of=TODAY).cleared == (step.fingerprint,)
    assert reconcile([], [known(step)], live=[DEADLINE], as_of=TODAY).cleared == ()


def test_what_was_cleared_comes_back_when_it_is_found_again() -> None:
    step = a_step()
    ghost = known(step, AlertState.RESOLVED, was_cleared=True)

    assert reconcile([step], [ghost], live=[DEADLINE], as_of=TODAY).returned == (step.fingerprint,)
    assert reconcile([], [ghost], live=[], as_of=TODAY).returned == ()


def test_an_offer_that_fell_leaves_its_graver_alert_behind() -> None:
    high, warn = a_hike(Severity.HIGH), a_hike(Severity.WARN)

    changes = reconcile([warn], [known(high)], live=[], as_of=TODAY)

    assert (changes.raised, changes.cleared) == ((warn,), (high.fingerprint,))


def test_a_repricing_stays_open_until_somebody_resolves_it() -> None:
    jump = replace(a_hike(), rule=RuleName.LIST_PRICE_JUMP)

    assert reconcile([], [known(jump)], live=[], as_of=TODAY).cleared == ()


def test_an_outage_that_is_over_is_cleared_and_one_that_lasts_is_not() -> None:
    outage = replace(a_hike(), rule=RuleName.STALE_DATA, step="seen 2026-06-19T12:00:00+00:00")
    next_one = replace(outage, step="seen 2026-06-20T12:00:00+00:00")

    assert reconcile([outage], [known(outage)], live=[], as_of=TODAY).cleared == ()
    over = reconcile([next_one], [known(outage)], live=[], as_of=TODAY)
    assert (over.raised, over.cleared) == ((next_one,), (outage.fingerprint,))


def test_an_evaluation_of_an_earlier_day_leaves_later_alerts_alone() -> None:
    hike = a_hike()

    changes = reconcile([], [known(hike)], live=[], as_of=TODAY - timedelta(days=1))

    assert changes.cleared == ()


def test_a_snooze_ends_on_its_day_unless_the_alert_is_over() -> None:
    step = a_step()
    snoozed = known(step, AlertState.SNOOZED, snoozed_until=TODAY)
    early = TODAY - timedelta(days=1)

    assert reconcile([], [snoozed], live=[DEADLINE], as_of=TODAY).woken == (step.fingerprint,)
    assert reconcile([], [snoozed], live=[DEADLINE], as_of=early).woken == ()
    assert reconcile([], [snoozed], live=[], as_of=TODAY).woken == ()


@pytest.mark.parametrize("state", AlertState)
def test_only_what_is_not_resolved_can_be_cleared(state: AlertState) -> None:
    changes = reconcile([], [known(a_step(), state)], live=[], as_of=TODAY)

    assert bool(changes.cleared) is (state is not AlertState.RESOLVED)


@given(
    days=st.lists(st.integers(min_value=-20, max_value=220), min_size=1, max_size=8),
    moves=st.lists(st.integers(min_value=0, max_value=2), min_size=8, max_size=8),
)
def test_however_a_deadline_moves_at_most_its_live_alerts_stay_open(
    days: list[int], moves: list[int]
) -> None:
    inbox: dict[str, KnownAlert] = {}
    for days_left, move in zip(days, moves, strict=False):
        end = replace(LINE, notice_due_on=DUE + timedelta(days=30 * move))
        as_of = DUE - timedelta(days=days_left)
        live = end.deadlines()
        findings = [deadline_finding(end, each, first=as_of, until=as_of) for each in live]
        said = [finding for finding in findings if finding is not None]

        changes = reconcile(said, inbox.values(), live=live, as_of=as_of)

        for finding in changes.raised:
            assert finding.fingerprint not in inbox
            inbox[finding.fingerprint] = known(finding)
        for fingerprint in changes.cleared:
            was = inbox[fingerprint]
            resolved = replace(was.alert, state=AlertState.RESOLVED)
            inbox[fingerprint] = replace(was, alert=resolved, was_cleared=True)
        for fingerprint in changes.returned:
            was = inbox[fingerprint]
            opened = replace(was.alert, state=AlertState.OPEN)
            inbox[fingerprint] = replace(was, alert=opened, was_cleared=False)
        still_open = {
            each.deadline
            for each in inbox.values()
            if each.alert.state is AlertState.OPEN and each.raised_on <= as_of
        }
        assert still_open <= set(live)
        again = reconcile(said, inbox.values(), live=live, as_of=as_of)
        assert (again.raised, again.cleared, again.returned) == ((), (), ())


def test_a_deadline_of_another_rule_does_not_keep_an_alert_open() -> None:
    other = Deadline(
        rule=RuleName.EXPIRY_NO_SUCCESSOR, object_id=DEADLINE.object_id, due_on=DEADLINE.due_on
    )

    assert reconcile([], [known(a_step())], live=[other], as_of=TODAY).cleared
