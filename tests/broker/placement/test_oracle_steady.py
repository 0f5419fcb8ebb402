"""The same snapshot gets the same plan: again, in another order, in another process."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from benchmarks.placement_site import make_snapshot
from broker.placement.snapshot import Snapshot
from tests.broker.placement.sites_drawn import planned

_Thing = TypeVar("_Thing")

ROOT = Path(__file__).parents[3]
RUNS = 10
ASK = """
from benchmarks.placement_site import make_snapshot
from broker.placement.planning import make_plan
print(make_plan(make_snapshot({size!r}, {seed}), elapsed=lambda: 0.0).digest)
"""


def shuffled(snapshot: Snapshot, seed: int) -> Snapshot:
    order = random.Random(seed)

    def mixed(things: tuple[_Thing, ...]) -> tuple[_Thing, ...]:
        return tuple(order.sample(things, len(things)))

    return replace(
        snapshot,
        tree=mixed(snapshot.tree),
        providers=mixed(snapshot.providers),
        pools=mixed(snapshot.pools),
        models=tuple(replace(it, configs=mixed(it.configs)) for it in mixed(snapshot.models)),
        demand=mixed(snapshot.demand),
    )


def digest_of_another_process(size: str, seed: int, *, hash_seed: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ASK.format(size=size, seed=seed)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.split()[-1]


@pytest.mark.parametrize(("size", "seed"), [("nano", 1), ("tiny", 2), ("small", 1)])
def test_ten_runs_make_one_plan(size: str, seed: int) -> None:
    assert len({planned(make_snapshot(size, seed)).digest for _ in range(RUNS)}) == 1


@pytest.mark.parametrize(("size", "seed"), [("nano", 1), ("nano", 5), ("tiny", 2), ("small", 1)])
def test_the_order_of_the_snapshot_is_no_matter(size: str, seed: int) -> None:
    snapshot = make_snapshot(size, seed)

    digests = {planned(shuffled(snapshot, order)).digest for order in range(5)}

    assert digests == {planned(snapshot).digest}


def test_two_processes_make_one_plan() -> None:
    digests = {digest_of_another_process("small", 1, hash_seed=it) for it in ("1", "2")}

    assert digests == {planned(make_snapshot("small", 1)).digest}


def test_another_site_gets_another_plan() -> None:
    assert planned(make_snapshot("nano", 1)).digest != planned(make_snapshot("nano", 2)).digest
