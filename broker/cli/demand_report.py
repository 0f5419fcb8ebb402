"""Tells demand in tables: what is asked, how it was sized, which models serve it."""

from __future__ import annotations

from collections.abc import Iterable

import typer

from broker.api.wire.demand import DemandEntry, DemandList, Sizing
from broker.api.wire.models import ConfigModel, ModelEntry
from broker.cli.console import print_table


def tell_demand(told: DemandList) -> None:
    """Print each demand with what counts of it and the configuration of fewest GPUs."""
    print_table(
        ("model", "class", "node", "forecast", "metered", "planned tok/s", "counts", "would take"),
        [
            (
                one.model,
                one.class_name,
                one.node,
                _rate(one.forecast_tokens_per_second),
                _rate(one.metered_tokens_per_second),
                _rate(one.tokens_per_second),
                one.counted,
                _replicas(one),
            )
            for one in told.items
        ],
        numeric=("forecast", "metered", "planned tok/s"),
    )
    if not told.items:
        typer.echo("Nothing is asked yet: tonnage demand import FILE", err=True)
    if any(not one.is_servable for one in told.items):
        typer.echo("Some of it no model serves: tonnage demand models import FILE", err=True)


def tell_sizing(told: Sizing) -> None:
    """Print metered use at a quantile beside its mean."""
    share = f"p{told.items[0].quantile * 100:g}" if told.items else "quantile"
    print_table(
        (
            "model",
            "class",
            "node",
            "counts",
            "mean tok/s",
            share,
            "peak",
            "factor",
            "windows",
            "out",
        ),
        [
            (
                one.model,
                one.class_name,
                one.node,
                one.counted,
                _rate(one.mean_tokens_per_second),
                _rate(one.tokens_per_second),
                _rate(one.peak_tokens_per_second),
                None if one.peak_factor is None else f"{one.peak_factor:.2f}",
                one.windows,
                one.left_out,
            )
            for one in told.items
        ],
        numeric=("mean tok/s", share, "peak", "factor", "windows", "out"),
    )
    if not told.items:
        typer.echo("Nothing was metered in that time: tonnage demand import FILE", err=True)


def tell_models(models: Iterable[ModelEntry]) -> None:
    """Print each configuration of each model, with what it serves and who says so."""
    print_table(
        ("model", "priority", "config", "GPUs", "precision", "class", "tok/s", "basis", "source"),
        [
            (
                model.model,
                model.priority,
                config.config,
                _gpus(config),
                config.precision,
                each.class_name,
                _rate(float(each.tokens_per_second)) if each.tokens_per_second else "no",
                each.basis,
                f"{each.source}, {each.as_of}",
            )
            for model in models
            for config in model.configs
            for each in config.throughput
        ],
        numeric=("priority", "tok/s"),
    )


def _rate(rate: float | None) -> str | None:
    return None if rate is None else f"{rate:,.0f}"


def _gpus(config: ConfigModel) -> str:
    return f"{config.gpus} x {config.gpu_model}"


def _replicas(one: DemandEntry) -> str | None:
    if not one.replicas:
        return None
    best = one.replicas[0]
    return f"{best.replicas} x {best.config} ({best.gpus} {best.gpu_model})"
