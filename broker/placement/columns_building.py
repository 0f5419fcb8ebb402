"""The ways to run a replica: every model in every configuration at every site of its GPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from broker.placement.problem import THOUSAND, Columns, Models, Rows, Scopes, Sites
from broker.placement.snapshot import Config, Model, Pool
from broker.placement.stays import Stays

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from broker.placement.geography import Geography

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_NOISE = 1e-9
"""Relative slack, so that a share of exactly four replicas allows four."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Useful:
    """How much work a model can use at most at a place of a zone, by node number."""

    zone: Ints
    need: Floats  # nodes x classes
    survival: Floats
    gold: float
    spot: float


def columns_of(
    models: Sequence[Model],
    pools: Sequence[Pool],
    *,
    sites: Sites,
    facts: Models,
    rows: Rows,
    scopes: Scopes,
    geography: Geography,
    stays: Stays,
) -> Columns:
    """Return all columns that could be of use, sorted by model, configuration and site."""
    names = sorted({pool.gpu_model for pool in pools})
    of_gpu = {name: np.flatnonzero(sites.gpu == index) for index, name in enumerate(names)}
    is_closed = np.array([pool.pool in stays.closed_pools for pool in pools], dtype=np.bool_)
    width = max((len(classes) for classes in facts.served_classes), default=1) or 1
    number = {pool.pool: index for index, pool in enumerate(pools)}
    noted = _noted(stays, number)
    parts: list[tuple[NDArray[np.float64] | NDArray[np.int64], ...]] = []
    for model_number, model in enumerate(models):
        useful = _useful(model_number, facts, rows=rows, scopes=scopes, geography=geography)
        for config_number, config in enumerate(sorted(model.configs, key=lambda c: c.config)):
            at = of_gpu.get(config.gpu_model)
            if at is None or not len(at):
                continue
            running, staying = np.zeros((2, len(sites)), dtype=np.int64)
            for site, run, stay in noted.get((model.model, config.config), ()):
                running[site], staying[site] = run, stay
            serves = _serves(
                config, facts.served_classes[model_number], sites.availability[at], width
            )
            work = config.highest_tokens_per_second / THOUSAND * sites.availability[at]
            most = _most(config, at, sites=sites, useful=useful, work=work, serves=serves)
            most = np.maximum(np.where(is_closed[at], 0, most), staying[at])
            keep = most > 0
            at, serves, work, most = at[keep], serves[keep], work[keep], most[keep]
            same = np.ones(len(at), dtype=np.int64)
            parts.append(
                (
                    same * model_number,
                    same * config_number,
                    at,
                    same * config.gpus,
                    work,
                    serves,
                    useful.zone[sites.node[at]],
                    running[at],
                    staying[at],
                    most,
                )
            )
    return _joined(parts, width)


def _noted(
    stays: Stays, number: dict[str, int]
) -> dict[tuple[str, str], list[tuple[int, int, int]]]:
    found: dict[tuple[str, str], list[tuple[int, int, int]]] = {}
    for place in sorted(stays.running):
        model, config, pool = place
        if pool in number:
            entry = (number[pool], stays.running[place], stays.staying.get(place, 0))
            found.setdefault((model, config), []).append(entry)
    return found


def _useful(
    model: int, facts: Models, *, rows: Rows, scopes: Scopes, geography: Geography
) -> _Useful:
    mine, watched = np.flatnonzero(rows.model == model), np.flatnonzero(scopes.model == model)
    everywhere = np.arange(len(geography.names))
    nodes = np.concatenate([rows.node[mine], scopes.node[watched]])
    need = np.zeros((len(everywhere), max(1, len(facts.served_classes[model]))))
    survival = np.zeros(len(everywhere))
    for row in mine:
        need[geography.covers[rows.node[row]], rows.class_number[row]] += rows.need[row]
    for scope in watched:
        inside = geography.covers[scopes.node[scope]]
        survival[inside] = np.maximum(survival[inside], scopes.required[scope])
    return _Useful(
        zone=geography.deepest_of(nodes, at=everywhere),
        need=need,
        survival=survival,
        gold=float(facts.gold_floor[model]),
        spot=float(facts.spot_limit[model]),
    )


def _serves(config: Config, classes: Sequence[str], availability: Floats, width: int) -> Floats:
    speeds = np.zeros(width)
    for index, name in enumerate(classes):
        speeds[index] = config.tokens_per_second.get(name, 0.0) / THOUSAND
    return availability[:, None] * speeds[None, :]


def _most(
    config: Config, at: Ints, *, sites: Sites, useful: _Useful, work: Floats, serves: Floats
) -> Ints:
    """Return how many replicas could be of use: one site never has to carry more than all need."""
    node = sites.node[at]
    need = useful.need[node]
    speeds = serves[:, : need.shape[1]]
    time = np.divide(need, speeds, out=np.zeros_like(need), where=speeds > 0).sum(axis=1)
    other = np.maximum(useful.survival[node], np.where(sites.is_gold[at], useful.gold, 0.0))
    time = np.maximum(time, np.divide(other, work, out=np.zeros_like(other), where=work > 0))
    most = np.minimum(np.ceil(time - _NOISE * (1 + time)), sites.gpus[at] // config.gpus)
    allowed = np.divide(useful.spot * (1 + _NOISE), work, out=np.zeros_like(work), where=work > 0)
    most = np.where(sites.is_spot[at], np.minimum(most, np.floor(allowed)), most)
    found: Ints = most.astype(np.int64)
    return found


def _joined(
    parts: list[tuple[NDArray[np.float64] | NDArray[np.int64], ...]], width: int
) -> Columns:
    if not parts:
        none = np.zeros(0, dtype=np.int64)
        parts = [
            (none, none, none, none, np.zeros(0), np.zeros((0, width)), none, none, none, none)
        ]
    model, config, site, gpus, work, serves, zone, running, staying, most = (
        np.concatenate(piece) for piece in zip(*parts, strict=True)
    )
    return Columns(
        model=model,
        config=config,
        site=site,
        gpus=gpus,
        work=work,
        serves=serves,
        zone=zone,
        running=running,
        staying=staying,
        most=most,
    )
