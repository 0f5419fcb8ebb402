"""Tells people how two plans compare; programs get the same as JSON."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import typer

from broker.cli.console import plain_text, print_table
from broker.cli.plan_report import gap_text, print_shortfalls
from broker.placement.plan import Plan
from broker.placement.plan_figures import PlanFigures, SideBySide


def print_comparison(told: SideBySide) -> None:
    """Print what lies between two plans, and their figures beside each other."""
    typer.echo()
    for change in told.changes:
        typer.echo(f"what if: {plain_text(change)}")
    print_table(
        ("", "before", "after", "difference"),
        [*_rows(told.before, told.after)],
        numeric=("before", "after", "difference"),
    )
    typer.echo(
        f"{told.replicas_started:,} replicas start, {told.replicas_stopped:,} stop or are lost"
    )


def print_repair(plan: Plan, told: SideBySide, *, lost: str) -> None:
    """Print what is done at once about a loss."""
    served = told.after.served_share
    typer.echo(
        f"{plain_text(lost)} is lost: repaired in {plan.seconds.total:.2f} s, "
        f"{share_text(served)} of demand is served"
    )
    typer.echo(
        f"{told.replicas_started:,} replicas start, {told.replicas_stopped:,} are lost or make room; "
        f"{told.after.gpus_bought - told.before.gpus_bought:+,} GPUs bought, "
        f"{told.after.money - told.before.money:+,.2f} $/h"
    )
    print_shortfalls(plan)


def share_text(share: float | None) -> str:
    """Return a share as people read it; rounded down, so that only all of it is 100 %."""
    if share is None:
        return "all"
    return "100%" if share >= 1 else f"{int(share * 10_000) / 100:.2f}%"


def _rows(before: PlanFigures, after: PlanFigures) -> list[tuple[object, ...]]:
    dollars: tuple[tuple[str, Callable[[PlanFigures], Decimal]], ...] = (
        ("purchases, $/h", lambda plan: plan.new),
        ("starts, $/h", lambda plan: plan.starts),
        ("opportunity of used GPUs, $/h", lambda plan: plan.opportunity),
        ("to decide, $/h", lambda plan: plan.money),
        ("contracts, paid anyway, $/h", lambda plan: plan.sunk),
    )
    rates: tuple[tuple[str, Callable[[PlanFigures], float]], ...] = (
        ("not served, tokens/s", lambda plan: plan.unserved),
        ("lacking if a provider is lost, tokens/s", lambda plan: plan.survival_shortfall),
        ("lacking on gold providers, tokens/s", lambda plan: plan.gold_shortfall),
    )
    bought = (before.gpus_bought, after.gpus_bought)
    return [
        ("status", before.status.value, after.status.value, ""),
        *(_row(name, money(before), money(after), ",.2f") for name, money in dollars),
        _row("no plan is below, $/h", before.bound, after.bound, ",.2f"),
        ("gap", gap_text(before.gap_variable), gap_text(after.gap_variable), ""),
        ("demand served", share_text(before.served_share), share_text(after.served_share), ""),
        *(_row(name, rate(before), rate(after), ",.1f") for name, rate in rates),
        ("GPUs bought", f"{bought[0]:,}", f"{bought[1]:,}", f"{bought[1] - bought[0]:+,}"),
    ]


def _row(
    name: str, before: Decimal | float, after: Decimal | float, form: str
) -> tuple[object, ...]:
    difference = float(after) - float(before)
    return name, format(before, form), format(after, form), format(difference, f"+{form}")
