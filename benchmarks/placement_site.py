"""Invented sites to plan for: clouds, regions, GPUs, served models and their demand.

Everything is drawn from a seed, so a size and a seed name one site for good. The tree is world,
continents, areas; a region lies in one area. Figures are of the right order and nothing more.
Demand is a share of what the firm pools of the site can serve; a bigger `gpus` is the same trade
on a bigger site. `gpus` counts in B200 equivalents, so a site has somewhat more GPUs than that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from broker.placement.snapshot import (
    Config,
    Demand,
    Model,
    Pool,
    PoolKind,
    Provider,
    Snapshot,
    TreeNode,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

AS_OF = datetime(2026, 11, 21, tzinfo=UTC)
UTILIZATION = 0.78
"""Demand as a share of what the firm pools could serve."""

SUNK_SHARE_OF_LIST = Decimal("0.6")
"""What a GPU under contract costs, as a share of the list price."""


class Shape(NamedTuple):
    """A GPU model: its strength beside a B200, memory, GPUs of a machine, dollars an hour."""

    gpu_model: str
    b200_equivalent: float
    memory_gb: int
    machine_gpus: int
    list_price: float


B200 = Shape("B200", 1.00, 192, 8, 5.50)
SHAPES = (
    Shape("A100-80", 0.20, 80, 8, 1.60),
    Shape("H100", 0.42, 80, 8, 2.90),
    Shape("H200", 0.52, 141, 8, 3.60),
    B200,
    Shape("GB200", 1.10, 192, 4, 6.20),
    Shape("B300", 1.30, 288, 8, 7.00),
    Shape("GB300", 1.42, 288, 4, 7.80),
    Shape("MI300X", 0.50, 192, 8, 2.60),
    Shape("MI355X", 0.95, 288, 8, 4.70),
    Shape("L40S", 0.11, 48, 8, 0.95),
    Shape("TPUv6e", 0.33, 32, 8, 2.10),
    Shape("RTXP6000", 0.20, 96, 8, 1.50),
)
_COMMONEST = (3, 1, 2, 4, 7, 8, 5, 0, 6, 9, 10, 11)  # which shapes a smaller site has
_WEIGHTS_GB, _WEIGHTS_ODDS = (16, 75, 240, 680), (0.35, 0.30, 0.22, 0.13)
_CONTINENTS = {"us-e": "AM", "us-w": "AM", "ca": "AM", "sa": "AM", "eu-w": "EU", "eu-n": "EU"}
_CONTINENTS |= {"me": "EU", "in": "AP", "ap-ne": "AP", "ap-se": "AP"}
_AREAS = tuple(_CONTINENTS)
_AVAILABILITY_BY_TIER = (0.9990, 0.9970, 0.990)
_MIX = {"chat": 0.8, "long": 0.2}  # tokens by class, where a model has two
_TOKENS = 1000  # work is drawn in thousands of tokens per second


class Size(NamedTuple):
    """How many of each a site has."""

    providers: int
    regions: int
    shapes: int
    models: int
    gpus: int


SIZES = {
    "nano": Size(2, 2, 2, 2, 40),
    "tiny": Size(2, 3, 3, 2, 60),
    "small": Size(3, 6, 4, 5, 1_500),
    "modest": Size(5, 10, 6, 15, 5_000),
    "medium": Size(10, 20, 8, 50, 20_000),
    "large": Size(18, 40, 12, 200, 150_000),
}


class EmptySiteError(ValueError):
    """Nothing at all is offered on the site of this size and seed; take the next seed."""


def make_snapshot(
    size: str, seed: int, *, gpus: int | None = None, second_class: bool = False
) -> Snapshot:
    """Return the site of a size and a seed.

    With `gpus` it has so many B200 equivalents instead of those of the size; with `second_class`
    every third model has long requests beside its chat, served at other speeds.
    """
    draw = np.random.default_rng(seed)
    ground = _ground(draw, SIZES[size], gpus=gpus or SIZES[size].gpus)
    pools = tuple(_pools(draw, ground))
    models, demand = _models(draw, ground, pools)
    if second_class:
        models, demand = _with_long_requests(np.random.default_rng(seed), models, demand)
    return Snapshot(
        as_of=AS_OF,
        tree=tuple(_tree(ground.areas)),
        providers=tuple(
            Provider(provider=f"p{number:02}", is_gold=tier == 0)
            for number, tier in enumerate(ground.tiers)
        ),
        pools=pools,
        models=models,
        demand=demand,
    )


class _Cell(NamedTuple):
    """GPUs of one shape that one provider has in one region."""

    provider: int
    region: int
    shape: int
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What is settled before pools and models are drawn."""

    size: Size
    gpus: int
    shapes: tuple[Shape, ...]
    areas: tuple[str, ...]
    area_of_region: Whole
    tiers: tuple[int, ...]
    cells: tuple[_Cell, ...]

    def area(self, pool: Pool) -> int:
        """Return the number of the pool's area."""
        return self.areas.index(pool.node)


