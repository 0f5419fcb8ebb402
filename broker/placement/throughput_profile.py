"""Throughput profiles: what a replica of a configuration serves, who says so, and on what terms.

A figure without its source, its day and its conditions is refused: the same chip differs tenfold
between two loads, and output tokens are not total tokens. A throughput of zero says that the class
is not servable on that configuration; it is left out of what plans are made from, so that nobody
divides by it.

`published` holds the figures of suppliers and benchmarks, per GPU, with their sources; figures of
one's own, from a replica that was saturated, are better.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Final

from broker.placement.demand_rates import Counted
from broker.placement.memory_fit import ModelMemory, Precision
from broker.placement.snapshot import Config, Model, SurvivalScope

PUBLISHED: Final = "published_throughput.csv"
REFERENCE_GPU: Final = "B200"

_ROUNDING: Final = 1e-9
"""Of needed over delivered: three times 1.1 is a little more than 3.3 to a machine."""


class Basis(StrEnum):
    """How a throughput came to be known."""

    MEASURED = "measured"  # on replicas of our own
    PUBLISHED = "published"
    ESTIMATED = "estimated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """What one replica serves of one class, alone, at the wished latency."""

    class_name: str
    tokens_per_second: Decimal
    basis: Basis
    source: str
    as_of: date
    conditions: str

    @property
    def is_servable(self) -> bool:
        """Say whether the configuration serves the class at all."""
        return self.tokens_per_second > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigProfile:
    """One way to run a model; `memory_gb` and `weights_gb` where they are known better."""

    config: str
    gpu_model: str
    gpus: int
    precision: Precision
    throughput: tuple[Throughput, ...]
    memory_gb: Decimal | None = None
    weights_gb: Decimal | None = None

    def for_planning(self) -> Config:
        """Return what a plan is made from: the classes that can be served."""
        return Config(
            config=self.config,
            gpu_model=self.gpu_model,
            gpus=self.gpus,
            tokens_per_second={
                each.class_name: float(each.tokens_per_second)
                for each in self.throughput
                if each.is_servable
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProfile:
    """A served model: what must hold for it, its memory, its configurations."""

    model: str
    memory: ModelMemory
    configs: tuple[ConfigProfile, ...]
    counted: Counted = Counted.OUTPUT
    priority: int = 500
    headroom: Decimal = Decimal(0)
    survival: Decimal = Decimal(0)
    survival_scope: SurvivalScope = SurvivalScope.PARENT
    max_spot_share: Decimal = Decimal(0)
    min_gold_share: Decimal = Decimal(0)
    start_cost: Decimal = Decimal(0)
    classes: tuple[str, ...] = ("default",)

    def for_planning(self) -> Model:
        """Return what a plan is made from; a configuration that serves no class is left out."""
        configs = (each.for_planning() for each in self.configs)
        return Model(
            model=self.model,
            priority=self.priority,
            headroom=float(self.headroom),
            survival=float(self.survival),
            survival_scope=self.survival_scope,
            max_spot_share=float(self.max_spot_share),
            min_gold_share=float(self.min_gold_share),
            start_cost=self.start_cost,
            classes=self.classes,
            configs=tuple(config for config in configs if config.tokens_per_second),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedThroughput:
    """A figure somebody published, in tokens per second and GPU; empty cells are not stated."""

    model: str
    gpu_model: str
    gpus: int | None
    precision: Precision | None
    input_tokens: int | None
    output_tokens: int | None
    tokens_per_second_per_gpu: Decimal
    counted: Counted
    conditions: str
    source: str
    as_of: str  # as exactly as it was told: a year, a month or a day


def replicas_needed(needed: float, *, delivered: float) -> int:
    """Return the whole replicas for a rate, given what one delivers; ValueError if it is nothing.

    `delivered` is the throughput of a replica times the availability of where it runs.
    """
    if delivered <= 0:
        raise ValueError("a replica that delivers nothing serves no demand, however many there are")
    return max(0, math.ceil(needed / delivered * (1 - _ROUNDING)))


def tokens_per_gpu_second(model: Model, *, gpu_model: str, class_name: str) -> float | None:
    """Return the best throughput per GPU of a model's class on a GPU; None if it is not served."""
    return max(
        (
            config.tokens_per_second[class_name] / config.gpus
            for config in model.configs
            if config.gpu_model == gpu_model and class_name in config.tokens_per_second
        ),
        default=None,
    )


def reference_gpus(rate: float, model: Model, *, class_name: str) -> float | None:
    """Return a rate in B200 equivalents: B200s of this model that serve it; None if none does.

    Equivalents of different models and classes are not the same thing, and do not add up to one.
    """
    per_gpu = tokens_per_gpu_second(model, gpu_model=REFERENCE_GPU, class_name=class_name)
    return None if per_gpu is None else rate / per_gpu


@cache  # the table ships with the code and cannot change while it runs
def published() -> Sequence[PublishedThroughput]:
    """Return the published figures, by model and GPU."""
    text = resources.files("broker.placement").joinpath(PUBLISHED).read_text(encoding="utf-8")
    return tuple(_published(row) for row in csv.DictReader(text.splitlines()))


def _published(row: dict[str, str]) -> PublishedThroughput:
    return PublishedThroughput(
        model=row["model"],
        gpu_model=row["gpu_model"],
        gpus=_count(row["gpus"]),
        precision=Precision(row["precision"]) if row["precision"] else None,
        input_tokens=_count(row["input_tokens"]),
        output_tokens=_count(row["output_tokens"]),
        tokens_per_second_per_gpu=Decimal(row["tokens_per_second_per_gpu"]),
        counted=Counted(row["counted"]),
        conditions=row["conditions"],
        source=row["source"],
        as_of=row["as_of"],
    )


def _count(text: str) -> int | None:
    return int(text) if text else None
