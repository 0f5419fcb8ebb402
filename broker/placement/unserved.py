"""The least that must stay unserved when replicas stand where they do.

Demand of a node may be served anywhere under it, and nodes form a tree. With one class of requests
it is enough to go from the leaves upwards: what a place has left over helps its parent, what it
lacks nobody else can give. With several classes on the same replicas a linear program splits the
time of each replica between them.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from scipy.optimize import LinearConstraint, milp
from scipy.sparse import coo_array

from broker.placement.recount import Replicas, Row, Site
from broker.placement.snapshot import Model

_Group = tuple[str, str]  # config and node: replicas that can do the same


def least_unserved(site: Site, model: Model, replicas: Replicas) -> float:
    """Return the tokens per second of the model that no use of its replicas could serve.

    `replicas` are those of this model.
    """
    needed = site.needed(model)
    time = _replica_time(site, replicas)
    classes = {class_name for _, class_name, _ in needed}
    if len(classes) > 1:
        return _by_linear_program(site, model, needed, time)
    lacking, spare = defaultdict[str, float](float), defaultdict[str, float](float)
    for (_, _, node), tokens in needed.items():
        lacking[node] += tokens
    for class_name in classes:
        for (config, place), share in time.items():
            speed = site.configs[model.model, config].tokens_per_second.get(class_name, 0.0)
            spare[place] += speed * share
    return _by_going_upwards(site, lacking, spare)


def _replica_time(site: Site, replicas: Replicas) -> dict[_Group, float]:
    """Add up replicas, each counted with its availability, by config and node."""
    time = defaultdict[_Group, float](float)
    for (_, config, name), count in replicas.items():
        pool = site.pools[name]
        time[config, pool.node] += count * pool.availability
    return dict(time)


def _by_going_upwards(
    site: Site, lacking: defaultdict[str, float], spare: defaultdict[str, float]
) -> float:
    for node in sorted(site.ways, key=lambda name: -len(site.ways[name])):
        served = min(lacking[node], spare[node])
        lacking[node] -= served
        for parent in site.ways[node][1:2]:
            spare[parent] += spare[node] - served
    return math.fsum(lacking.values())


def _by_linear_program(
    site: Site, model: Model, needed: Mapping[Row, float], time: Mapping[_Group, float]
) -> float:
    """Serve the most: a column is the tokens of a row on a group, bounded by both."""
    rows, groups = tuple(needed.items()), tuple(time.items())
    columns: list[tuple[int, int, float]] = []
    for at, ((_, class_name, node), _) in enumerate(rows):
        for to, ((config, place), _) in enumerate(groups):
            speed = site.configs[model.model, config].tokens_per_second.get(class_name, 0.0)
            if speed > 0 and site.is_under(place, node):
                columns.append((at, to, speed))
    total = math.fsum(needed.values())
    if not columns:
        return total
    count = len(columns)
    limits = np.array([*(tokens for _, tokens in rows), *(share for _, share in groups)])
    matrix = coo_array(
        (
            [1.0] * count + [1 / speed for *_, speed in columns],
            (
                [at for at, *_ in columns] + [len(rows) + to for _, to, _ in columns],
                [*range(count), *range(count)],
            ),
        ),
        shape=(len(limits), count),
    )
    found = milp(-np.ones(count), constraints=LinearConstraint(matrix.tocsc(), -np.inf, limits))
    if found.fun is None:
        raise ArithmeticError(f"what {model.model} can serve was not found: {found.message}")
    return max(0.0, total + float(found.fun))
