"""The benchmark of offers runs to its end on a small market; how long it takes is not asked."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_small_market_is_polled_searched_and_moved() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/offers.py", "--offers", "1500", "--days", "2"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "offer, change and price rows it wrote: 0" in done.stdout
    assert "all found the same" in done.stdout
    assert "stored / observed" in done.stdout
