"""`tonnage plan explain`: why a plan is as it is, as a page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from broker.api.wire.plan_explanation import PlanExplanationOut
from broker.cli.console import opened, plain_text, print_json
from broker.cli.plan_options import AsJson, CurrentFile, SnapshotFile, basis_of_files
from broker.flows.explain_plan import explain_plan
from broker.placement.explaining import explain


def explain_(
    plan_id: Annotated[str | None, typer.Argument(help="Its id; default: the newest.")] = None,
    snapshot: SnapshotFile = None,
    current: CurrentFile = None,
    model: Annotated[str | None, typer.Option(help="Only what concerns this model.")] = None,
    pool: Annotated[str | None, typer.Option(help="Only what concerns this pool.")] = None,
    as_json: AsJson = False,
) -> None:
    """Explain a plan: what short models need, why not the cheaper pool, what survival costs."""
    basis = basis_of_files(snapshot, current, plan_id)
    if basis is not None:
        found = explain(basis.snapshot, basis.plan, model=model, pool=pool)
    else:
        with opened() as database:
            explained = explain_plan(database, plan_id, model=model, pool=pool)
        found, plan_id = explained.explanation, explained.plan.entry.id
    if as_json:
        print_json(PlanExplanationOut.of(found, plan_id=plan_id).model_dump(mode="json"))
        return
    print_page(found.page())


def print_page(parts: Iterable[tuple[str, tuple[str, ...]]]) -> None:
    """Print headings and the sentences under them."""
    is_empty = True
    for heading, lines in parts:
        typer.echo(f"{'' if is_empty else chr(10)}{heading}")
        for line in lines:
            typer.echo(f"  {plain_text(line)}")
        is_empty = False
    if is_empty:
        typer.echo("nothing to explain: nothing is short, and each model runs where it costs least")
