"""Whether leases hold while everything breaks: `python benchmarks/fault.py --minutes N`.

The long form of the trial in `tests/broker/faults`, from a checkout: real servers, a real database,
holders that retry, send twice, hang up and fall silent; servers are killed, PostgreSQL crashes, on
SQLite the clock leaps. Prints one line of JSON for each database; ends with 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

import checkout  # noqa: F401 - must come before what it makes findable

from tests.broker.faults.trial import Course, a_site, run_trial
from tests.throwaway_postgres import OUTLIVES_A_POWER_CUT

SERVERS = {"sqlite": 1, "postgresql": 2}
BLOW_EVERY_SECONDS = {"sqlite": 3.0, "postgresql": 4.0}


def main(kinds: list[str], course: argparse.Namespace) -> int:
    """Run a trial on each database; return how many ended with something wrong."""
    failed = 0
    for kind in kinds:
        with (
            tempfile.TemporaryDirectory(prefix="tonnage-fault-") as folder,
            a_site(
                kind, Path(folder), servers=SERVERS[kind], postgres=OUTLIVES_A_POWER_CUT
            ) as site,
        ):
            report = run_trial(
                site,
                Course(
                    seconds=course.minutes * 60,
                    seed=course.seed,
                    holders=course.holders,
                    blow_every_seconds=BLOW_EVERY_SECONDS[kind],
                ),
            )
        print(report.as_json(), flush=True)
        failed += bool(report.violations)
    return failed


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--minutes", type=float, default=2.0)
    arguments.add_argument("--database", choices=sorted(SERVERS), help="only this one")
    arguments.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    arguments.add_argument("--holders", type=int, default=32)
    given = arguments.parse_args()
    chosen = [given.database] if given.database else sorted(SERVERS)
    sys.exit(min(1, main(chosen, given)))
