"""While servers are killed, the database crashes and the clock leaps, no GPU is promised twice."""

from pathlib import Path

import pytest

from tests.broker.faults.trial import Course, Report, a_site, run_trial
from tests.conftest import skip_unless_required
from tests.throwaway_postgres import find_binaries

SEED = 4


def require_proof(report: Report) -> None:
    """Nothing is wrong, and enough happened for that to mean something."""
    told = report.as_json()
    assert report.violations == (), told
    assert report.counts["grants"] > 20, told
    assert report.counts["refused"] > 0, told
    assert report.counts["kill"] > 0, told
    assert report.counts["no_answer"] > 0, told
    assert report.counts["sent_twice"] > 0, told


@pytest.mark.fault
def test_killed_servers_and_a_leaping_clock_cost_nobody_a_lease_on_sqlite(tmp_path: Path) -> None:
    with a_site("sqlite", tmp_path) as site:
        report = run_trial(site, Course(seconds=7, seed=SEED))

    require_proof(report)
    assert report.counts["step"] > 0, report.as_json()


@pytest.mark.fault
@pytest.mark.postgres
def test_killed_servers_and_a_crashed_database_cost_nobody_a_lease_on_postgresql(
    tmp_path: Path,
) -> None:
    if find_binaries() is None:
        skip_unless_required("postgres")
    with a_site("postgresql", tmp_path, servers=2) as site:
        report = run_trial(site, Course(seconds=8, seed=SEED, blow_every_seconds=3))

    require_proof(report)
    assert report.counts["crash"] > 0, report.as_json()
