"""Merging pools that no model can tell apart, so that prices are found on a smaller problem.

Pools of one provider, place, GPU, kind of reliability and availability become one site, whose
offers are taken cheapest first. Every plan of the pools is a plan of the merged problem that costs
as much or less, so a bound of the merged problem is a bound of the pools.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from broker.placement.problem import Columns, Offers, Problem, Sites

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The smaller problem, and where each site and column of the full one went."""

    problem: Problem
    site_of: Ints
    column_of: Ints


def merged(problem: Problem, *, by_provider: bool = True) -> Merged:
    """Merge sites alike; without `by_provider` also across providers, for a first idea of prices."""
    sites = problem.sites
    keys = [sites.node, sites.gpu, sites.is_spot.astype(np.int64)]
    if by_provider:
        _, grade = np.unique(sites.availability, return_inverse=True)
        keys += [sites.provider, grade]
    _, first, site_of = np.unique(np.stack(keys), axis=1, return_index=True, return_inverse=True)
    site_of = site_of.reshape(-1)
    return _with_sites(problem, first, site_of)


def _with_sites(problem: Problem, first: Ints, site_of: Ints) -> Merged:
    sites, offers, count = problem.sites, problem.offers, len(first)
    weight = np.maximum(sites.gpus, 1).astype(np.float64)
    gpus = np.bincount(site_of, weight, minlength=count)
    availability = np.bincount(site_of, weight * sites.availability, minlength=count) / gpus
    alike = np.bincount(site_of, minlength=count) == 1
    fewer = Sites(
        provider=sites.provider[first],
        node=sites.node[first],
        gpu=sites.gpu[first],
        is_spot=sites.is_spot[first],
        is_gold=sites.is_gold[first],
        availability=np.where(alike, sites.availability[first], availability),
        paid=_summed(sites.paid, site_of, count),
        gpus=_summed(sites.gpus, site_of, count),
    )
    order = np.lexsort((offers.price, site_of[offers.site]))
    columns, column_of = _columns(problem.columns, site_of, count)
    models = len(problem.models)
    smaller = replace(
        problem,
        sites=fewer,
        offers=Offers(
            site=site_of[offers.site][order],
            gpus=offers.gpus[order],
            step=offers.step[order],
            price=offers.price[order],
        ),
        columns=columns,
        first_column=np.searchsorted(columns.model, np.arange(models + 1)),
    )
    return Merged(problem=smaller, site_of=site_of, column_of=column_of)


def _columns(columns: Columns, site_of: Ints, sites: int) -> tuple[Columns, Ints]:
    configs = int(columns.config.max(initial=0)) + 1
    key = (columns.model * configs + columns.config) * sites + site_of[columns.site]
    _, first, column_of = np.unique(key, return_index=True, return_inverse=True)
    count = len(first)
    share = np.bincount(column_of, minlength=count)
    joined = Columns(
        model=columns.model[first],
        config=columns.config[first],
        site=site_of[columns.site[first]],
        gpus=columns.gpus[first],
        work=np.bincount(column_of, columns.work, minlength=count) / share,
        serves=np.stack(
            [np.bincount(column_of, part, minlength=count) / share for part in columns.serves.T],
            axis=1,
        ),
        zone=columns.zone[first],
        running=_summed(columns.running, column_of, count),
        staying=_summed(columns.staying, column_of, count),
        most=_summed(columns.most, column_of, count),
    )
    return joined, column_of


def _summed(values: Ints, group: Ints, count: int) -> Ints:
    return np.rint(np.bincount(group, values, minlength=count)).astype(np.int64)
