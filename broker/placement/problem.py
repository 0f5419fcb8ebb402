"""Problem: a snapshot as arrays, in an order that follows from names alone.

Work is in thousands of tokens per second, money in dollars per hour. A *site* is where replicas can
stand: one pool, or, in the merged problem that prices come from, several pools of one provider that
no model can tell apart except by price. Offers are what a site's GPUs can be had for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from broker.placement.geography import Geography

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

THOUSAND = 1000.0
"""Tokens per second in one unit of work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sites:
    """Where replicas can stand. `paid` GPUs cost nothing more; the rest is bought from offers."""

    provider: Ints
    node: Ints
    gpu: Ints
    is_spot: Flags
    is_gold: Flags  # firm, at a gold provider
    availability: Floats
    paid: Ints
    gpus: Ints  # paid ones and all whole steps that can be bought

    def __len__(self) -> int:
        return len(self.provider)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """What can be bought: whole steps of GPUs for a site, cheapest first inside a site."""

    site: Ints
    gpus: Ints
    step: Ints
    price: Floats

    def __len__(self) -> int:
        return len(self.site)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Demand: work of one class of a model, needed (headroom included) from under a node."""

    model: Ints
    class_number: Ints  # within the model, counting classes that have demand
    node: Ints
    need: Floats
    raw: Floats

    def __len__(self) -> int:
        return len(self.model)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scopes:
    """Inside which node a model must keep `required` work when any one provider is lost."""

    model: Ints
    node: Ints
    required: Floats

    def __len__(self) -> int:
        return len(self.model)


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """What holds for each model. `served_classes` are those with demand."""

    names: tuple[str, ...]
    priority: Ints
    start_cost: Floats
    spot_limit: Floats
    gold_floor: Floats
    served_classes: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Ways to run a replica: a model in a configuration at a site. Sorted by model.

    `work` is what a replica counts with for survival and shares, `serves` what it delivers of each
    served class if it did nothing else; both expect its site's availability. `zone` is the deepest
    node that the model's demand or survival speaks of and that covers the site, or -1.
    """

    model: Ints
    config: Ints
    site: Ints
    gpus: Ints
    work: Floats
    serves: Floats  # columns x most classes of a model
    zone: Ints
    running: Ints
    staying: Ints
    most: Ints

    def __len__(self) -> int:
        return len(self.model)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """All that a plan is decided from, as arrays."""

    geography: Geography
    providers: int
    models: Models
    configs: tuple[tuple[str, ...], ...]
    sites: Sites
    offers: Offers
    rows: Rows
    scopes: Scopes
    columns: Columns
    first_column: Ints
    first_row: Ints
    first_scope: Ints
    opportunity: float

    def columns_of(self, model: int) -> slice:
        """Return where the columns of a model are."""
        return slice(int(self.first_column[model]), int(self.first_column[model + 1]))

    def rows_of(self, model: int) -> slice:
        """Return where the demand of a model is."""
        return slice(int(self.first_row[model]), int(self.first_row[model + 1]))

    def scopes_of(self, model: int) -> slice:
        """Return where the survival scopes of a model are."""
        return slice(int(self.first_scope[model]), int(self.first_scope[model + 1]))

    def running_cost(self) -> Floats:
        """Return what each column's replica costs besides GPUs that must be bought for it."""
        columns = self.columns
        return self.opportunity * columns.gpus + self.models.start_cost[columns.model]

    def is_mixed(self, model: int) -> bool:
        """Say whether several classes share the model's replicas."""
        return len(self.models.served_classes[model]) > 1

    def gpus_used(self, replicas: Ints) -> Ints:
        """Return how many GPUs the replicas take at each site."""
        taken = np.bincount(
            self.columns.site, replicas * self.columns.gpus, minlength=len(self.sites)
        )
        return np.rint(taken).astype(np.int64)
