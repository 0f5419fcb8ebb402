"""Model profiles out of a JSON document, and back: every fault at once, with its path.

    {"models": [{"model": "chat-70b", "priority": 800, "headroom": 0.1, "survival": 0.5,
                 "survival_scope": "parent", "max_spot_share": 0.2, "min_gold_share": 0,
                 "start_cost": "0.50", "classes": ["chat"], "counted": "output",
                 "memory": {"parameters_billion": 70.6, "kv_bytes_per_token": 327680,
                            "kv_shards": 8, "cached_tokens": 131072},
                 "configs": [{"config": "H100-tp4-fp8", "gpu_model": "H100", "gpus": 4,
                              "precision": "fp8", "memory_gb": null, "weights_gb": null,
                              "throughput": [{"class": "chat", "tokens_per_second": 8836,
                                              "basis": "published", "source": "…",
                                              "as_of": "2025-09-01", "conditions": "…"}]}]}]}

A configuration that cannot hold the model is refused here, with the figures, so none is ever
planned with.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any, Final

from broker.contracts.sheets.issue import CellRefusedError, Code
from broker.errors import Fault
from broker.placement import document as cell
from broker.placement.demand_rates import Counted
from broker.placement.document import Place
from broker.placement.memory_fit import (
    CACHED_TOKENS,
    ModelMemory,
    Precision,
    gpu_memory_gb,
    memory_need,
    why_it_does_not_fit,
)
from broker.placement.snapshot import SurvivalScope
from broker.placement.throughput_profile import Basis, ConfigProfile, ModelProfile, Throughput
from pricing.hardware import Gpu, UnknownGpuError, canonical_gpu
from pricing.money import plain

HIGHEST_PRIORITY: Final = 1000
MOST_GPUS: Final = 1024
DEFAULT_CLASS: Final = "default"
DEFAULT_PRIORITY: Final = 500

MODEL_FIELDS: Final = frozenset(
    {
        "model", "priority", "headroom", "survival", "survival_scope", "max_spot_share",
        "min_gold_share", "start_cost", "classes", "counted", "memory", "configs",
    }
)  # fmt: skip
MEMORY_FIELDS: Final = frozenset(
    {"parameters_billion", "kv_bytes_per_token", "kv_shards", "cached_tokens"}
)
CONFIG_FIELDS: Final = frozenset(
    {"config", "gpu_model", "gpus", "precision", "memory_gb", "weights_gb", "throughput"}
)
THROUGHPUT_FIELDS: Final = frozenset(
    {"class", "tokens_per_second", "basis", "source", "as_of", "conditions"}
)

_NO_MEMORY: Final = ModelMemory(parameters_billion=Decimal(1), kv_bytes_per_token=0)
"""Stands in a profile that is refused: so all its other fields are read, and told, too."""


def read_models(content: object) -> tuple[tuple[ModelProfile, ...], tuple[Fault, ...]]:
    """Return the profiles of a document, and everything wrong with it. Never raises on content."""
    root = Place(value=content)
    if not root.is_object(frozenset({"models"})):
        return (), tuple(root.faults)
    found = [read_model(place) for place in root.at("models").items(what="model")]
    profiles = [profile for profile in found if profile is not None]
    _refuse_twice(root.at("models"), [profile.model for profile in profiles], "model")
    return tuple(profiles), tuple(root.faults)


def read_model(place: Place) -> ModelProfile | None:
    """Return the profile at a place; None with the reasons among the place's faults."""
    before = len(place.faults)
    if not place.is_object(MODEL_FIELDS):
        return None
    memory = _memory(place.at("memory"))
    classes = _classes(place.at("classes"))
    configs = [
        _config(each, memory=memory, classes=classes)
        for each in place.at("configs").items(what="configuration")
    ]
    model = place.at("model").read(cell.name)
    whole = tuple(config for config in configs if config is not None)
    _refuse_twice(place.at("configs"), [config.config for config in whole], "config")
    priority = partial(cell.whole, least=0, most=HIGHEST_PRIORITY)
    scope = cell.one_of(SurvivalScope)
    profile = ModelProfile(
        model=model or "",
        memory=memory or _NO_MEMORY,
        configs=whole,
        classes=classes,
        priority=place.at("priority").or_else(priority, DEFAULT_PRIORITY),
        headroom=place.at("headroom").or_else(cell.number, Decimal(0)),
        survival=place.at("survival").or_else(cell.share, Decimal(0)),
        survival_scope=place.at("survival_scope").or_else(scope, SurvivalScope.PARENT),
        max_spot_share=place.at("max_spot_share").or_else(cell.share, Decimal(0)),
        min_gold_share=place.at("min_gold_share").or_else(cell.share, Decimal(0)),
        start_cost=place.at("start_cost").or_else(cell.number, Decimal(0)),
        counted=place.at("counted").or_else(cell.one_of(Counted), Counted.OUTPUT),
    )
    return profile if len(place.faults) == before else None


