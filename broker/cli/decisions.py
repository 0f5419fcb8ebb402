"""What commands that decide about a contract share: which one, why, and from which day on."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import typer

from broker.cli.console import actor, read_settings
from broker.clock import today
from broker.flows.change_contract import Decision

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
Name = Annotated[str, typer.Argument(help="Reference, supplier:reference, or id.")]
Reason = Annotated[str, typer.Option(help="Why, for the next person.")]
Since = Annotated[
    datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="When it counts; today.")
]


def decision(reason: str, since: datetime | None) -> Decision:
    """Return the decision of who is at the keyboard; it counts from today unless a day is given."""
    day = business_day() if since is None else since.date()
    return Decision(actor=actor(), reason=reason, valid_from=day)


def business_day() -> date:
    """Return the day that counts as today."""
    return read_settings().as_of or today()
