"""Memory fit: which replicas hold a model, by the published table of smallest sizes."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.placement.memory_fit import (
    ModelMemory,
    Precision,
    gpu_memory_gb,
    memory_need,
    why_it_does_not_fit,
)
from pricing.hardware import canonical_gpu

LLAMA_70B = ModelMemory(parameters_billion=Decimal("70.6"), kv_bytes_per_token=327_680, kv_shards=8)
DEEPSEEK = ModelMemory(parameters_billion=Decimal(671), kv_bytes_per_token=70_272, kv_shards=1)
QWEN_235B = ModelMemory(parameters_billion=Decimal(235), kv_bytes_per_token=192_512, kv_shards=4)

memories = st.builds(
    ModelMemory,
    parameters_billion=st.decimals(min_value="0.1", max_value=2000, places=1),
    kv_bytes_per_token=st.integers(min_value=0, max_value=10**6),
    kv_shards=st.integers(min_value=1, max_value=16),
    cached_tokens=st.integers(min_value=1, max_value=10**6),
)
precisions = st.sampled_from(Precision)
counts = st.integers(min_value=1, max_value=64)


def smallest(memory: ModelMemory, weights: str, gpu: str) -> int | None:
    """The least GPUs, doubling up to 16, that hold weights of so many GB."""
    holds = gpu_memory_gb(canonical_gpu(gpu))
    assert holds is not None
    for gpus in (1, 2, 4, 8, 16):
        need = memory_need(memory, precision=Precision.BF16, gpus=gpus, weights_gb=Decimal(weights))
        if need.fits(holds):
            return gpus
    return None


@pytest.mark.parametrize(
    ("memory", "weights", "gpu", "gpus"),
    [
        (LLAMA_70B, "141", "L4", 16),
        (LLAMA_70B, "141", "L40S", 8),
        (LLAMA_70B, "141", "H100", 4),
        (LLAMA_70B, "141", "H200", 2),
        (LLAMA_70B, "141", "B200", 2),
        (LLAMA_70B, "73", "H100", 2),
        (LLAMA_70B, "73", "H200", 1),
        (LLAMA_70B, "43", "B200", 1),
        (QWEN_235B, "470", "B200", 4),
        (QWEN_235B, "240", "H100", 4),
        (QWEN_235B, "135", "B200", 2),
        (DEEPSEEK, "690", "H100", 16),
        (DEEPSEEK, "690", "H200", 8),
        (DEEPSEEK, "415", "B200", 4),
        (DEEPSEEK, "690", "L40S", None),
    ],
)
def test_the_smallest_replica_is_that_of_the_published_table(
    memory: ModelMemory, weights: str, gpu: str, gpus: int | None
) -> None:
    assert smallest(memory, weights, gpu) == gpus


@given(memory=memories, precision=precisions, gpus=counts)
def test_more_gpus_never_make_a_model_fit_worse(
    memory: ModelMemory, precision: Precision, gpus: int
) -> None:
    fewer = memory_need(memory, precision=precision, gpus=gpus)
    more = memory_need(memory, precision=precision, gpus=gpus + 1)

    assert more.total_gb <= fewer.total_gb


@given(memory=memories, gpus=counts)
def test_a_smaller_precision_never_takes_more(memory: ModelMemory, gpus: int) -> None:
    needs = [
        memory_need(memory, precision=each, gpus=gpus).total_gb
        for each in (Precision.BF16, Precision.FP8, Precision.FP4)
    ]

    assert needs == sorted(needs, reverse=True)


@given(memory=memories, precision=precisions, gpus=counts, small=counts, more=counts)
def test_what_fits_a_gpu_fits_a_larger_one(
    memory: ModelMemory, precision: Precision, gpus: int, small: int, more: int
) -> None:
    need = memory_need(memory, precision=precision, gpus=gpus)

    assert need.fits(small) <= need.fits(small + more)


def test_a_refusal_names_every_figure() -> None:
    need = memory_need(LLAMA_70B, precision=Precision.BF16, gpus=2)

    why = why_it_does_not_fit(need, gpus=2, memory_gb=80)

    assert why is not None
    for figure in ("2 GPUs", "70.6 GB of weights", "21.5 GB of cache", "4.0 GB", "96.1 GB"):
        assert figure in why
    assert "72.0 GB of its 80 GB" in why


def test_what_fits_is_not_refused() -> None:
    need = memory_need(LLAMA_70B, precision=Precision.FP8, gpus=2)

    assert why_it_does_not_fit(need, gpus=2, memory_gb=80) is None


def test_of_a_name_that_leaves_the_card_open_the_smallest_counts() -> None:
    assert gpu_memory_gb(canonical_gpu("A100")) == 40
    assert gpu_memory_gb(canonical_gpu("A100-80GB")) == 80
    assert gpu_memory_gb(canonical_gpu("H100")) == 80
