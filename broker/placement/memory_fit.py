"""Memory fit: whether a replica's GPUs can hold the model, its cache and what serving needs besides.

Per GPU, in decimal GB:

    weights / n  +  cache / min(n, shards)  +  overhead  <=  usable share x memory

- weights = parameters x bytes of the precision, or the size of the checkpoint where it is known.
  BF16 takes 2 bytes a parameter, FP8 and INT8 1; the 4-bit formats 0.62 with their scales and the
  parts that stay unquantised (checkpoints measured between 0.55 and 0.62).
- cache = cached tokens x bytes per token. With grouped-query attention a token takes
  2 x layers x KV heads x head dimension x bytes, and splits over as many GPUs as there are KV
  heads; with latent attention (DeepSeek, Kimi) layers x (latent + rope) x bytes, and is copied to
  every GPU: one shard.
- overhead is what vLLM takes besides on each GPU: CUDA context, graphs, activations, NCCL.
- the usable share is a little under vLLM's own default, so the answer errs on the large side.

Only memory is judged: neither whether a GPU has cores for a format, nor whether heads divide by n.
The n GPUs share one copy of the weights (tensor or pipeline parallel).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import Final

from pricing.hardware import Gpu, least_memory_gb

OVERHEAD_GB: Final = Decimal(4)
USABLE_SHARE: Final = Decimal("0.90")
CACHED_TOKENS: Final = 131_072
"""Tokens to have room for at the least: 32 requests of 4,096, or 4 of 32,768."""

_BYTES_PER_GB: Final = Decimal(10**9)
_SHOWN: Final = Decimal("0.1")


class Precision(StrEnum):
    """How the weights are stored."""

    BF16 = "bf16"
    FP8 = "fp8"
    INT8 = "int8"
    FP4 = "fp4"
    MXFP4 = "mxfp4"
    INT4 = "int4"


BYTES_PER_PARAMETER: Final = {
    Precision.BF16: Decimal(2),
    Precision.FP8: Decimal(1),
    Precision.INT8: Decimal(1),
    Precision.FP4: Decimal("0.62"),
    Precision.MXFP4: Decimal("0.62"),
    Precision.INT4: Decimal("0.62"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMemory:
    """What of a model takes memory, whatever it runs on.

    `kv_bytes_per_token` is over all layers; `kv_shards` on how many GPUs a token's cache splits.
    """

    parameters_billion: Decimal
    kv_bytes_per_token: int
    kv_shards: int = 1
    cached_tokens: int = CACHED_TOKENS


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryNeed:
    """What each GPU of a replica has to hold, in decimal GB."""

    weights_gb: Decimal
    cache_gb: Decimal
    overhead_gb: Decimal = OVERHEAD_GB

    @property
    def total_gb(self) -> Decimal:
        """Return all of it."""
        return self.weights_gb + self.cache_gb + self.overhead_gb

    def fits(self, memory_gb: Decimal | int) -> bool:
        """Say whether a GPU of this memory holds it."""
        return self.total_gb <= USABLE_SHARE * memory_gb


def memory_need(
    memory: ModelMemory, *, precision: Precision, gpus: int, weights_gb: Decimal | None = None
) -> MemoryNeed:
    """Return what each of a replica's GPUs has to hold; `weights_gb` is the checkpoint's size."""
    if weights_gb is None:
        weights_gb = memory.parameters_billion * BYTES_PER_PARAMETER[precision]
    cache_gb = memory.cached_tokens * memory.kv_bytes_per_token / _BYTES_PER_GB
    return MemoryNeed(weights_gb=weights_gb / gpus, cache_gb=cache_gb / min(gpus, memory.kv_shards))


def gpu_memory_gb(gpu: Gpu) -> int | None:
    """Return the memory to count on: of a name that leaves it open, that of the smallest card."""
    return gpu.memory_gb if gpu.memory_gb is not None else least_memory_gb(gpu.model)


def why_it_does_not_fit(need: MemoryNeed, *, gpus: int, memory_gb: Decimal | int) -> str | None:
    """Return the sentence that refuses a configuration, with its figures; None if it fits."""
    if need.fits(memory_gb):
        return None
    usable = USABLE_SHARE * memory_gb
    return (
        f"does not fit: each of {gpus} GPUs would hold {_shown(need.weights_gb)} GB of weights, "
        f"{_shown(need.cache_gb)} GB of cache and {_shown(need.overhead_gb)} GB besides, together "
        f"{_shown(need.total_gb)} GB, and may use {_shown(usable)} GB of its {memory_gb} GB; take "
        "more GPUs, a smaller precision or a larger GPU"
    )


def _shown(gigabytes: Decimal) -> Decimal:
    return gigabytes.quantize(_SHOWN, rounding=ROUND_HALF_EVEN)