def _ground(draw: np.random.Generator, size: Size, *, gpus: int) -> _Ground:
    numbers = range(12) if size.shapes == len(SHAPES) else _COMMONEST[: size.shapes]
    shapes = tuple(SHAPES[number] for number in numbers)
    areas = min(len(_AREAS), max(2, size.regions // 3))
    area_of_region = np.arange(size.regions) % areas
    if size.regions > areas:
        area_of_region[areas:] = draw.integers(0, areas, size.regions - areas)
    third = max(1, size.providers // 3)
    return _Ground(
        size=size,
        gpus=gpus,
        shapes=shapes,
        areas=_AREAS[:areas],
        area_of_region=area_of_region,
        tiers=tuple(([0] * third + [1] * third + [2] * size.providers)[: size.providers]),
        cells=tuple(_cells(draw, size, shapes.index(B200))),
    )


def _cells(draw: np.random.Generator, size: Size, b200: int) -> Iterator[_Cell]:
    weights = draw.lognormal(0, 0.55, size.providers)
    weights[: max(1, size.providers // 5)] *= 1.6
    for provider in range(size.providers):
        regions = _share_of(draw, size.regions, least=1 / 6, most=1 / 2)
        count = _share_of(draw, size.shapes, least=1 / 4, most=3 / 4)
        shapes = draw.choice(size.shapes, count, replace=False)
        if draw.random() < 0.8 and b200 not in shapes:
            shapes = np.append(shapes, b200)
        for region in draw.choice(size.regions, regions, replace=False):
            for shape in shapes:
                if draw.random() < 0.55:
                    weight = weights[provider] * draw.lognormal(0, 0.7)
                    yield _Cell(provider, int(region), int(shape), float(weight))


def _share_of(draw: np.random.Generator, count: int, *, least: float, most: float) -> int:
    drawn = draw.integers(max(1, int(count * least)), max(2, int(count * most)) + 1)
    return int(np.clip(drawn, 1, count))


def _pools(draw: np.random.Generator, ground: _Ground) -> Iterator[Pool]:
    if not ground.cells:
        raise EmptySiteError(f"nothing is offered on this site of {ground.size}; take another seed")
    strength = sum(it.weight * ground.shapes[it.shape].b200_equivalent for it in ground.cells)
    dear_provider = draw.normal(1, 0.12, ground.size.providers).clip(0.75, 1.35)
    dear_region = draw.normal(1, 0.06, ground.size.regions).clip(0.88, 1.2)
    for cell in ground.cells:
        price = ground.shapes[cell.shape].list_price * dear_provider[cell.provider]
        price = float(price * dear_region[cell.region])
        yield from _pools_of(
            draw, ground, cell, gpus=cell.weight / strength * ground.gpus, price=price
        )


def _pools_of(
    draw: np.random.Generator, ground: _Ground, cell: _Cell, *, gpus: float, price: float
) -> Iterator[Pool]:
    step = ground.shapes[cell.shape].machine_gpus
    steady = _AVAILABILITY_BY_TIER[ground.tiers[cell.provider]]
    has_any = False
    for kind, odds, share, discount in (
        (PoolKind.CONTRACT, 0.80, 0.70, 1.0),
        (PoolKind.RESERVED, 0.25, 0.20, 0.72),
        (PoolKind.ON_DEMAND, 0.75, 0.45, 1.0),
    ):
        capacity = int(gpus * share // step * step)
        if draw.random() < odds and capacity > 0:
            has_any = True
            yield _pool(
                ground, cell, kind, capacity=capacity, price=price * discount, steady=steady
            )
    if not has_any:
        capacity = step * max(1, int(gpus * 0.2) // step)
        yield _pool(ground, cell, PoolKind.ON_DEMAND, capacity=capacity, price=price, steady=steady)
    capacity = int(gpus * 0.3 // step * step)
    if draw.random() < 0.45 and capacity > 0:
        steady = float(np.clip(draw.normal(0.88, 0.05), 0.7, 0.97))
        price *= draw.uniform(0.35, 0.65)
        yield _pool(ground, cell, PoolKind.SPOT, capacity=capacity, price=price, steady=steady)


def _pool(
    ground: _Ground, cell: _Cell, kind: PoolKind, *, capacity: int, price: float, steady: float
) -> Pool:
    shape, exact = ground.shapes[cell.shape], Decimal(f"{price:.4f}")
    is_paid = kind is PoolKind.CONTRACT
    return Pool(
        pool=f"p{cell.provider:02}/r{cell.region:02}/{shape.gpu_model}/{kind}",
        provider=f"p{cell.provider:02}",
        node=ground.areas[ground.area_of_region[cell.region]],
        region=f"r{cell.region:02}",
        gpu_model=shape.gpu_model,
        kind=kind,
        capacity_gpus=capacity,
        step_gpus=shape.machine_gpus,
        price_per_gpu_hour=Decimal("0.0000") if is_paid else exact,
        sunk_price_per_gpu_hour=exact * SUNK_SHARE_OF_LIST if is_paid else Decimal(0),
        availability=round(steady, 6),
    )


def _models(
    draw: np.random.Generator, ground: _Ground, pools: Sequence[Pool]
) -> tuple[tuple[Model, ...], tuple[Demand, ...]]:
    count = ground.size.models
    weights = np.array(_WEIGHTS_GB)[draw.choice(4, count, p=_WEIGHTS_ODDS)]
    weights = weights * draw.uniform(0.6, 1.5, count)
    configs = [tuple(_configs(draw, ground, float(weight))) for weight in weights]
    popularity = draw.permutation(1 / np.arange(3, count + 3) ** 0.85)
    demand = tuple(_demand(draw, ground, pools, configs, popularity / popularity.sum()))
    priorities = draw.choice([100, 300, 900], count, p=[0.3, 0.4, 0.3])
    survival = draw.choice([0.5, 0.7, 0.9], count, p=[0.3, 0.4, 0.3])
    spot = draw.choice([0.0, 0.2, 0.4], count)
    gold = draw.choice([0.0, 0.3, 0.5], count, p=[0.5, 0.3, 0.2])
    starts = draw.uniform(0.5, 3, count)
    models = tuple(
        Model(
            model=f"m{number:03}",
            priority=int(priorities[number]),
            headroom=0.1,
            survival=float(survival[number]),
            max_spot_share=float(spot[number]),
            min_gold_share=float(gold[number]),
            start_cost=Decimal(f"{starts[number]:.4f}"),
            configs=tuple(_rounded(config) for config in configs[number]),
        )
        for number in range(count)
    )
    return models, demand


def _configs(draw: np.random.Generator, ground: _Ground, weights_gb: float) -> Iterator[Config]:
    has_any = False
    for shape in ground.shapes:
        fitting = (gpus for gpus in (1, 2, 4, 8, 16) if gpus >= weights_gb * 1.35 / shape.memory_gb)
        gpus = next(fitting, 0)
        if gpus == 0 or (gpus > 8 and shape.memory_gb < 80) or draw.random() < 0.12:
            continue
        fitness = max(0.45, draw.normal(1, 0.12)) * gpus**-0.06
        has_any = True
        yield _config(shape, gpus=gpus, weights_gb=weights_gb, fitness=float(fitness))
    if not has_any:
        roomiest = max(ground.shapes, key=lambda shape: shape.memory_gb)
        yield _config(roomiest, gpus=8, weights_gb=weights_gb, fitness=1.0)


def _config(shape: Shape, *, gpus: int, weights_gb: float, fitness: float) -> Config:
    speed = 9.0 * shape.b200_equivalent * gpus * (16 / weights_gb) ** 0.55 * fitness
    return Config(
        config=f"{shape.gpu_model}-tp{gpus}",
        gpu_model=shape.gpu_model,
        gpus=gpus,
        tokens_per_second={"default": max(0.05, speed) * _TOKENS},
    )


def _rounded(config: Config) -> Config:
    speed = round(config.tokens_per_second["default"], 1)
    return replace(config, tokens_per_second={"default": speed})


def _demand(
    draw: np.random.Generator,
    ground: _Ground,
    pools: Sequence[Pool],
    configs: Sequence[tuple[Config, ...]],
    popularity: Floats,
) -> Iterator[Demand]:
    strength = {shape.gpu_model: shape.b200_equivalent for shape in ground.shapes}
    supply = np.zeros(len(ground.areas))
    for pool in pools:
        if pool.kind.is_firm:
            supply[ground.area(pool)] += pool.capacity_gpus * strength[pool.gpu_model]
    roomy = tuple(
        len({pool.provider for pool in pools if pool.node == area}) >= 3 for area in ground.areas
    )
    for number, mine in enumerate(configs):
        per_b200 = np.mean(
            [it.tokens_per_second["default"] / (it.gpus * strength[it.gpu_model]) for it in mine]
        )
        tokens = float(popularity[number] * supply.sum() * UTILIZATION * per_b200)
        for node, share in _spread(draw, ground, supply=supply, roomy=roomy):
            yield Demand(
                model=f"m{number:03}",
                class_name="default",
                node=node,
                tokens_per_second=round(tokens * share, 1),
            )


def _spread(
    draw: np.random.Generator, ground: _Ground, *, supply: Floats, roomy: Sequence[bool]
) -> Iterator[tuple[str, float]]:
    """Yield where a model's demand is bound to: areas and the world, continents, or the world."""
    kind = draw.choice(3, p=[0.55, 0.25, 0.20])
    shares = supply / supply.sum() * draw.lognormal(0, 0.45, len(supply))
    shares = dict(zip(ground.areas, shares / shares.sum(), strict=True))
    if kind == 2:
        yield "world", 1.0
        return
    interactive = [
        area
        for area, is_roomy in zip(ground.areas, roomy, strict=True)
        if kind == 0 and shares[area] > 0.03 and is_roomy
    ]
    for area in interactive:
        yield area, 0.8 * float(shares[area])
    for continent in _continents(ground.areas):
        rest = sum(
            float(share)
            for area, share in shares.items()
            if _CONTINENTS[area] == continent and area not in interactive
        )
        if rest > (0.01 if kind == 0 else 0.03):
            yield continent, (0.8 if kind == 0 else 1.0) * rest
    if kind == 0:
        yield "world", 0.2


def _tree(areas: Sequence[str]) -> Iterator[TreeNode]:
    yield TreeNode(node="world")
    for continent in _continents(areas):
        yield TreeNode(node=continent, parent="world")
    for area in areas:
        yield TreeNode(node=area, parent=_CONTINENTS[area])


def _continents(areas: Sequence[str]) -> list[str]:
    return sorted({_CONTINENTS[area] for area in areas})


def _with_long_requests(
    draw: np.random.Generator, models: tuple[Model, ...], demand: tuple[Demand, ...]
) -> tuple[tuple[Model, ...], tuple[Demand, ...]]:
    mixed = {model.model for model in models[::3]}
    rows = (
        (replace(row, class_name=name, tokens_per_second=round(row.tokens_per_second * share, 1)))
        for row in demand
        for name, share in (_MIX if row.model in mixed else {row.class_name: 1.0}).items()
    )
    return (
        tuple(_mixed(draw, model) if model.model in mixed else model for model in models),
        tuple(rows),
    )


def _mixed(draw: np.random.Generator, model: Model) -> Model:
    """Give the model two classes: long requests are slower, less so on some GPUs than on others."""
    speeds = [config.tokens_per_second["default"] for config in model.configs]
    configs = tuple(
        replace(
            config,
            tokens_per_second={"chat": speed, "long": round(speed * draw.uniform(0.2, 0.7), 1)},
        )
        for config, speed in zip(model.configs, speeds, strict=True)
    )
    return replace(model, classes=tuple(_MIX), configs=configs)