def model_document(profile: ModelProfile) -> dict[str, Any]:
    """Return the profile as the document it would be read from; numbers as exact text."""
    memory = profile.memory
    return {
        "model": profile.model,
        "priority": profile.priority,
        "headroom": plain(profile.headroom),
        "survival": plain(profile.survival),
        "survival_scope": profile.survival_scope.value,
        "max_spot_share": plain(profile.max_spot_share),
        "min_gold_share": plain(profile.min_gold_share),
        "start_cost": plain(profile.start_cost),
        "classes": list(profile.classes),
        "counted": profile.counted.value,
        "memory": {
            "parameters_billion": plain(memory.parameters_billion),
            "kv_bytes_per_token": memory.kv_bytes_per_token,
            "kv_shards": memory.kv_shards,
            "cached_tokens": memory.cached_tokens,
        },
        "configs": [_config_document(config) for config in profile.configs],
    }


def _config_document(config: ConfigProfile) -> dict[str, Any]:
    return {
        "config": config.config,
        "gpu_model": config.gpu_model,
        "gpus": config.gpus,
        "precision": config.precision.value,
        "memory_gb": None if config.memory_gb is None else plain(config.memory_gb),
        "weights_gb": None if config.weights_gb is None else plain(config.weights_gb),
        "throughput": [
            {
                "class": each.class_name,
                "tokens_per_second": plain(each.tokens_per_second),
                "basis": each.basis.value,
                "source": each.source,
                "as_of": each.as_of.isoformat(),
                "conditions": each.conditions,
            }
            for each in config.throughput
        ],
    }


def _memory(place: Place) -> ModelMemory | None:
    if not place.is_object(MEMORY_FIELDS):
        return None
    parameters = place.at("parameters_billion").read(cell.above_zero)
    per_token = place.at("kv_bytes_per_token").read(partial(cell.whole, least=0))
    shards = place.at("kv_shards").or_else(partial(cell.whole, most=MOST_GPUS), 1)
    cached = place.at("cached_tokens").or_else(cell.whole, CACHED_TOKENS)
    if parameters is None or per_token is None:
        return None
    return ModelMemory(
        parameters_billion=parameters,
        kv_bytes_per_token=per_token,
        kv_shards=shards,
        cached_tokens=cached,
    )


def _classes(place: Place) -> tuple[str, ...]:
    if place.value is None:
        return (DEFAULT_CLASS,)
    found = [each.read(cell.name) for each in place.items(what="class")]
    classes = [name for name in found if name is not None]
    _refuse_twice(place, classes, "class")
    return tuple(classes)


