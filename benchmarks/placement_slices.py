"""Mixed request sizes: a continuous split of every size over GPU models, beside Mélange's slices.

Mélange (2024) cuts the load of each request size into equal slices, puts each slice on one GPU
model, and buys whole GPUs at least cost. A split that may be any fraction contains all of those,
so it must never cost more. GPUs, speeds and mixes here are invented.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import lil_array

from broker.placement.snapshot import (
    Config,
    Demand,
    Model,
    Policy,
    Pool,
    PoolKind,
    Provider,
    Snapshot,
    TreeNode,
)

SIZES = tuple(itertools.product((100, 500, 2_000, 8_000), (50, 250, 1_000)))
"""Tokens in and tokens out of each request size."""

MIXES = {"short": (100, 50), "long": (8_000, 1_000), "mixed": (1_000, 250)}
RATES = (2.0, 8.0, 32.0)
SLICES = (1, 2, 4)
_MOST_GPUS = 500


class Gpu(NamedTuple):
    """A GPU: dollars an hour, tokens a second read and written, the longest request it takes."""

    price: str
    reads: float
    writes: float
    longest_tokens: int


GPUS = {
    "L4": Gpu("0.70", 4_000, 420, 3_000),
    "A10G": Gpu("1.01", 7_000, 620, 6_000),
    "A100": Gpu("3.67", 22_000, 1_900, 100_000),
    "H100": Gpu("7.52", 58_000, 3_800, 100_000),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Requests per second of each size, and how many of them one GPU of each model serves."""

    name: str
    rates: Mapping[str, float]
    speeds: Mapping[str, Mapping[str, float]]


def cases() -> Iterator[Case]:
    """Yield a case for each mix, rate and slack of the promised latency."""
    for (mix, (typical_in, typical_out)), rate, slack in itertools.product(
        MIXES.items(), RATES, (1.0, 0.6)
    ):
        weights = {
            f"{tokens_in}-{tokens_out}": 1
            / (1 + abs(np.log(tokens_in / typical_in)) + abs(np.log(tokens_out / typical_out))) ** 2
            for tokens_in, tokens_out in SIZES
        }
        total = sum(weights.values())
        yield Case(
            name=f"{mix}, {rate:g}/s, {'tight' if slack < 1 else 'loose'}",
            rates={size: float(rate * weight / total) for size, weight in weights.items()},
            speeds={gpu: dict(_speeds(it, slack)) for gpu, it in GPUS.items()},
        )


def _speeds(gpu: Gpu, slack: float) -> Iterator[tuple[str, float]]:
    for tokens_in, tokens_out in SIZES:
        if tokens_in + tokens_out <= gpu.longest_tokens * slack:
            seconds = tokens_in / gpu.reads + tokens_out / (gpu.writes * slack)
            yield f"{tokens_in}-{tokens_out}", 1 / seconds


def sliced_dollars(case: Case, slices: int) -> float:
    """Return the least dollars an hour when each slice of a size goes to one GPU model."""
    gpus, pieces = list(GPUS), [size for size in case.rates for _ in range(slices)]
    chosen = len(gpus) * len(pieces)  # a column for each piece on each GPU, then the counts
    matrix = lil_array((len(pieces) + len(gpus), chosen + len(gpus)))
    upper = np.ones(chosen + len(gpus))
    for at, size in enumerate(pieces):
        for to, gpu in enumerate(gpus):
            column = at * len(gpus) + to
            matrix[at, column] = 1
            speed = case.speeds[gpu].get(size, 0.0)
            upper[column] = 1 if speed else 0
            matrix[len(pieces) + to, column] = case.rates[size] / slices / speed if speed else 0
    for to in range(len(gpus)):
        matrix[len(pieces) + to, chosen + to] = -1
        upper[chosen + to] = _MOST_GPUS
    cost = np.array([0.0] * chosen + [float(GPUS[gpu].price) for gpu in gpus])
    rows = (np.array([1.0] * len(pieces) + [-np.inf] * len(gpus)),)
    most = np.array([1.0] * len(pieces) + [0.0] * len(gpus))
    found = milp(
        cost,
        integrality=np.ones(len(cost), dtype=np.int8),
        bounds=Bounds(0, upper),
        constraints=LinearConstraint(matrix.tocsc(), rows[0], most),
        options={"time_limit": 20, "mip_rel_gap": 0.0},
    )
    return float(found.fun) if found.fun is not None else float("inf")


def snapshot_of(case: Case) -> Snapshot:
    """Return the case as a snapshot: one model, a class of requests for each size."""
    return Snapshot(
        as_of=datetime(2026, 11, 21, tzinfo=UTC),
        tree=(TreeNode(node="world"),),
        providers=(Provider(provider="p"),),
        pools=tuple(
            Pool(
                pool=name,
                provider="p",
                node="world",
                region="r",
                gpu_model=name,
                kind=PoolKind.ON_DEMAND,
                capacity_gpus=_MOST_GPUS,
                price_per_gpu_hour=Decimal(gpu.price),
            )
            for name, gpu in GPUS.items()
        ),
        models=(
            Model(
                model="m",
                classes=tuple(case.rates),
                configs=tuple(
                    Config(
                        config=name,
                        gpu_model=name,
                        gpus=1,
                        tokens_per_second={
                            size: speed * _tokens(size) for size, speed in speeds.items()
                        },
                    )
                    for name, speeds in case.speeds.items()
                ),
            ),
        ),
        demand=tuple(
            Demand(model="m", class_name=size, node="world", tokens_per_second=rate * _tokens(size))
            for size, rate in case.rates.items()
        ),
        policy=Policy(opportunity_cost_per_gpu_hour=Decimal(0)),
    )


def _tokens(size: str) -> int:
    return sum(int(tokens) for tokens in size.split("-"))
