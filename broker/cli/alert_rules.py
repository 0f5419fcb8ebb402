"""`tonnage alerts rules`: the thresholds in force, and how to change them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated

import typer

from broker.alerts.alert import RuleName
from broker.alerts.threshold_values import json_from_text
from broker.api.wire.alerts import AlertRule
from broker.cli.console import actor, opened, print_json, print_table
from broker.clock import utc_now
from broker.errors import BadInputError
from broker.flows.set_alert_rule import BACK_TO_DEFAULT, RuleSettings, alert_rules, set_alert_rule

app = typer.Typer(help="Show and set the thresholds of the alert rules.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]


@app.callback(invoke_without_command=True)
def rules(context: typer.Context, as_json: AsJson = False) -> None:
    """Show every rule, its thresholds and where they come from."""
    if context.invoked_subcommand is not None:
        return
    with opened() as database:
        _print(alert_rules(database), as_json=as_json)


@app.command("set")
def set_(
    rule: Annotated[RuleName, typer.Argument(help="The rule.")],
    changes: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY=VALUE...",
            help="A level as 0.15 or 15%, steps as 30,14,7,passed, a band as 0.12/0.10; "
            "`default` takes a threshold out of the scope.",
        ),
    ],
    scope: Annotated[
        str, typer.Option(help="global, supplier:KEY, contract:REF or gpu_model:MODEL.")
    ] = "global",
    as_json: AsJson = False,
) -> None:
    """Set thresholds of a rule within a scope; the narrowest scope wins."""
    values = dict(_change(rule, text) for text in changes)
    with opened() as database:
        settings = set_alert_rule(database, rule, values, scope=scope, actor=actor(), clock=utc_now)
    _print([settings], as_json=as_json)


def _change(rule: RuleName, text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    name, value = name.strip(), value.strip()
    if not equals or not name or not value:
        raise BadInputError(f"{text[:60]!r} is no change; write KEY=VALUE, as in week_rise=0.12")
    return name, value if value == BACK_TO_DEFAULT else json_from_text(rule, name, value)


def _print(found: Iterable[RuleSettings], *, as_json: bool) -> None:
    found = list(found)
    if as_json:
        print_json({"rules": [AlertRule.of(each).model_dump(mode="json") for each in found]})
        return
    rows = []
    for each in found:
        rows += [
            (each.rule.value, name, _text(value), each.sources[name])
            for name, value in each.values.items()
        ]
        rows += [
            (each.rule.value, name, _text(value), f"{override.scope}, by {override.actor}")
            for override in each.overrides
            if override.scope != "global"
            for name, value in override.values.items()
        ]
    print_table(("rule", "threshold", "value", "from"), rows)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
