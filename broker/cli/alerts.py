"""`tonnage alerts`: evaluate the rules, send what they say, and work the inbox."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import typer

from broker.alerts.alert import RuleName, Severity
from broker.alerts.inbox import AlertState
from broker.api.wire.alerts import Alert, AlertDetail, Evaluation
from broker.cli import alert_rules
from broker.cli.console import (
    FOUND_WRONG,
    actor,
    opened,
    plain_text,
    print_json,
    print_table,
    read_settings,
)
from broker.clock import utc_now
from broker.flows.deliver_alerts import DeliveryReport, deliver_alerts
from broker.flows.evaluate_alerts import evaluate_alerts
from broker.flows.handle_alert import Handling, handle_alert, show_alert
from broker.logs import log_to_stderr
from broker.notify.channels import channels_set, senders
from broker.settings import Settings
from broker.store.alerts import AlertFilter, list_alerts

DAY = ["%Y-%m-%d"]
SHORT = 12
"""Characters of a fingerprint that lists show; any command takes them for the alert."""

app = typer.Typer(no_args_is_help=True, help="Evaluate alert rules and work the inbox.")
app.add_typer(alert_rules.app, name="rules")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
Name = Annotated[str, typer.Argument(metavar="ID", help="Id or fingerprint, or its beginning.")]
Reason = Annotated[str, typer.Option(help="Why; it stays with the alert.")]


@app.command()
def evaluate(
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=DAY,
            help="Look again from this day on, and print also what was raised before.",
        ),
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=DAY, help="Last day to evaluate; unset: today."),
    ] = None,
    deliver_now: Annotated[
        bool, typer.Option("--deliver/--no-deliver", help="Send the messages afterwards.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Evaluate day by day since the last time, and print the alerts that this has raised.

    A second run prints none: they are in the list.
    """
    settings = read_settings()
    with opened(settings) as database:
        report = evaluate_alerts(
            database,
            as_of=_day(as_of) or _today(settings),
            since=_day(since),
            channels=channels_set(settings),
            actor=actor(),
            clock=utc_now,
        )
        evaluation = Evaluation.of(report)
        if as_json:
            print_json(evaluation.model_dump(mode="json"))
        else:
            _print_evaluation(evaluation)
        if deliver_now:
            log_to_stderr(settings.log_level)  # one of the channels is the log
            _complain_of(deliver_alerts(database, senders(settings), clock=utc_now))


@app.command()
def deliver(as_json: AsJson = False) -> None:
    """Send the messages that wait and are due; exit code 1 when one could not be sent."""
    settings = read_settings()
    log_to_stderr(settings.log_level)  # one of the channels is the log
    with opened(settings) as database:
        report = deliver_alerts(database, senders(settings), clock=utc_now)
    if as_json:
        print_json(
            {
                "delivered": dict(report.delivered),
                "failed": [
                    {
                        "channel": each.channel,
                        "fingerprint": each.fingerprint,
                        "attempts": each.attempts,
                        "error": each.error,
                    }
                    for each in report.failures
                ],
                "waiting": dict(report.waiting),
            }
        )
    else:
        names = sorted({*report.delivered, *report.waiting})
        rows = [
            (each, report.delivered.get(each, 0), report.waiting.get(each, 0)) for each in names
        ]
        print_table(("channel", "delivered", "waiting"), rows, numeric=("delivered", "waiting"))
    _complain_of(report)
    if report.failures:
        raise typer.Exit(FOUND_WRONG)


