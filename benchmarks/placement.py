"""How fast and how good plans are: `python benchmarks/placement.py [--size large] [--seeds 1 2]`.

Prints a table for each part, the target beside each figure, and marks what is missed; ends with 1
if anything is. Parts: plans, loss (of the greatest provider), peers (SciPy on medium, PuLP on
small), slices (mixed request sizes), growth (of the site; `--chart FILE` for a Vega-Lite chart).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple, TypeVar

from placement_measures import (
    Figures,
    measure_peer,
    measure_plan,
    measure_slices,
    measure_straightforward,
)

GROWTH_GPUS = (10_000, 30_000, 100_000, 300_000, 1_000_000)
SEEDS = (1, 2, 3, 4, 5)

_Result = TypeVar("_Result")


class Target(NamedTuple):
    """What a figure must be at least, or at most."""

    limit: float
    is_most: bool = True

    def is_met(self, value: float | str | None) -> bool:
        """Say whether the figure is there and within the limit."""
        if not isinstance(value, int | float):
            return False
        return value <= self.limit if self.is_most else value >= self.limit

    def __str__(self) -> str:
        return f"{'at most' if self.is_most else 'at least'} {_shown(self.limit)}"


ALWAYS = {
    "violations": Target(0),
    "unserved beyond the LP / demand": Target(1e-4),
    "survival short beyond the LP / demand": Target(1e-3),
    "gold short beyond the LP / demand": Target(1e-3),
}
OF_LARGE = {
    "first checked plan, s": Target(3),
    "bound and plan, s": Target(20),
    "gap_managed": Target(0.005),
    "gap_variable": Target(0.025),
    "memory, MB": Target(500),
    "purchases / greedy": Target(0.60),
}
OF_LOSS = {
    "repair, s": Target(2),
    "served after repair": Target(0.95, is_most=False),
    "repair violations": Target(0),
    "re-plan, s": Target(20),
    "not served that could be": Target(1e-4),
    "re-plan violations": Target(0),
}
OF_PEERS = {"as good after / its time": Target(0.1)}
OF_SLICES = {"continuous / best": Target(1 + 1e-6), "violations": Target(0)}


class Part(NamedTuple):
    """Figures of several runs, and what some of them must be."""

    name: str
    runs: Mapping[str, Figures]
    targets: Mapping[str, Target]

    @property
    def missed(self) -> int:
        """How many figures are not what they must be."""
        return sum(
            not target.is_met(run.get(what))
            for run in self.runs.values()
            for what, target in self.targets.items()
        )


def main(arguments: argparse.Namespace) -> int:
    """Measure, print, and say how it ended."""
    parts = []
    for name in arguments.parts:
        for part in PARTS[name](arguments):
            parts.append(part)
            if not arguments.json:
                print(f"\n{part.name}\n{_table(part)}", flush=True)
    missed = sum(part.missed for part in parts)
    if arguments.json:
        print(json.dumps({part.name: part.runs for part in parts}, indent=1))
    else:
        print(f"\ntargets missed: {missed}")
    return 1 if missed else 0


def _plans(arguments: argparse.Namespace) -> Iterator[Part]:
    size = arguments.size
    targets = {**ALWAYS, **(OF_LARGE if size == "large" else {})}
    yield Part(f"plans, {size}", _by_seed(measure_plan, size, arguments.seeds), targets)


def _loss(arguments: argparse.Namespace) -> Iterator[Part]:
    from placement_loss import measure_loss  # the other parts do without the repair of plans

    runs = _by_seed(measure_loss, arguments.size, arguments.seeds)
    yield Part(f"loss of the greatest provider, {arguments.size}", runs, OF_LOSS)


def _peers(arguments: argparse.Namespace) -> Iterator[Part]:
    yield Part("beside SciPy, medium", _by_seed(measure_peer, "medium", arguments.seeds), OF_PEERS)
    yield Part(
        "beside PuLP, small", _by_seed(measure_straightforward, "small", arguments.seeds), {}
    )


def _slices(_: argparse.Namespace) -> Iterator[Part]:
    yield Part("mixed request sizes", _alone(measure_slices), OF_SLICES)


def _growth(arguments: argparse.Namespace) -> Iterator[Part]:
    seed = arguments.seeds[0]
    runs = {f"{it:,}": _alone(measure_plan, "large", seed, it) for it in GROWTH_GPUS}
    yield Part("growth", runs, ALWAYS)
    if arguments.chart is not None:
        arguments.chart.write_text(json.dumps(_chart(runs), indent=1) + "\n")


PARTS: dict[str, Callable[[argparse.Namespace], Iterator[Part]]] = {
    "plans": _plans,
    "loss": _loss,
    "peers": _peers,
    "slices": _slices,
    "growth": _growth,
}


def _by_seed(
    measure: Callable[[str, int], Figures], size: str, seeds: list[int]
) -> dict[str, Figures]:
    return {f"seed {seed}": _alone(measure, size, seed) for seed in seeds}


def _alone(measure: Callable[..., _Result], *arguments: object) -> _Result:
    """Measure in a fresh process, so that memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as one:
        return one.submit(measure, *arguments).result()


def _table(part: Part) -> str:
    """Return a row for each figure and a column for each run, or the other way if that is more."""
    figures, targets = part.runs, part.targets
    whats = list(dict.fromkeys(what for column in figures.values() for what in column))
    rows = [["", *figures, "target"]]
    for what in whats:
        target = targets.get(what)
        cells = [_marked(column.get(what), target) for column in figures.values()]
        rows.append([what, *cells, str(target or "")])
    if len(figures) > len(whats):
        rows = [list(row) for row in zip(*rows, strict=True)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _marked(value: float | str | None, target: Target | None) -> str:
    missed = target is not None and not target.is_met(value)
    return f"{'MISSED ' if missed else ''}{_shown(value)}"


def _shown(value: float | str | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if float(value).is_integer() or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 0.1 else f"{value:.3f}"


def _chart(grown: Mapping[str, Figures]) -> dict[str, object]:
    """Return a chart of seconds over GPUs that any Vega-Lite viewer draws."""
    values = [
        {"gpus": column["GPUs"], "what": what, "seconds": column[what]}
        for column in grown.values()
        for what in ("first checked plan, s", "bound and plan, s")
    ]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": "Seconds to a plan, by the GPUs of the site",
        "data": {"values": values},
        "mark": {"type": "line", "point": True},
        "encoding": {
            "x": {"field": "gpus", "type": "quantitative", "scale": {"type": "log"}},
            "y": {"field": "seconds", "type": "quantitative"},
            "color": {"field": "what", "type": "nominal", "title": None},
        },
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="large")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--chart", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main(_arguments()))
