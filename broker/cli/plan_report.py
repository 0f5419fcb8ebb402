"""Tells people what a placement plan says; programs get the same as JSON."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from broker.cli import console
from broker.cli.console import plain_text
from broker.placement.explaining import highlights
from broker.placement.plan import Move, Plan, PlanStatus
from broker.placement.snapshot import Snapshot
from broker.store.plans import PlanEntry
from pricing.money import priced

_STATUS_WORDS = {
    PlanStatus.OPTIMAL: "optimal: no cheaper plan exists",
    PlanStatus.FEASIBLE: "feasible: all that was asked for is met",
    PlanStatus.SHORT: "short: not all that was asked for can be met; see below",
}


@contextmanager
def planning_shown() -> Iterator[Callable[[Plan], None]]:
    """Show on standard error, where a person is watching, how good the best plan is so far."""
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task("reading, building, looking for a first plan", total=None)
        yield lambda plan: bar.update(task, description=_so_far(plan))


def print_plan(plan: Plan) -> None:
    """Print a plan: what runs where, what to buy for it, what is short, what it costs, and why."""
    typer.echo(_STATUS_WORDS[plan.status])
    _print_cost(plan)
    _print_placements(plan)
    _print_purchases(plan)
    print_shortfalls(plan)
    _print_moves(plan)
    _print_reasons(plan)
    seconds = plan.seconds
    typer.echo(
        f"\nplanned in {seconds.total:.1f} s (first plan after {seconds.first_plan:.1f} s), "
        f"hash {plan.digest[:12]}"
    )


def print_highlights(snapshot: Snapshot, plan: Plan, *, more: str) -> None:
    """Print the first lines of the explanation of a plan, and the command that prints the rest."""
    parts = list(highlights(snapshot, plan))
    for heading, lines in parts:
        typer.echo(f"\n{heading}")
        for line in lines:
            typer.echo(f"  {plain_text(line)}")
    typer.echo(f"{chr(10) if parts else ''}why it is so: {plain_text(more)}")


def print_entries(entries: list[PlanEntry]) -> None:
    """Print plans on record, the newest first."""
    if not entries:
        typer.echo("no plan is on record; make one: tonnage plan")
        return
    console.print_table(
        ("plan", "made", "as of", "by", "from", "status", "hash", "after"),
        [
            (
                entry.id,
                f"{entry.created_at:%Y-%m-%d %H:%M}Z",
                f"{entry.as_of:%Y-%m-%d %H:%M}Z",
                entry.actor,
                entry.kind,
                entry.status,
                entry.digest[:12],
                entry.parent_id,
            )
            for entry in entries
        ],
        numeric=("plan", "after"),
    )


def gap_text(gap: float | None) -> str:
    """Return a gap as people read it."""
    return "unknown" if gap is None else f"{gap:.2%}"


def _table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numeric: Collection[str],
    title: str,
) -> None:
    """Print a table under its title, which may be wider than the table."""
    typer.echo(f"\n{title}")
    console.print_table(columns, rows, numeric=numeric)


def _so_far(plan: Plan) -> str:
    return (
        f"{plan.status}: {plan.cost_per_hour.money:,.2f} $/h, gap {gap_text(plan.gap_variable)}; "
        "looking for better"
    )


def _print_cost(plan: Plan) -> None:
    cost = plan.cost_per_hour
    _table(
        ("", "$ per hour"),
        [
            ("purchases", f"{cost.new:,.2f}"),
            ("starts", f"{cost.starts:,.2f}"),
            ("opportunity of used GPUs", f"{cost.opportunity:,.2f}"),
            ("to decide", f"{cost.money:,.2f}"),
            ("no plan is below", f"{plan.bound_per_hour:,.2f}"),
            ("contracts, paid anyway", f"{cost.sunk:,.2f}"),
        ],
        numeric=("$ per hour",),
        title="cost",
    )
    typer.echo(
        f"gap {gap_text(plan.gap_variable)} of what is to decide, "
        f"{gap_text(plan.gap_managed)} with contracts"
    )


def _print_placements(plan: Plan) -> None:
    if not plan.placements:
        typer.echo("\nnothing is placed")
        return
    ordered = sorted(plan.placements, key=lambda each: (each.model, each.config, each.pool))
    _table(
        ("model", "config", "pool", "replicas"),
        [(each.model, each.config, each.pool, each.replicas) for each in ordered],
        numeric=("replicas",),
        title="placements",
    )


def _print_purchases(plan: Plan) -> None:
    if not plan.purchases:
        typer.echo("\nnothing to buy")
        return
    _table(
        ("pool", "GPUs", "$ per GPU-hour", "$ per hour"),
        [
            (
                each.pool,
                each.gpus,
                priced(each.price_per_gpu_hour),
                f"{each.gpus * each.price_per_gpu_hour:,.2f}",
            )
            for each in plan.purchases
        ],
        numeric=("GPUs", "$ per GPU-hour", "$ per hour"),
        title="to buy",
    )


def print_shortfalls(plan: Plan) -> None:
    """Print what a plan does not meet."""
    rate = "tokens/s"
    if plan.unserved:
        _table(
            ("model", "class", "node", rate),
            [
                (each.model, each.class_name, each.node, f"{each.tokens_per_second:,.1f}")
                for each in plan.unserved
            ],
            numeric=(rate,),
            title="not served",
        )
    if plan.survival_shortfall:
        _table(
            ("model", "inside", "if this is lost", rate),
            [
                (each.model, each.scope, each.provider, f"{each.tokens_per_second:,.1f}")
                for each in plan.survival_shortfall
            ],
            numeric=(rate,),
            title="lacking if a provider is lost",
        )
    if plan.gold_shortfall:
        _table(
            ("model", rate),
            [(each.model, f"{each.tokens_per_second:,.1f}") for each in plan.gold_shortfall],
            numeric=(rate,),
            title="lacking on gold providers",
        )


def _print_moves(plan: Plan) -> None:
    if all(each.source is None for each in plan.moves):  # nothing ran: the placements say it all
        return
    _table(
        ("model", "from", "to", "replicas", "saves $ per hour"),
        [_move(each) for each in plan.moves],
        numeric=("replicas", "saves $ per hour"),
        title="moves",
    )


def _move(each: Move) -> tuple[object, ...]:
    return (each.model, each.source, each.target, each.replicas, f"{each.saves_per_hour:,.2f}")


def _print_reasons(plan: Plan) -> None:
    if not plan.reasons:
        return
    typer.echo("\nwhy")
    for reason in plan.reasons:
        typer.echo(f"  {plain_text(reason)}")
