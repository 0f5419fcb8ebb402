"""The benchmark of placement runs to its end on a small site; how long it takes is not asked."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.placement_slices import cases, sliced_dollars, snapshot_of
from tests.broker.placement.sites_drawn import planned

ROOT = Path(__file__).parents[2]


def measured(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "benchmarks/placement.py", "--json", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def test_a_small_site_is_planned_without_a_violation() -> None:
    figures = measured("--parts", "plans", "--size", "nano", "--seeds", "24")

    assert figures["plans, nano"]["seed 24"]["violations"] == 0
    assert figures["plans, nano"]["seed 24"]["money, $/h"] == 140.287


def test_a_continuous_split_costs_no_more_than_slices() -> None:
    case = next(it for it in cases() if it.name == "mixed, 8/s, tight")

    plan = planned(snapshot_of(case))

    assert plan.unserved == ()
    assert float(plan.cost_per_hour.money) <= sliced_dollars(case, 4) + 1e-6
    assert sliced_dollars(case, 4) <= sliced_dollars(case, 1)
