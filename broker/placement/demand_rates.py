"""Rates of demand from metered use: tokens per second of a model's class, by the node it came from.

Which tokens count is said by the model, because throughput is quoted either way: output tokens
alone, or input and output together. The two are never mixed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from broker.placement.quantile import (
    SIZING_QUANTILE,
    RateSizing,
    RateWindow,
    size_rates,
    without_near_empty,
)


class Counted(StrEnum):
    """Which tokens a rate counts."""

    OUTPUT = "output"
    TOTAL = "total"  # input and output


class DemandKey(NamedTuple):
    """Which demand: of a model's class, from under a node."""

    model: str
    class_name: str
    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MeteredUse:
    """Tokens of one class of a model that came from a node in one window of time."""

    model: str
    class_name: str
    node: str
    started_at: datetime
    seconds: int
    input_tokens: int
    output_tokens: int

    @property
    def key(self) -> DemandKey:
        """Return which demand was metered."""
        return DemandKey(self.model, self.class_name, self.node)

    @property
    def ended_at(self) -> datetime:
        """Return the instant at which the window ends; it is not part of it."""
        return self.started_at + timedelta(seconds=self.seconds)

    def window(self, counted: Counted) -> RateWindow:
        """Return the rate of the window."""
        tokens = self.output_tokens
        if counted is Counted.TOTAL:
            tokens += self.input_tokens
        return RateWindow(tokens_per_second=tokens / self.seconds, seconds=self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedDemand:
    """One demand at a quantile, and how many of its windows were left out as not metered."""

    key: DemandKey
    counted: Counted
    sizing: RateSizing
    left_out: int
    first_at: datetime
    last_at: datetime


def size_demand(
    uses: Iterable[MeteredUse],
    *,
    counted: Mapping[str, Counted],
    quantile: float = SIZING_QUANTILE,
) -> tuple[SizedDemand, ...]:
    """Return each demand at a quantile, by model, class and node.

    `counted` says by model which tokens count; of a model it does not name, output tokens do.
    """
    by_key: dict[DemandKey, list[MeteredUse]] = defaultdict(list)
    for use in uses:
        by_key[use.key].append(use)
    sized = (
        _sized(key, found, counted=counted.get(key.model, Counted.OUTPUT), quantile=quantile)
        for key, found in sorted(by_key.items())
    )
    return tuple(one for one in sized if one is not None)


def overlaps(uses: Iterable[MeteredUse]) -> list[tuple[MeteredUse, MeteredUse]]:
    """Return each window that begins before one of the same demand has ended, behind that one."""
    reaches: dict[DemandKey, MeteredUse] = {}
    found = []
    for use in sorted(uses, key=lambda use: (use.key, use.started_at)):
        reach = reaches.get(use.key)
        if reach is not None and use.started_at < reach.ended_at:
            found.append((reach, use))
        if reach is None or reach.ended_at < use.ended_at:
            reaches[use.key] = use
    return found


def _sized(
    key: DemandKey, uses: list[MeteredUse], *, counted: Counted, quantile: float
) -> SizedDemand | None:
    windows = [use.window(counted) for use in uses]
    metered = without_near_empty(windows)
    sizing = size_rates(metered, quantile=quantile)
    if sizing is None:
        return None
    return SizedDemand(
        key=key,
        counted=counted,
        sizing=sizing,
        left_out=len(windows) - len(metered),
        first_at=min(use.started_at for use in uses),
        last_at=max(use.ended_at for use in uses),
    )