@app.command("list")
def list_(
    state: Annotated[AlertState | None, typer.Option(help="Only alerts in this state.")] = None,
    rule: Annotated[RuleName | None, typer.Option(help="Only alerts of this rule.")] = None,
    severity: Annotated[Severity | None, typer.Option(help="Only this severity.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=DAY, help="Raised on this day or later."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List alerts, the newest first."""
    wanted = AlertFilter(state=state, rule=rule, severity=severity, since=_day(since))
    with opened() as database, database.reading() as session:
        found = [Alert.of(row) for row in list_alerts(session, wanted)]
    if as_json:
        print_json({"alerts": [each.model_dump(mode="json") for each in found]})
        return
    columns = ("id", "raised on", "severity", "state", "deadline", "assignee", "message")
    print_table(columns, [_row(each) for each in found])


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Show an alert and everything that was done about it."""
    with opened() as database:
        _print_detail(AlertDetail.with_history(show_alert(database, name)), as_json=as_json)


@app.command()
def ack(name: Name, reason: Reason, as_json: AsJson = False) -> None:
    """Say that you have seen an alert."""
    _handle(name, Handling(to=AlertState.ACKNOWLEDGED, reason=reason), as_json=as_json)


@app.command()
def assign(
    name: Name,
    to: Annotated[str, typer.Option(help="Who is to see to it.")],
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Hand an alert to somebody."""
    handling = Handling(to=AlertState.ASSIGNED, reason=reason, assignee=to)
    _handle(name, handling, as_json=as_json)


@app.command()
def snooze(
    name: Name,
    until: Annotated[
        datetime,
        typer.Option(
            formats=DAY,
            help="The day it comes back; not past its deadline.",
        ),
    ],
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Put an alert off."""
    handling = Handling(to=AlertState.SNOOZED, reason=reason, until=until.date())
    _handle(name, handling, as_json=as_json)


@app.command()
def resolve(name: Name, reason: Reason, as_json: AsJson = False) -> None:
    """Close an alert."""
    _handle(name, Handling(to=AlertState.RESOLVED, reason=reason), as_json=as_json)


@app.command()
def reopen(name: Name, reason: Reason, as_json: AsJson = False) -> None:
    """Open a resolved or snoozed alert again."""
    _handle(name, Handling(to=AlertState.OPEN, reason=reason), as_json=as_json)


def _day(typed: datetime | None) -> date | None:
    return None if typed is None else typed.date()


def _today(settings: Settings) -> date:
    return settings.as_of or utc_now().date()


def _handle(name: str, handling: Handling, *, as_json: bool) -> None:
    settings = read_settings()
    with opened(settings) as database:
        done = handle_alert(
            database, name, handling, today=_today(settings), actor=actor(), clock=utc_now
        )
    _print_detail(AlertDetail.with_history(done), as_json=as_json)


def _print_evaluation(evaluation: Evaluation) -> None:
    columns = ("id", "raised on", "severity", "state", "deadline", "assignee", "message")
    if evaluation.alerts:
        print_table(columns, [_row(each) for each in evaluation.alerts])
    new = sum(each.new for each in evaluation.alerts)
    typer.echo(
        f"{new} new from {evaluation.first} to {evaluation.until}; {evaluation.cleared} cleared, "
        f"{evaluation.returned + evaluation.woken} open again. All: tonnage alerts list"
    )


def _row(alert: Alert) -> tuple[object, ...]:
    return (
        alert.fingerprint[:SHORT],
        alert.raised_on,
        alert.severity.value,
        alert.state.value,
        alert.deadline,
        alert.assignee,
        alert.message,
    )


def _print_detail(detail: AlertDetail, *, as_json: bool) -> None:
    if as_json:
        print_json(detail.model_dump(mode="json"))
        return
    typer.echo(plain_text(detail.message))
    typer.echo(f"{detail.severity.value}, {detail.state.value}, {detail.fingerprint}")
    rows = [
        (
            f"{each.recorded_at:%Y-%m-%d %H:%M}Z",
            each.action.value,
            each.actor,
            each.detail,
            each.reason,
        )
        for each in detail.events
    ]
    print_table(("when", "what", "who", "detail", "why"), rows)


def _complain_of(report: DeliveryReport) -> None:
    for each in report.failures:
        typer.echo(f"{each.channel}: not delivered, will be tried again: {each.error}", err=True)
