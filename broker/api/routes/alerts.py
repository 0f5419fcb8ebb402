"""Alerts, what people do with them, and the rules behind them."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query

from broker.access.scope import Scope
from broker.alerts.alert import RuleName, Severity
from broker.alerts.inbox import AlertState
from broker.api.wire.alerts import (
    Alert,
    AlertDetail,
    AlertList,
    AlertName,
    AlertRule,
    AlertRuleChange,
    AlertRuleList,
    Assignment,
    Evaluation,
    EvaluationRequest,
    Reasoned,
    Snooze,
)
from broker.api.wiring import Caller, Wiring, WiringDep, requires
from broker.flows.evaluate_alerts import evaluate_alerts
from broker.flows.handle_alert import Handling, handle_alert, show_alert
from broker.flows.set_alert_rule import alert_rules, replace_alert_rule
from broker.notify.channels import channels_set
from broker.store.alerts import AlertFilter, list_alerts

LISTED_AT_MOST = 1000

router = APIRouter(prefix="/v1", tags=["alerts"])

Reader = Annotated[Caller, requires(Scope.ALERTS_READ)]
Writer = Annotated[Caller, requires(Scope.ALERTS_WRITE)]


@router.get("/alerts")
def alerts(
    wiring: WiringDep,
    _: Reader,
    state: AlertState | None = None,
    rule: RuleName | None = None,
    severity: Severity | None = None,
    since: Annotated[date | None, Query(description="raised on this day or later")] = None,
    limit: Annotated[int, Query(ge=1, le=LISTED_AT_MOST)] = LISTED_AT_MOST,
) -> AlertList:
    """List alerts, the newest first."""
    wanted = AlertFilter(state=state, rule=rule, severity=severity, since=since)
    with wiring.database.reading() as session:
        found = list_alerts(session, wanted, limit=limit)
    return AlertList(items=[Alert.of(row) for row in found])


@router.post("/alerts:evaluate")
def evaluate(wiring: WiringDep, caller: Writer, body: EvaluationRequest) -> Evaluation:
    """Evaluate the rules; messages of new alerts wait in the outbox until they are delivered."""
    report = evaluate_alerts(
        wiring.database,
        as_of=body.as_of or wiring.today(),
        since=body.since,
        channels=channels_set(wiring.settings),
        actor=caller.actor,
        clock=wiring.clock,
    )
    return Evaluation.of(report)


@router.get("/alerts/{name}")
def alert(wiring: WiringDep, _: Reader, name: AlertName) -> AlertDetail:
    """Return an alert with its history."""
    return AlertDetail.with_history(show_alert(wiring.database, name))


@router.post("/alerts/{name}/acknowledge")
def acknowledge(wiring: WiringDep, caller: Writer, name: AlertName, body: Reasoned) -> AlertDetail:
    """Say that somebody has seen the alert."""
    handling = Handling(to=AlertState.ACKNOWLEDGED, reason=body.reason)
    return _handled(wiring, caller, name, handling)


@router.post("/alerts/{name}/assign")
def assign(wiring: WiringDep, caller: Writer, name: AlertName, body: Assignment) -> AlertDetail:
    """Hand the alert to somebody."""
    handling = Handling(to=AlertState.ASSIGNED, reason=body.reason, assignee=body.to)
    return _handled(wiring, caller, name, handling)


@router.post("/alerts/{name}/snooze")
def snooze(wiring: WiringDep, caller: Writer, name: AlertName, body: Snooze) -> AlertDetail:
    """Put the alert off until a day that is not past its deadline."""
    handling = Handling(to=AlertState.SNOOZED, reason=body.reason, until=body.until)
    return _handled(wiring, caller, name, handling)


@router.post("/alerts/{name}/resolve")
def resolve(wiring: WiringDep, caller: Writer, name: AlertName, body: Reasoned) -> AlertDetail:
    """Close the alert."""
    return _handled(wiring, caller, name, Handling(to=AlertState.RESOLVED, reason=body.reason))


@router.post("/alerts/{name}/reopen")
def reopen(wiring: WiringDep, caller: Writer, name: AlertName, body: Reasoned) -> AlertDetail:
    """Open a resolved or snoozed alert again."""
    return _handled(wiring, caller, name, Handling(to=AlertState.OPEN, reason=body.reason))


@router.get("/alert-rules")
def rules(wiring: WiringDep, _: Reader) -> AlertRuleList:
    """List the rules with the thresholds in force and where they come from."""
    return AlertRuleList(items=[AlertRule.of(each) for each in alert_rules(wiring.database)])


@router.put("/alert-rules/{rule}")
def set_rule(wiring: WiringDep, caller: Writer, rule: RuleName, body: AlertRuleChange) -> AlertRule:
    """Set the thresholds of a rule within a scope, in place of all that were set for it."""
    settings = replace_alert_rule(
        wiring.database,
        rule,
        body.plain_values(),
        scope=body.scope,
        actor=caller.actor,
        clock=wiring.clock,
    )
    return AlertRule.of(settings)


def _handled(wiring: Wiring, caller: Caller, name: str, handling: Handling) -> AlertDetail:
    done = handle_alert(
        wiring.database,
        name,
        handling,
        today=wiring.today(),
        actor=caller.actor,
        clock=wiring.clock,
    )
    return AlertDetail.with_history(done)
