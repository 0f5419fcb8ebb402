"""GPU models of a request under the names that pools bear."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from broker.capacity.request import CapacitySpec
from pricing.hardware import UnknownGpuError, canonical_gpu


def by_pool_names(spec: CapacitySpec, known: Container[str]) -> CapacitySpec:
    """Return the request with its models named as pools name them; `known` are names of pools."""
    if all(name in known for name in spec.gpu_models):
        return spec
    names = tuple(name if name in known else pool_name(name) for name in spec.gpu_models)
    return replace(spec, gpu_models=names)


def pool_name(name: str) -> str:
    """Return a model as the books name it; a card of a certain form stays as it was written.

    Pools are not told apart by form, so H100-PCIE must not find any H100.
    """
    try:
        found = canonical_gpu(name)
    except UnknownGpuError:
        return name
    is_bare = name.strip().casefold() == found.model.casefold()  # of which there is one form only
    return found.model if is_bare or found.part in (None, found.model) else name
