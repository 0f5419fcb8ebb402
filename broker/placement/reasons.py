"""Why a plan lacks something, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from broker.placement.problem import THOUSAND
from broker.placement.problem_building import Stage
from broker.placement.shortfall import Shortfall, standing_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


def shortfall_reasons(stage: Stage, replicas: Ints, *, is_proven: bool) -> tuple[str, ...]:
    """Return a sentence for each model and goal that is not met, the most important first."""
    standing = standing_of(stage.problem, replicas)
    order = sorted(
        (model for model, short in enumerate(standing.by_model) if not short.is_none),
        key=lambda model: (-stage.models[model].priority, model),
    )
    verdict = (
        "no plan does better without failing something more important"
        if is_proven
        else "the plan found no way to do better"
    )
    return tuple(
        f"{sentence}: {verdict}"
        for model in order
        for sentence in _sentences(stage, model, standing.by_model[model])
    )


def _sentences(stage: Stage, model: int, short: Shortfall) -> Iterator[str]:
    problem, name = stage.problem, stage.models[model].model
    nodes = problem.geography.names
    if short.unserved.any():
        worst = int(short.unserved.argmax())
        node = nodes[problem.rows.node[problem.rows_of(model).start + worst]]
        yield (
            f"{name} leaves {short.unserved.sum() * THOUSAND:,.0f} tokens per second unserved, "
            f"most of it in {node}"
        )
    if short.survival.any():
        scope, provider = np.unravel_index(int(short.survival.argmax()), short.survival.shape)
        node = nodes[problem.scopes.node[problem.scopes_of(model).start + int(scope)]]
        yield (
            f"{name} would lack {short.survival.max() * THOUSAND:,.0f} tokens per second in {node} "
            f"if {stage.provider_names[int(provider)]} were lost"
            f"{_why_lost(stage, model, int(scope), int(provider))}"
        )
    if short.gold:
        yield f"{name} lacks {short.gold * THOUSAND:,.0f} tokens per second of its gold share"


def _why_lost(stage: Stage, model: int, scope: int, provider: int) -> str:
    """Say so if all that other providers could ever give this model there is too little."""
    problem = stage.problem
    columns, mine, watched = problem.columns, problem.columns_of(model), problem.scopes_of(model)
    zone, site = columns.zone[mine], columns.site[mine]
    inside = problem.geography.covers[problem.scopes.node[watched.start + scope]][zone]
    inside = inside & (zone >= 0) & (problem.sites.provider[site] != provider)
    per_gpu = np.zeros(len(problem.sites))
    np.maximum.at(per_gpu, site[inside], columns.work[mine][inside] / columns.gpus[mine][inside])
    most = float(per_gpu @ problem.sites.gpus)
    if most < problem.scopes.required[watched.start + scope]:
        return f"; all other providers there together could give {most * THOUSAND:,.0f}"
    return ""
