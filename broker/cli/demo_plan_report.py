"""What the demo tells of its placement plan, to people and to programs."""

from __future__ import annotations

from collections import defaultdict

import typer

from broker.api.wire.plan_changes import ComparisonOut, FiguresOut
from broker.cli.comparison_report import share_text
from broker.cli.console import plain_text, print_table
from broker.flows.demo_plan import DemoPlan
from broker.placement.plan_figures import SideBySide


def demo_plan_json(told: DemoPlan) -> dict[str, object]:
    """Return the same for a program."""
    loss = told.loss
    return {
        "id": told.stored.entry.id,
        "figures": FiguresOut.of(told.figures).model_dump(mode="json"),
        "placements": told.stored.plan["placements"],
        "purchases": told.stored.plan["purchases"],
        "why": list(told.why),
        "lost": told.lost,
        "repair": {"id": loss.repair.entry.id} | _compared(loss.told.after_repair),
        "replan": {"id": loss.full.entry.id} | _compared(loss.told.after_full),
    }


def print_demo_plan(told: DemoPlan) -> None:
    """Print what runs where, what it costs, why, and what becomes of it after a loss."""
    typer.echo("\nWhere the models run, and what is bought for it: tonnage plan")
    where: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    provider_of = {pool.pool: pool.provider for pool in told.made.snapshot.pools}
    for run in told.made.plan.placements:
        where[run.model][provider_of[run.pool]] += run.replicas
    print_table(
        ("model", "replicas", "on"),
        [
            (
                model,
                sum(providers.values()),
                ", ".join(f"{count} {name}" for name, count in sorted(providers.items())),
            )
            for model, providers in sorted(where.items())
        ],
        numeric=("replicas",),
    )
    figures = told.figures
    typer.echo(
        f"{share_text(figures.served_share)} of demand is served; {figures.gpus_bought:,} GPUs are "
        f"bought for {figures.new:,.2f} $/h, contracts cost {figures.sunk:,.2f} $/h anyway"
    )
    typer.echo(_survives(told))
    for sentence in told.why:
        typer.echo(f"why: {plain_text(sentence)}")
    typer.echo(f"\nIf {plain_text(told.lost)} were lost: tonnage plan replan --lost {told.lost}")
    typer.echo(f"at once: {_effect(told.loss.told.after_repair)}")
    typer.echo(f"then: {_effect(told.loss.told.after_full)}")


def _survives(told: DemoPlan) -> str:
    short = {each.provider for each in told.made.plan.survival_shortfall}
    if not short:
        return "each model keeps what it was promised when any one provider is lost"
    names = ", ".join(sorted(short))
    return f"a promise would be broken by the loss of {plain_text(names)}, and of no other provider"


def _effect(told: SideBySide) -> str:
    more = told.after.new - told.before.new
    return (
        f"{share_text(told.after.served_share)} of demand is served, {told.replicas_started:,} "
        f"replicas start, {told.replicas_stopped:,} stop or are lost, purchases {more:+,.2f} $/h"
    )


def _compared(told: SideBySide) -> dict[str, object]:
    return ComparisonOut.of(told).model_dump(mode="json")
