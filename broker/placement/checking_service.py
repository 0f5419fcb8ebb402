"""What must hold for the service: who serves what, what nobody can, what is left after a loss."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TypeVar

from broker.placement.plan import Plan
from broker.placement.recount import (
    Place,
    Row,
    Site,
    by_model,
    gold_shortfalls,
    replicas_of,
    survival_shortfalls,
)
from broker.placement.unserved import least_unserved
from broker.placement.violations import SHARE_APART, TOKENS_APART, Violation, Wrong, agree

_Key = TypeVar("_Key", bound=tuple[str, ...])


def check_serving(site: Site, plan: Plan) -> Iterator[Violation]:
    """Check that rows are served from under their node by replicas that have the time for it."""
    replicas = replicas_of(plan.placements)
    worked = defaultdict[Place, float](float)
    for at, line in enumerate(plan.serving):
        pool = site.pools[line.pool]
        if not site.is_under(pool.node, line.node):
            yield Violation(
                code=Wrong.SERVED_FROM_OUTSIDE,
                where=f"serving[{at}]",
                message=f"{line.pool} stands at {pool.node}, which is not under {line.node}",
            )
        config = site.configs[line.model, line.config]
        speed = config.tokens_per_second.get(line.class_name, 0.0) * pool.availability
        place = (line.model, line.config, line.pool)
        worked[place] += line.tokens_per_second / speed if speed > 0 else math.inf
    for place, time in worked.items():
        there = replicas.get(place, 0)
        if time > there * (1 + SHARE_APART) + SHARE_APART:
            yield Violation(
                code=Wrong.REPLICAS_OVERWORKED,
                where=f"serving of {place[0]} by {place[1]} on {place[2]}",
                message=f"takes the time of {time:.4f} replicas; there are {there}",
            )


def check_unserved(site: Site, plan: Plan) -> Iterator[Violation]:
    """Check that served and unserved make up what is needed, and that no less could be unserved."""
    served, unserved = defaultdict[Row, float](float), defaultdict[Row, float](float)
    for line in plan.serving:
        served[line.model, line.class_name, line.node] += line.tokens_per_second
    for short in plan.unserved:
        unserved[short.model, short.class_name, short.node] += short.tokens_per_second
    own = by_model(replicas_of(plan.placements))
    for model in site.snapshot.models:
        needed = site.needed(model)
        for row, tokens in needed.items():
            if not agree(served[row] + unserved[row], tokens):
                yield Violation(
                    code=Wrong.ROW_UNBALANCED,
                    where=f"demand of {row[0]} of class {row[1]} at {row[2]}",
                    message=f"{served[row]:.2f} served and {unserved[row]:.2f} unserved tokens per "
                    f"second do not make {tokens:.2f}",
                )
        told = math.fsum(unserved[row] for row in needed)
        least = least_unserved(site, model, own.get(model.model, {}))
        slack = TOKENS_APART + SHARE_APART * math.fsum(needed.values())
        if abs(told - least) > slack:
            yield Violation(
                code=Wrong.WRONG_UNSERVED,
                where=f"model {model.model}",
                message=f"{told:.2f} tokens per second are said to be unserved; these replicas "
                f"leave {least:.2f}",
            )


def check_survival(site: Site, plan: Plan) -> Iterator[Violation]:
    """Check the shortfalls of survival by removing each provider in turn."""
    told = defaultdict[tuple[str, str, str], float](float)
    for line in plan.survival_shortfall:
        told[line.model, line.scope, line.provider] += line.tokens_per_second
    counted = survival_shortfalls(site, replicas_of(plan.placements))
    for model, scope, provider in _disagreements(told, counted):
        yield Violation(
            code=Wrong.WRONG_SURVIVAL,
            where=f"model {model} in {scope} without {provider}",
            message=f"{told.get((model, scope, provider), 0.0):.2f} tokens per second are said to "
            f"lack; {counted.get((model, scope, provider), 0.0):.2f} do",
        )


def check_gold(site: Site, plan: Plan) -> Iterator[Violation]:
    """Check the shortfalls of the share on firm pools of gold providers."""
    told = defaultdict[tuple[str], float](float)
    for line in plan.gold_shortfall:
        told[(line.model,)] += line.tokens_per_second
    short = gold_shortfalls(site, replicas_of(plan.placements))
    counted = {(model,): tokens for model, tokens in short.items()}
    for (model,) in _disagreements(told, counted):
        yield Violation(
            code=Wrong.WRONG_GOLD,
            where=f"model {model}",
            message=f"{told.get((model,), 0.0):.2f} tokens per second are said to lack; "
            f"{counted.get((model,), 0.0):.2f} do",
        )


def _disagreements(told: Mapping[_Key, float], counted: Mapping[_Key, float]) -> Iterator[_Key]:
    for key in sorted({*told, *counted}):
        if not agree(told.get(key, 0.0), counted.get(key, 0.0)):
            yield key
