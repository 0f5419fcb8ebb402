"""`tonnage demand models`: what must hold for each served model, and how it can be run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from broker.api.wire.demand import DemandImport
from broker.api.wire.models import ModelEntry, ModelList
from broker.cli.console import FOUND_WRONG, actor, opened, print_json, print_table
from broker.cli.demand_report import tell_models
from broker.cli.sheet_report import report_import
from broker.clock import utc_now
from broker.flows.manage_models import end_model, import_models, list_models
from broker.placement.throughput_profile import published as published_figures
from pricing.hardware import UnknownGpuError, canonical_gpu
from pricing.money import plain

app = typer.Typer(no_args_is_help=True, help="Import, list and end models that are served.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="Profiles as JSON or CSV.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen, write nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import profiles of models: all of a file, or nothing and every fault at once."""
    with opened() as database:
        report = import_models(
            database,
            file.read_bytes(),
            file=file.name,
            actor=actor(),
            clock=utc_now,
            dry_run=dry_run,
        )
    if not as_json:
        report_import(report, what="models", as_json=False)
    print_json(DemandImport.of(report).model_dump(mode="json"))
    if report.faults:
        raise typer.Exit(FOUND_WRONG)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the models that are served, their configurations, and who says what they deliver."""
    with opened() as database:
        found = [ModelEntry.of(each) for each in list_models(database)]
    if as_json:
        print_json(ModelList(items=found).model_dump(mode="json", by_alias=True))
        return
    tell_models(found)
    if not found:
        typer.echo("No model is served yet: tonnage demand models import FILE", err=True)


@app.command()
def end(model: Annotated[str, typer.Argument(help="The model's name.")]) -> None:
    """Take a model out of what is planned; its revisions stay on record."""
    with opened() as database:
        end_model(database, model, actor=actor(), clock=utc_now)
    typer.echo(f"{model} is not planned for any more")


@app.command()
def published(
    gpu: Annotated[str | None, typer.Option(help="A GPU, however it is spelt.")] = None,
) -> None:
    """List published throughput per GPU with its source, to write profiles from."""
    wanted = None if gpu is None else _model_name(gpu)
    print_table(
        ("model", "GPU", "precision", "in/out", "tok/s per GPU", "counts", "conditions", "source"),
        [
            (
                one.model,
                one.gpu_model,
                one.precision,
                None if one.input_tokens is None else f"{one.input_tokens}/{one.output_tokens}",
                plain(one.tokens_per_second_per_gpu),
                one.counted,
                one.conditions,
                f"{one.source}, {one.as_of}",
            )
            for one in published_figures()
            if wanted in (None, one.gpu_model)
        ],
        numeric=("tok/s per GPU",),
    )


def _model_name(gpu: str) -> str:
    try:
        return canonical_gpu(gpu).model
    except UnknownGpuError as unknown:
        raise typer.BadParameter(str(unknown)) from unknown