def _config(
    place: Place, *, memory: ModelMemory | None, classes: tuple[str, ...]
) -> ConfigProfile | None:
    if not place.is_object(CONFIG_FIELDS):
        return None
    before = len(place.faults)
    config = place.at("config").read(cell.name)
    gpu = place.at("gpu_model").read(_gpu)
    gpus = place.at("gpus").read(partial(cell.whole, most=MOST_GPUS))
    precision = place.at("precision").read(cell.one_of(Precision))
    memory_gb = place.at("memory_gb").read(cell.above_zero, optional=True)
    weights_gb = place.at("weights_gb").read(cell.above_zero, optional=True)
    throughput = _throughputs(place.at("throughput"), classes)
    if config is None or gpu is None or gpus is None or precision is None:
        return None
    if len(place.faults) > before:
        return None
    read = ConfigProfile(
        config=config,
        gpu_model=_pool_name(gpu),
        gpus=gpus,
        precision=precision,
        throughput=throughput,
        memory_gb=memory_gb if memory_gb is not None else _memory_beyond_its_name(gpu),
        weights_gb=weights_gb,
    )
    if memory is not None:
        _refuse_too_large(place, read, gpu=gpu, memory=memory)
    return read


def _refuse_too_large(
    place: Place, config: ConfigProfile, *, gpu: Gpu, memory: ModelMemory
) -> None:
    holds = config.memory_gb if config.memory_gb is not None else gpu_memory_gb(gpu)
    if holds is None:
        place.at("memory_gb").refuse(
            Code.MISSING_REQUIRED, f"nobody knows the memory of {gpu.model} here; state it"
        )
        return
    need = memory_need(
        memory, precision=config.precision, gpus=config.gpus, weights_gb=config.weights_gb
    )
    why = why_it_does_not_fit(need, gpus=config.gpus, memory_gb=holds)
    if why is not None:
        place.at("gpus").refuse(Code.REFUSED_BY_BOOKS, why)


def _throughputs(place: Place, classes: tuple[str, ...]) -> tuple[Throughput, ...]:
    found = [_throughput(each, classes) for each in place.items(what="throughput")]
    whole = tuple(each for each in found if each is not None)
    _refuse_twice(place, [each.class_name for each in whole], "class")
    return whole


def _throughput(place: Place, classes: tuple[str, ...]) -> Throughput | None:
    if not place.is_object(THROUGHPUT_FIELDS):
        return None
    class_name = place.at("class").or_else(cell.name, DEFAULT_CLASS)
    if class_name not in classes:
        place.at("class").refuse(
            Code.UNKNOWN_VALUE,
            f"{class_name!a} is not a class of this model; add it to its classes",
        )
    rate = place.at("tokens_per_second").read(cell.number)
    basis = place.at("basis").read(cell.one_of(Basis))
    source = place.at("source").read(cell.words)
    as_of = place.at("as_of").read(cell.day)
    conditions = place.at("conditions").read(cell.words)
    if rate is None or basis is None or source is None or as_of is None or conditions is None:
        return None
    return Throughput(
        class_name=class_name,
        tokens_per_second=rate,
        basis=basis,
        source=source,
        as_of=as_of,
        conditions=conditions,
    )


def _gpu(text: str) -> Gpu:
    try:
        return canonical_gpu(text)
    except UnknownGpuError as unknown:
        raise CellRefusedError(Code.UNKNOWN_GPU, str(unknown)) from unknown


def _pool_name(gpu: Gpu) -> str:
    """Return the name that pools bear: the model, or the part where it is sold in several forms."""
    is_sold_in_forms = canonical_gpu(gpu.model).part is None
    return gpu.part if gpu.part is not None and is_sold_in_forms else gpu.model


def _memory_beyond_its_name(gpu: Gpu) -> Decimal | None:
    """Return the memory that the spelling told and the name that is kept would not: A100 80GB."""
    by_name = gpu_memory_gb(canonical_gpu(_pool_name(gpu)))
    if gpu.memory_gb is None or gpu.memory_gb == by_name:
        return None
    return Decimal(gpu.memory_gb)


def _refuse_twice(place: Place, names: list[str], what: str) -> None:
    for number, name in enumerate(names):
        if name in names[:number]:
            place.refuse(Code.DUPLICATE_IN_FILE, f"the {what} {name!a} stands here twice; keep one")
